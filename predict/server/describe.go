package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"

	"vzsl/attributes"
)

// describedBy says how names and phrases become vectors: words (word vectors) or text (text encoder); "": they cannot.
func (s *Server) describedBy() string {
	if s.o.Lookup == nil {
		return ""
	}
	return cmp.Or(s.o.Words, "words")
}

// describe returns the vector of a class for its name or a phrase, without adding the class. Values that the words do
// not determine are null.
func (s *Server) describe(w http.ResponseWriter, r *http.Request) {
	if s.o.Lookup == nil {
		fail(w, http.StatusNotImplemented, "the model was not trained on texts or word vectors, or these were not found: describe the class by its attributes")
		return
	}
	var d described
	release, ok := s.body(w, r, maxDescription, func(body io.Reader) error {
		dec := json.NewDecoder(body)
		dec.DisallowUnknownFields()
		return dec.Decode(&d)
	})
	if !ok {
		return
	}
	defer release()
	if d.Class == "" && d.Phrase == "" || d.Attributes != nil {
		fail(w, http.StatusBadRequest, `the body must be {"class": "its name", "phrase": "its description"}, or one of the two`)
		return
	}
	vector, err := s.o.Lookup(r.Context(), cmp.Or(d.Class, d.Phrase), d.Phrase)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "%v", err)
		return
	}
	respond(w, http.StatusOK, described{Class: d.Class, Phrase: d.Phrase, Attributes: s.byName(vector)})
}

// vector returns a class's vector in the order of the model's attributes: values given by attribute name; the others
// from its name or phrase if the model was trained on word vectors or texts.
func (s *Server) vector(r *http.Request, name string, d *described) ([]float32, error) {
	names := s.o.Model.Attributes()
	t := &attributes.Table{Source: "the description", Classes: []string{name}, Values: make([][]float32, 1)}
	for _, a := range slices.Sorted(maps.Keys(d.Attributes)) {
		v := math.NaN()
		if x := d.Attributes[a]; x != nil {
			v = *x
		}
		if math.Abs(v) > math.MaxFloat32 {
			return nil, fmt.Errorf("attribute %q: %v is out of range", a, v)
		}
		t.Names, t.Values[0] = append(t.Names, a), append(t.Values[0], float32(v))
	}
	switch lacking := slices.ContainsFunc(names, func(n string) bool { _, ok := d.Attributes[n]; return !ok }); {
	case lacking && s.o.Lookup != nil:
		said, err := s.o.Lookup(r.Context(), name, d.Phrase)
		if err != nil {
			return nil, err
		}
		for k, n := range names {
			if _, given := d.Attributes[n]; !given && said[k] == said[k] {
				t.Names, t.Values[0] = append(t.Names, n), append(t.Values[0], said[k])
			}
		}
	case d.Phrase != "":
		return nil, errors.New("a phrase is only allowed if the model was trained on texts or word vectors, and not together with all attributes")
	case d.Attributes == nil:
		return nil, errors.New(`its attributes are required: {"attributes": {"name": value, ...}}; /attributes lists their names`)
	}
	t, err := t.Select(names)
	if err != nil {
		return nil, fmt.Errorf("%w; give null for a missing value", err)
	}
	if len(t.Notes) > 0 { // unknown attributes: an error in the description of a single class
		return nil, errors.New(strings.Join(t.Notes, "; "))
	}
	return t.Values[0], nil
}
