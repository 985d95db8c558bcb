package server

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"vzsl/predict"
)

const (
	maxClasses     = 100_000
	maxName        = 200     // bytes
	maxDescription = 4 << 20 // bytes
)

// classSet is the candidate classes, and the model updated by the images that were added to them.
type classSet struct {
	predict.Classes
	model  predict.Model
	images map[string][]float32 // raw features of the images added, by class
}

func (s *Server) attributes(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, map[string]any{"attributes": s.o.Model.Attributes(), "words": s.o.Lookup != nil, "described_by": s.describedBy()})
}

func (s *Server) listClasses(w http.ResponseWriter, _ *http.Request) {
	k := s.classes.Load()
	images := map[string]int{}
	for name, x := range k.images {
		images[name] = len(x) / s.o.Model.FeatureDim()
	}
	_, learns := s.o.Model.(predict.Learner)
	respond(w, http.StatusOK, map[string]any{"classes": append([]string{}, k.Names...), "pictures": images, "learns": learns})
}

// classesCSV gives all classes in the format that 'vzsl predict' and 'vzsl serve' read with --classes.
func (s *Server) classesCSV(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="classes.csv"`)
	c := csv.NewWriter(w)
	_ = c.Write(append([]string{"class"}, s.o.Model.Attributes()...))
	classes := s.classes.Load()
	for i, name := range classes.Names {
		row := []string{name}
		for _, v := range classes.Vectors[i] {
			text := ""
			if v == v {
				text = strconv.FormatFloat(float64(v), 'g', -1, 32)
			}
			row = append(row, text)
		}
		_ = c.Write(row)
	}
	c.Flush() // the client may have gone
}

// description is a class in JSON. A value that is null is missing.
type description struct {
	Class      string              `json:"class,omitempty"`
	Attributes map[string]*float64 `json:"attributes,omitempty"`
	Phrase     string              `json:"phrase,omitempty"` // to look up in place of the name
}

func (s *Server) getClass(w http.ResponseWriter, r *http.Request) {
	name, classes := r.PathValue("name"), s.classes.Load()
	i := slices.Index(classes.Names, name)
	if i < 0 {
		fail(w, http.StatusNotFound, "there is no class %q", name)
		return
	}
	respond(w, http.StatusOK, description{Class: name, Attributes: s.byName(classes.Vectors[i])})
}

// byName gives a vector's values by the attributes' names; nil: missing.
func (s *Server) byName(vector []float32) map[string]*float64 {
	values := map[string]*float64{}
	for k, a := range s.o.Model.Attributes() {
		values[a] = nil
		if v := vector[k]; v == v {
			short, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64) // 0.1, not 0.10000000149011612
			values[a] = &short
		}
	}
	return values
}

// putClass adds a class or replaces its description. Requests in progress keep the classes that they started with.
func (s *Server) putClass(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if err := checkName(name); err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	var text []byte
	release, ok := s.body(w, r, maxDescription, func(body io.Reader) (err error) {
		text, err = io.ReadAll(body)
		return err
	})
	if !ok {
		return
	}
	defer release()
	var d description
	if len(text) > 0 {
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&d); err != nil {
			fail(w, http.StatusBadRequest, `the body is not {"attributes": {"name": value, ...}}: %v`, err)
			return
		}
		if d.Class != "" && d.Class != name {
			fail(w, http.StatusBadRequest, "the body describes class %q, the address names %q", d.Class, name)
			return
		}
	}
	vector, err := s.vector(r, name, &d)
	if err == nil {
		_, err = s.o.Model.NormaliseClass(vector)
	}
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "class %q: %v", name, err)
		return
	}
	code := http.StatusCreated
	err = s.edit(func(c *classSet) error {
		if i := slices.Index(c.Names, name); i >= 0 {
			c.Vectors[i], code = vector, http.StatusOK
			if c.images[name] != nil {
				return s.relearn(c)
			}
			return nil
		}
		if len(c.Names) >= maxClasses {
			return fmt.Errorf("there are %d classes already", maxClasses)
		}
		c.Names, c.Vectors = append(c.Names, name), append(c.Vectors, vector)
		return nil
	})
	if err != nil {
		fail(w, http.StatusInsufficientStorage, "%v", err)
		return
	}
	said := map[string]any{"class": name, "classes": len(s.classes.Load().Names)}
	if s.o.Warnings != nil {
		if doubts := s.o.Warnings(name, vector); len(doubts) > 0 {
			s.o.Log.Warn(strings.Join(doubts, "; "), "class", name)
			said["doubts"] = doubts
		}
	}
	respond(w, code, said)
}

func (s *Server) deleteClass(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	err := s.edit(func(c *classSet) error {
		i := slices.Index(c.Names, name)
		if i < 0 {
			return fmt.Errorf("there is no class %q", name)
		}
		c.Names, c.Vectors = slices.Delete(c.Names, i, i+1), slices.Delete(c.Vectors, i, i+1)
		if c.images[name] != nil {
			delete(c.images, name)
			return s.relearn(c)
		}
		return nil
	})
	if err != nil {
		fail(w, http.StatusNotFound, "%v", err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// edit replaces the classes by a changed copy.
func (s *Server) edit(change func(c *classSet) error) error {
	s.editing.Lock()
	defer s.editing.Unlock()
	was := s.classes.Load()
	c := &classSet{Classes: predict.Classes{Names: slices.Clone(was.Names), Vectors: slices.Clone(was.Vectors)}, model: was.model, images: maps.Clone(was.images)}
	if err := change(c); err != nil {
		return err
	}
	s.classes.Store(c)
	return nil
}

// relearn updates the original model by all images again, with the current descriptions.
func (s *Server) relearn(c *classSet) error {
	c.model = s.o.Model
	for i, name := range c.Names {
		if x := c.images[name]; x != nil {
			var err error
			if c.model, err = c.model.(predict.Learner).Learn(c.Vectors[i], x, len(x)/s.o.Model.FeatureDim()); err != nil {
				return fmt.Errorf("class %q: %w", name, err)
			}
		}
	}
	return nil
}

// checkName refuses a name that could not be displayed or typed.
func checkName(name string) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name:
		return errors.New("the name of a class must not be empty, nor start or end with spaces")
	case len(name) > maxName:
		return fmt.Errorf("the name of a class must not be longer than %d bytes", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("the name %q has characters that cannot be printed", name)
	}
	return nil
}
