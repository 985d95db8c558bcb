package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"vzsl/predict"
	"vzsl/predict/description"
)

// draft is a class that is being described: it is a candidate in one request and is not stored.
type draft struct {
	Class  string     `json:"class"`
	Values []*float32 `json:"values"` // in the order of /attributes; null: missing
}

// rankRequest asks to rank images again that were sent before.
type rankRequest struct {
	Pictures []string `json:"pictures"` // ids of the images
	Draft    *draft   `json:"draft"`    // replaces the class of the same name, or is added
	Seen     bool     `json:"seen"`     // the seen classes are candidates too
}

// rankReply is the response of /rank.
type rankReply struct {
	Version    string                    `json:"version"` // version of the classes
	Classes    int                       `json:"classes"`
	Calibrated bool                      `json:"calibrated"`
	Images     []predict.ImagePrediction `json:"images"`  // images whose features are kept, in the order of the request
	Missing    []string                  `json:"missing"` // images whose features are not kept any more: send them again
	Draft      *description.Judgement    `json:"draft,omitempty"`
}

// errDraft: the draft is invalid.
var errDraft = errors.New("the draft")

// read reads a JSON body within the limits.
func (s *Server) read(w http.ResponseWriter, r *http.Request, v any) (ok bool) {
	text, release, ok := s.text(w, r, maxDescription)
	if !ok {
		return false
	}
	defer release()
	if err := json.Unmarshal(text, v); err != nil {
		fail(w, http.StatusBadRequest, "the body is not what docs/predict.md describes: %v", err)
		return false
	}
	return true
}

// rank ranks images again by their ids, without running the network.
func (s *Server) rank(w http.ResponseWriter, r *http.Request) {
	var q rankRequest
	o, ok := s.asked(w, r)
	if !ok {
		return
	}
	if !s.read(w, r, &q) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	set := s.classes.Load()
	reply := rankReply{Version: set.version, Calibrated: s.o.Model.Temperature() > 0, Images: []predict.ImagePrediction{}, Missing: []string{}}
	classes, err := s.candidates(set, &q, &o, &reply)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "%v", err)
		return
	}
	reply.Classes = len(classes.Names)
	var x []float32
	for _, id := range q.Pictures {
		if f, damage := s.kept.get(id); f != nil {
			reply.Images, x = append(reply.Images, predict.ImagePrediction{ID: id, Damaged: damage}), append(x, f...)
		} else {
			reply.Missing = append(reply.Missing, id)
		}
	}
	if len(reply.Images) > 0 && len(classes.Names) == 0 {
		fail(w, http.StatusConflict, noClasses)
		return
	}
	if len(reply.Images) > 0 {
		all, err := predict.Rank(ctx, set.model, x, len(reply.Images), classes, o)
		if err != nil {
			s.failed(w, r, ctx, err)
			return
		}
		for i := range all {
			reply.Images[i].Prediction = &all[i]
		}
	}
	respond(w, http.StatusOK, reply)
}

// failed replies with the error of a ranking.
func (s *Server) failed(w http.ResponseWriter, r *http.Request, ctx context.Context, err error) {
	if ctx.Err() != nil {
		s.busy(w, r)
		return
	}
	s.o.Log.Error("rank", "error", err)
	fail(w, http.StatusInternalServerError, "%v", err)
}

// candidates returns the classes including the draft, and the judgement of the draft.
func (s *Server) candidates(set *classSet, q *rankRequest, o *predict.Options, reply *rankReply) (*predict.Classes, error) {
	classes := set.Classes
	if q.Seen && s.o.Space != nil {
		classes = predict.Classes{Names: slices.Clone(classes.Names), Vectors: slices.Clone(classes.Vectors)}
		for i, name := range s.o.Space.Seen.Names {
			if !slices.Contains(set.Names, name) {
				classes.Names, classes.Vectors = append(classes.Names, name), append(classes.Vectors, s.o.Space.Seen.Vectors[i])
			}
		}
	}
	if q.Draft == nil {
		return &classes, nil
	}
	if err := checkName(q.Draft.Class); err != nil {
		return nil, fmt.Errorf("%w: %w", errDraft, err)
	}
	if n := len(s.o.Model.Attributes()); len(q.Draft.Values) != n {
		return nil, fmt.Errorf("%w has %d values for %d attributes", errDraft, len(q.Draft.Values), n)
	}
	v := raw(q.Draft.Values)
	if _, err := set.model.NormaliseClass(v); err != nil {
		return nil, fmt.Errorf("%w: %w", errDraft, err)
	}
	if s.o.Space != nil {
		reply.Draft = s.o.Space.Judge(q.Draft.Class, v, &set.Classes)
	}
	classes = predict.Classes{Names: slices.Clone(classes.Names), Vectors: slices.Clone(classes.Vectors)}
	if i := slices.Index(classes.Names, q.Draft.Class); i >= 0 {
		classes.Vectors[i] = v
	} else {
		classes.Names, classes.Vectors = append(classes.Names, q.Draft.Class), append(classes.Vectors, v)
	}
	o.Watch = q.Draft.Class
	return &classes, nil
}

// raw returns a vector with NaN for null.
func raw(values []*float32) []float32 {
	v := make([]float32, len(values))
	for k, x := range values {
		if v[k] = nan; x != nil {
			v[k] = *x
		}
	}
	return v
}
