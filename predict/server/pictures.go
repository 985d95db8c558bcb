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
	"strconv"

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
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var pictures []picture
	release, ok := s.body(w, r, s.o.MaxBody, func(body io.Reader) error {
		if kind == "multipart/form-data" {
			pictures, err = formFiles(multipart.NewReader(body, params["boundary"]))
			return err
		}
		data, err := io.ReadAll(body)
		pictures = []picture{{r.URL.Query().Get("name"), data}}
		return err
	})
	if !ok {
		return
	}
	defer release()
	if len(pictures) == 0 {
		fail(w, http.StatusBadRequest, "the form holds no file: send a picture as the body, or as a file of a form")
		return
	}
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

// name answers for pictures; code is the status of the first where none can be used.
func (s *Server) name(ctx context.Context, pictures []picture, classes *predict.Classes, o predict.Options) (all []predict.Named, code int, err error) {
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
	var features []float32
	var of []int
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
	if err != nil || len(of) == 0 {
		return all, code, err
	}
	answers, err := predict.Rank(s.o.Model, features, len(of), classes, o)
	if err != nil {
		return nil, 0, err
	}
	for k, i := range of {
		all[i].Answer = &answers[k]
	}
	return all, 0, nil
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
