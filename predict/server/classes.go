package server

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"vzsl/attributes"
	"vzsl/internal/readable"
	"vzsl/predict"
)

const (
	maxClasses     = 100_000
	maxName        = 200     // bytes
	maxDescription = 4 << 20 // bytes
)

// classSet is the candidate classes with the model updated by the labelled images.
type classSet struct {
	predict.Classes
	model   predict.Model
	labels  []label
	version string // identifies names and descriptions
}

var errManyClasses = fmt.Errorf("there are already %d classes, the maximum: remove some first", maxClasses)

func (s *Server) attributes(w http.ResponseWriter, _ *http.Request) {
	said := map[string]any{"attributes": s.o.Model.Attributes(), "words": s.o.Lookup != nil, "described_by": s.describedBy()}
	if s.o.Space != nil {
		said["values"], said["seen"] = s.o.Space.Attributes, append([]string{}, s.o.Space.Seen.Names...)
	}
	respond(w, http.StatusOK, said)
}

func (s *Server) listClasses(w http.ResponseWriter, _ *http.Request) {
	k := s.classes.Load()
	_, learns := s.o.Model.(predict.Learner)
	w.Header().Set("ETag", strconv.Quote(k.version))
	var threshold *float64
	if s.o.Threshold != nil {
		v := s.o.Threshold(max(1, len(k.Names)))
		threshold = &v
	}
	respond(w, http.StatusOK, map[string]any{"none_below": s.o.Predict.NoneBelow, "threshold": threshold, "auto": s.o.Predict.NoneBelowExcess != nil, "classes": append([]string{}, k.Names...), "shown": readable.Classes(k.Names), "pictures": k.learned(), "learns": learns,
		"version": k.version, "kept": s.file.path != ""})
}

// classesCSV sends all classes in the format that 'vzsl predict' and 'vzsl serve' read with --classes.
func (s *Server) classesCSV(w http.ResponseWriter, _ *http.Request) {
	download(w, "text/csv; charset=utf-8", "classes.csv", csvOf(s.o.Model.Attributes(), &s.classes.Load().Classes))
}

// putClassesCSV adds the classes of such a file, or replaces their descriptions; with ?replace=1 they replace all classes.
func (s *Server) putClassesCSV(w http.ResponseWriter, r *http.Request) {
	text, release, ok := s.text(w, r, s.o.MaxBody)
	if !ok {
		return
	}
	defer release()
	t, err := s.readCSV(text)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "%v", err)
		return
	}
	said := map[string]any{"notes": append([]string{}, t.Notes...)}
	added, replaced := []string{}, []string{}
	s.changed(w, http.StatusOK, func(c *classSet) error {
		was := c.Names
		if r.URL.Query().Get("replace") == "1" {
			c.Names, c.Vectors = nil, nil
		}
		for i, name := range t.Classes {
			if slices.Contains(was, name) {
				replaced = append(replaced, name)
			} else {
				added = append(added, name)
			}
			if at := slices.Index(c.Names, name); at >= 0 {
				c.Vectors[at] = t.Values[i]
			} else if len(c.Names) >= maxClasses {
				return errManyClasses
			} else {
				c.Names, c.Vectors = append(c.Names, name), append(c.Vectors, t.Values[i])
			}
		}
		c.labels = slices.DeleteFunc(slices.Clone(c.labels), func(l label) bool { return l.Class != "" && !slices.Contains(c.Names, l.Class) })
		return s.relearn(c)
	}, func(c *classSet) any {
		said["added"], said["replaced"], said["version"] = added, replaced, c.version
		return said
	})
}

// readCSV reads a table of classes with the model's attributes.
func (s *Server) readCSV(text []byte) (*attributes.Table, error) {
	dir, err := os.MkdirTemp("", "vzsl-classes-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "classes.csv")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	hide := func(e error) error {
		return errors.New(strings.ReplaceAll(e.Error(), dir+string(filepath.Separator), ""))
	}
	t, err := attributes.ReadFile(path, attributes.FileOptions{})
	if err != nil {
		return nil, hide(err)
	}
	if t, err = t.Select(s.o.Model.Attributes()); err != nil {
		return nil, hide(err)
	}
	for i := range t.Notes {
		t.Notes[i] = strings.ReplaceAll(t.Notes[i], dir+string(filepath.Separator), "")
	}
	for i, name := range t.Classes {
		if err := checkName(name); err != nil {
			return nil, err
		}
		if _, err := s.o.Model.NormaliseClass(t.Values[i]); err != nil {
			return nil, fmt.Errorf("class %q: %w", name, err)
		}
	}
	return t, nil
}

// described is a class in JSON. Null is a missing value.
type described struct {
	Class      string              `json:"class,omitempty"`
	Attributes map[string]*float64 `json:"attributes,omitempty"`
	Phrase     string              `json:"phrase,omitempty"` // to look up instead of the name
}

