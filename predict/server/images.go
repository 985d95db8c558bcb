package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"vzsl/predict"
)

// maxImages is the largest number of images in one request.
const maxImages = 64

// maxLearned is the largest number of feature values of labelled images together: 256 MB.
const maxLearned = 64 << 20

// Response is the response of /predict: the output of 'vzsl predict --json', and the run.
type Response struct {
	Run        string                    `json:"run"`
	Classes    int                       `json:"classes"`
	Calibrated bool                      `json:"calibrated"`
	Images     []predict.ImagePrediction `json:"images"`
}

// uploaded is an image of a request.
type uploaded struct {
	name string
	data []byte
}

// predict classifies the image that is the request's body, or all files of a form.
func (s *Server) predict(w http.ResponseWriter, r *http.Request) {
	o, ok := s.asked(w, r)
	if !ok {
		return
	}
	images, release, ok := s.images(w, r)
	if !ok {
		return
	}
	defer release()
	classes := s.classes.Load()
	if len(classes.Names) == 0 {
		fail(w, http.StatusConflict, noClasses)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	all, code, err := s.classify(ctx, images, classes, o)
	switch {
	case err == nil && code == 0:
		respond(w, http.StatusOK, Response{s.o.Run, len(classes.Names), s.o.Model.Temperature() > 0, all})
	case err == nil: // no file is an image
		fail(w, code, "%s", all[0].Error)
	case ctx.Err() != nil:
		s.busy(w, r)
	default:
		s.o.Log.Error("predict", "error", err)
		fail(w, http.StatusInternalServerError, "%v", err)
	}
}

// images reads the images of a request: its body, or all files of a form. ok is false if it has answered with an error;
// release must be called when they are no longer needed.
func (s *Server) images(w http.ResponseWriter, r *http.Request) (images []uploaded, release func(), ok bool) {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	release, ok = s.body(w, r, s.o.MaxBody, func(body io.Reader) (err error) {
		if kind == "multipart/form-data" {
			images, err = formFiles(multipart.NewReader(body, params["boundary"]))
			return err
		}
		data, err := io.ReadAll(body)
		images = []uploaded{{r.URL.Query().Get("name"), data}}
		return err
	})
	if ok && len(images) == 0 {
		release()
		fail(w, http.StatusBadRequest, "the form has no file: send an image as the body, or as a file of a form")
		return nil, nil, false
	}
	return images, release, ok
}

// addImages updates the model with images of a class, without training: the posterior of the class's mean depends only
// on their number and sum.
func (s *Server) addImages(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if name == "" {
		w.Header().Set("Allow", "GET")
		fail(w, http.StatusMethodNotAllowed, "POST is not allowed for this address: images are added to a class, /classes/NAME")
		return
	}
	if _, ok := s.o.Model.(predict.Learner); !ok {
		fail(w, http.StatusNotImplemented, notLearner)
		return
	}
	if !slices.Contains(s.classes.Load().Names, name) {
		fail(w, http.StatusNotFound, "there is no class %q: add its description with PUT first", name)
		return
	}
	images, release, ok := s.images(w, r)
	if !ok {
		return
	}
	defer release()
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	all, features, of, code, err := s.compute(ctx, images)
	switch {
	case err != nil && ctx.Err() != nil:
		s.busy(w, r)
		return
	case err != nil:
		s.o.Log.Error("add images", "error", err)
		fail(w, http.StatusInternalServerError, "%v", err)
		return
	case len(of) < len(images): // all or none: the client could not tell which were added
		for _, p := range all {
			if p.Error != "" {
				fail(w, code, "%s: %s; no image was added", p.Image, p.Error)
				return
			}
		}
	}
	began := time.Now()
	var labels []label
	dim := s.o.Model.FeatureDim()
	for k, i := range of {
		labels = append(labels, label{all[i].ID, all[i].Image, name, true, features[k*dim : (k+1)*dim]})
	}
	s.changed(w, http.StatusOK, func(c *classSet) error {
		if !slices.Contains(c.Names, name) {
			return fmt.Errorf("%w %q: it was removed in the meantime", errNoClass, name)
		}
		if other := c.sameAs(name); other != "" {
			return fmt.Errorf("%w: %q and %q: images of one would count for both; give them different descriptions first", errSame, name, other)
		}
		return s.label(c, labels...)
	}, func(c *classSet) any {
		return map[string]any{"class": name, "added": len(of), "pictures": c.learned()[name], "learning_seconds": time.Since(began).Seconds()}
	})
}

// classify predicts the classes of images; code is the status of the first one if none can be used.
func (s *Server) classify(ctx context.Context, images []uploaded, classes *classSet, o predict.Options) (all []predict.ImagePrediction, code int, err error) {
	all, features, of, code, err := s.compute(ctx, images)
	if err != nil || len(of) == 0 {
		return all, code, err
	}
	if err := s.recall(all); err != nil {
		s.o.Log.Error("update the model with stored labels", "error", err)
	}
	answers, err := predict.Rank(ctx, classes.model, features, len(of), &classes.Classes, o)
	if err != nil {
		return nil, 0, err
	}
	for k, i := range of {
		all[i].Prediction = &answers[k]
	}
	return all, 0, nil
}

// compute returns the features of images, one after another, and the indices of their images; code is the status of the
// first image that cannot be used.
func (s *Server) compute(ctx context.Context, images []uploaded) (all []predict.ImagePrediction, features []float32, of []int, code int, err error) {
	type computed struct {
		feature []float32
		damage  string
		err     error
	}
	results := make([]chan computed, len(images))
	ids := make([]string, len(images))
	for i, p := range images {
		results[i] = make(chan computed, 1)
		ids[i] = imageID(p.data)
		go func() {
			var c computed
			defer func() {
				if r := recover(); r != nil {
					c = computed{err: fmt.Errorf("internal error: %v", r)}
				}
				results[i] <- c
			}()
			if c.feature, c.damage = s.kept.get(ids[i]); c.feature == nil {
				c.feature, c.damage, c.err = s.o.Pictures.Picture(ctx, p.data)
			}
		}()
	}
	all = make([]predict.ImagePrediction, len(images))
	for i, p := range images {
		c := <-results[i]
		all[i].Image = p.name
		if c.err == nil {
			features, of = append(features, c.feature...), append(of, i)
			all[i].ID, all[i].Damaged = ids[i], c.damage
			s.kept.put(ids[i], c.feature, c.damage)
			continue
		}
		status := s.o.ImageStatus(c.err)
		if status == 0 {
			err = errors.Join(err, c.err)
			continue
		}
		all[i].Error = c.err.Error()
		if code == 0 {
			code = status
		}
	}
	return all, features, of, code, err
}

// formFiles reads the files of a form and ignores its other fields.
func formFiles(form *multipart.Reader) ([]uploaded, error) {
	var all []uploaded
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if part.FileName() == "" {
			continue
		}
		if len(all) == maxImages {
			return nil, fmt.Errorf("more than %d files in one request: send them in several", maxImages)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		all = append(all, uploaded{part.FileName(), data})
	}
}

// asked are the options of a request; ok is false if it has answered with an error.
func (s *Server) asked(w http.ResponseWriter, r *http.Request) (o predict.Options, ok bool) {
	o, err := s.options(r.URL.Query())
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
	}
	return o, err == nil
}

// options reads the options of a request: ?top=3&none_below=0.2&explain=5
func (s *Server) options(q url.Values) (predict.Options, error) {
	o := s.o.Predict
	if v := q.Get("top"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1_000_000 {
			return o, fmt.Errorf("top=%q: it must be a number of classes, at least 1", v)
		}
		o.Top = n
	}
	switch v := q.Get("none_below"); v {
	case "":
	case "auto":
		if s.o.Threshold == nil {
			return o, errors.New("none_below=auto: the model has no threshold selected on validation classes; give a probability")
		}
		o.NoneBelow, o.NoneBelowExcess = 0, s.o.Threshold
	default:
		p, err := strconv.ParseFloat(v, 64)
		if err != nil || !(p >= 0 && p <= 1) {
			return o, fmt.Errorf("none_below=%q: it must be a probability, between 0 and 1, or auto", v)
		}
		o.NoneBelow, o.NoneBelowExcess = p, nil
	}
	o.Excess = q.Get("excess") != ""
	if v := q.Get("explain"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 100_000 {
			return o, fmt.Errorf("explain=%q: it must be a number of attributes, at least 0", v)
		}
		o.Explain = n
	}
	return o, nil
}
