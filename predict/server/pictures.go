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

// maxPictures is the number of pictures of one request.
const maxPictures = 64

// Answer is what /predict gives, beside the run what 'vzsl predict --json' prints.
type Answer struct {
	Run        string          `json:"run"`
	Classes    int             `json:"classes"`
	Calibrated bool            `json:"calibrated"`
	Images     []predict.Named `json:"images"`
}

// picture is one of a request's.
type picture struct {
	name string
	data []byte
}

// predict names the picture that is the request's body, or all files of a form.
func (s *Server) predict(w http.ResponseWriter, r *http.Request) {
	o, err := s.options(r.URL.Query())
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	pictures, release, ok := s.pictures(w, r)
	if !ok {
		return
	}
	defer release()
	classes := s.classes.Load()
	if len(classes.Names) == 0 {
		fail(w, http.StatusConflict, "there are no classes to choose from: PUT /classes/NAME adds one")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	all, code, err := s.name(ctx, pictures, classes, o)
	switch {
	case err == nil && code == 0:
		answer(w, http.StatusOK, Answer{s.o.Run, len(classes.Names), s.o.Model.Temperature() > 0, all})
	case err == nil: // none of them is a picture
		fail(w, code, "%s", all[0].Error)
	case ctx.Err() != nil:
		s.busy(w, r)
	default:
		s.o.Log.Error("predict", "error", err)
		fail(w, http.StatusInternalServerError, "%v", err)
	}
}

// pictures reads those of a request: its body, or all files of a form. ok is false where it has answered with an error; release
// must be called once they are no longer needed.
func (s *Server) pictures(w http.ResponseWriter, r *http.Request) (pictures []picture, release func(), ok bool) {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	release, ok = s.body(w, r, s.o.MaxBody, func(body io.Reader) (err error) {
		if kind == "multipart/form-data" {
			pictures, err = formFiles(multipart.NewReader(body, params["boundary"]))
			return err
		}
		data, err := io.ReadAll(body)
		pictures = []picture{{r.URL.Query().Get("name"), data}}
		return err
	})
	if ok && len(pictures) == 0 {
		release()
		fail(w, http.StatusBadRequest, "the form holds no file: send a picture as the body, or as a file of a form")
		return nil, nil, false
	}
	return pictures, release, ok
}

// addPictures teaches the model pictures of a class, at once: the posterior of the class's mean needs their sum alone.
func (s *Server) addPictures(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if name == "" {
		w.Header().Set("Allow", "GET")
		fail(w, http.StatusMethodNotAllowed, "POST is not possible here: pictures are those of a class, /classes/NAME")
		return
	}
	if _, ok := s.o.Model.(predict.Learner); !ok {
		fail(w, http.StatusNotImplemented, "models of this method do not learn from pictures without training; those of vzsl (with its closed-form block) and plda do")
		return
	}
	if !slices.Contains(s.classes.Load().Names, name) {
		fail(w, http.StatusNotFound, "there is no class %q: PUT its description first", name)
		return
	}
	pictures, release, ok := s.pictures(w, r)
	if !ok {
		return
	}
	defer release()
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	all, features, of, code, err := s.compute(ctx, pictures)
	switch {
	case err != nil && ctx.Err() != nil:
		s.busy(w, r)
		return
	case err != nil:
		s.o.Log.Error("add pictures", "error", err)
		fail(w, http.StatusInternalServerError, "%v", err)
		return
	case len(of) < len(pictures): // all or none: who sent them would not know which count
		for _, p := range all {
			if p.Error != "" {
				fail(w, code, "%s: %s; none of the pictures was added", p.Image, p.Error)
				return
			}
		}
	}
	began := time.Now()
	count := 0
	err = s.edit(func(c *known) error {
		i := slices.Index(c.Names, name)
		if i < 0 {
			return fmt.Errorf("the class %q was removed meanwhile", name)
		}
		for j, v := range c.Vectors {
			if j != i && slices.Equal(v, c.Vectors[i]) {
				return fmt.Errorf("the classes %q and %q have the same description: pictures of one would count for both; describe them apart first", name, c.Names[j])
			}
		}
		m, err := c.model.(predict.Learner).Learn(c.Vectors[i], features, len(of))
		if err != nil {
			return err
		}
		if c.pictures == nil {
			c.pictures = map[string][]float32{}
		}
		c.model, c.pictures[name] = m, slices.Concat(c.pictures[name], features)
		count = len(c.pictures[name]) / s.o.Model.FeatureDim()
		return nil
	})
	if err != nil {
		fail(w, http.StatusConflict, "%v", err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"class": name, "added": len(of), "pictures": count, "learning_seconds": time.Since(began).Seconds()})
}

// name answers for pictures; code is the status of the first where none can be used.
func (s *Server) name(ctx context.Context, pictures []picture, classes *known, o predict.Options) (all []predict.Named, code int, err error) {
	all, features, of, code, err := s.compute(ctx, pictures)
	if err != nil || len(of) == 0 {
		return all, code, err
	}
	answers, err := predict.Rank(ctx, classes.model, features, len(of), &classes.Classes, o)
	if err != nil {
		return nil, 0, err
	}
	for k, i := range of {
		all[i].Answer = &answers[k]
	}
	return all, 0, nil
}

// compute gives the features of pictures, one after another, and which pictures they are of; code is the status of the first that
// cannot be used.
func (s *Server) compute(ctx context.Context, pictures []picture) (all []predict.Named, features []float32, of []int, code int, err error) {
	type computed struct {
		feature []float32
		err     error
	}
	results := make([]chan computed, len(pictures))
	for i, p := range pictures {
		results[i] = make(chan computed, 1)
		go func() {
			var c computed
			defer func() {
				if r := recover(); r != nil {
					c = computed{err: fmt.Errorf("the program failed: %v", r)}
				}
				results[i] <- c
			}()
			c.feature, c.err = s.o.Pictures.Picture(ctx, p.data)
		}()
	}
	all = make([]predict.Named, len(pictures))
	for i, p := range pictures {
		c := <-results[i]
		all[i].Image = p.name
		if c.err == nil {
			features, of = append(features, c.feature...), append(of, i)
			continue
		}
		status := s.o.Refused(c.err)
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

// formFiles reads the files of a form; its other fields are left out.
func formFiles(form *multipart.Reader) ([]picture, error) {
	var all []picture
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
		if len(all) == maxPictures {
			return nil, fmt.Errorf("more than %d files", maxPictures)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		all = append(all, picture{part.FileName(), data})
	}
}

// options are those of the request: ?top=3&none_below=0.2&explain=5
func (s *Server) options(q url.Values) (predict.Options, error) {
	o := s.o.Predict
	if v := q.Get("top"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1_000_000 {
			return o, fmt.Errorf("top=%q: a number of classes is wanted", v)
		}
		o.Top = n
	}
	if v := q.Get("none_below"); v != "" {
		p, err := strconv.ParseFloat(v, 64)
		if err != nil || !(p >= 0 && p <= 1) {
			return o, fmt.Errorf("none_below=%q: a probability lies between 0 and 1", v)
		}
		o.NoneBelow = p
	}
	if v := q.Get("explain"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 100_000 {
			return o, fmt.Errorf("explain=%q: a number of attributes is wanted", v)
		}
		o.Explain = n
	}
	return o, nil
}