func (s *Server) getClass(w http.ResponseWriter, r *http.Request) {
	s.oneOf(w, r, &s.classes.Load().Classes)
}

// getKnown sends the description of a class that the model was trained on.
func (s *Server) getKnown(w http.ResponseWriter, r *http.Request) {
	var seen predict.Classes
	if s.o.Space != nil {
		seen = s.o.Space.Seen
	}
	s.oneOf(w, r, &seen)
}

func (s *Server) oneOf(w http.ResponseWriter, r *http.Request, classes *predict.Classes) {
	name := r.PathValue("name")
	i := slices.Index(classes.Names, name)
	if i < 0 {
		fail(w, http.StatusNotFound, "there is no class %q", name)
		return
	}
	w.Header().Set("ETag", etag(classes.Vectors[i]))
	respond(w, http.StatusOK, described{Class: name, Attributes: s.byName(classes.Vectors[i])})
}

// byName returns a vector's values by attribute name; nil: missing.
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

// etag identifies a description.
func etag(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return strconv.Quote(digest(b))
}

// unchanged checks the preconditions of a change: If-Match is the ETag of the description that the client has read,
// If-None-Match: * requires that the class does not exist.
func unchanged(r *http.Request, c *classSet, i int) error {
	switch want := r.Header.Get("If-Match"); {
	case want != "" && (i < 0 || want != "*" && want != etag(c.Vectors[i])):
		return errStale
	case r.Header.Get("If-None-Match") == "*" && i >= 0:
		return errStale
	}
	return nil
}

// putClass adds a class or replaces its description. Requests in progress keep the classes that they started with.
func (s *Server) putClass(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if err := checkName(name); err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	text, release, ok := s.text(w, r, maxDescription)
	if !ok {
		return
	}
	defer release()
	var d described
	if len(text) > 0 {
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&d); err != nil {
			fail(w, http.StatusBadRequest, `the body is not {"attributes": {"name": value, ...}}: %v`, err)
			return
		}
		if d.Class != "" && d.Class != name {
			fail(w, http.StatusBadRequest, "the body describes class %q, but the address names %q", d.Class, name)
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
	said := map[string]any{"class": name}
	if s.o.Warnings != nil {
		if doubts := s.o.Warnings(name, vector); len(doubts) > 0 {
			s.o.Log.Warn(strings.Join(doubts, "; "), "class", name)
			said["doubts"] = doubts
		}
	}
	code := http.StatusCreated
	s.changedTo(w, &code, func(c *classSet) error {
		i := slices.Index(c.Names, name)
		if err := unchanged(r, c, i); err != nil {
			return err
		}
		if i >= 0 {
			c.Vectors[i], code = vector, http.StatusOK
			return s.relearn(c)
		}
		if len(c.Names) >= maxClasses {
			return errManyClasses
		}
		c.Names, c.Vectors = append(c.Names, name), append(c.Vectors, vector)
		return s.relearn(c)
	}, func(c *classSet) any {
		said["classes"] = len(c.Names)
		w.Header().Set("ETag", etag(vector))
		return said
	})
}

func (s *Server) deleteClass(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	s.changed(w, http.StatusNoContent, func(c *classSet) error {
		i := slices.Index(c.Names, name)
		if i < 0 {
			return fmt.Errorf("%w %q", errNoClass, name)
		}
		if err := unchanged(r, c, i); err != nil {
			return err
		}
		c.Names, c.Vectors = slices.Delete(c.Names, i, i+1), slices.Delete(c.Vectors, i, i+1)
		c.labels = slices.DeleteFunc(slices.Clone(c.labels), func(l label) bool { return l.Class == name })
		return s.relearn(c)
	}, nil)
}

// edit replaces the classes by a changed copy and writes the files of classes and labels. If that fails, nothing is
// changed.
func (s *Server) edit(change func(c *classSet) error) error {
	s.editing.Lock()
	defer s.editing.Unlock()
	was := s.classes.Load()
	c := &classSet{Classes: predict.Classes{Names: slices.Clone(was.Names), Vectors: slices.Clone(was.Vectors)}, model: was.model, labels: was.labels}
	if err := change(c); err != nil {
		return err
	}
	text := csvOf(s.o.Model.Attributes(), &c.Classes)
	if c.version = digest(text); c.version != was.version {
		if err := s.file.write(text); err != nil {
			return err
		}
	}
	if text := labelsCSV(c.labels); s.labels.path != "" && digest(text) != s.labels.last && (len(c.labels) > 0 || len(was.labels) > 0) {
		if err := s.labels.write(text); err != nil {
			return err
		}
	}
	s.classes.Store(c)
	return nil
}

// checkName rejects a name that cannot be displayed or typed.
func checkName(name string) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name:
		return errors.New("the name of a class must not be empty or start or end with spaces")
	case len(name) > maxName:
		return fmt.Errorf("the name of a class must not be longer than %d bytes", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("the class name %q has non-printable characters", name)
	}
	return nil
}
