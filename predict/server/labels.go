package server

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"vzsl/internal/delimited"
	"vzsl/predict"
)

// label is the class that a user assigned to an image.
type label struct {
	ID    string `json:"id"` // of the image's bytes
	Image string `json:"image"`
	Class string `json:"class"` // "": none of the classes
	Learn bool   `json:"learn"` // update the model with the image, if the method can
	// feature of the image; nil: it has not been sent since the server started, so the model is not updated with it yet.
	feature []float32
}

const maxLabels = 1_000_000

var validID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// labelsCSV returns the labels in the format of the label file.
func labelsCSV(all []label) []byte {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	_ = c.Write([]string{"image", "class", "id", "learn"}) // cannot fail: writes to memory
	for _, l := range all {
		learn := "1"
		if !l.Learn {
			learn = "0"
		}
		_ = c.Write([]string{delimited.Guarded(l.Image), delimited.Guarded(l.Class), l.ID, learn})
	}
	c.Flush()
	return b.Bytes()
}

// readLabels reads what labelsCSV writes.
func readLabels(path string, text []byte) ([]label, error) {
	c := csv.NewReader(bytes.NewReader(text))
	rows, err := c.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], []string{"image", "class", "id", "learn"}) {
		return nil, fmt.Errorf("%s: not a label file: its first line is not image,class,id,learn; give another file with --labels", path)
	}
	var all []label
	have := map[string]bool{}
	for i, row := range rows[1:] {
		l := label{Image: delimited.Unguarded(row[0]), Class: delimited.Unguarded(row[1]), ID: row[2], Learn: row[3] == "1"}
		if !validID.MatchString(l.ID) || have[l.ID] || row[3] != "0" && row[3] != "1" {
			return nil, fmt.Errorf("%s: row %d: id %q and learn %q are not valid: an id is 32 hexadecimal digits and unique, learn is 0 or 1", path, i+2, row[2], row[3])
		}
		have[l.ID], all = true, append(all, l)
	}
	return all, nil
}

// learned counts the labels that the model was updated with, by class.
func (c *classSet) learned() map[string]int {
	n := map[string]int{}
	for i := range c.labels {
		if l := &c.labels[i]; l.counts() && slices.Contains(c.Names, l.Class) {
			n[l.Class]++
		}
	}
	return n
}

func (l *label) counts() bool { return l.Learn && l.Class != "" && l.feature != nil }

func (s *Server) listLabels(w http.ResponseWriter, _ *http.Request) {
	c := s.classes.Load()
	_, learns := s.o.Model.(predict.Learner)
	respond(w, http.StatusOK, map[string]any{"labels": append([]label{}, c.labels...), "learned": c.learned(), "learns": learns})
}

func (s *Server) labelsCSV(w http.ResponseWriter, _ *http.Request) {
	download(w, "text/csv; charset=utf-8", "labels.csv", labelsCSV(s.classes.Load().labels))
}

// putLabel stores the label of an image and updates the model with it, if the method can.
func (s *Server) putLabel(w http.ResponseWriter, r *http.Request) {
	l := label{Learn: true}
	if !s.read(w, r, &l) {
		return
	}
	l.ID = r.PathValue("id")
	l.feature, _ = s.kept.get(l.ID)
	switch {
	case !validID.MatchString(l.ID):
		fail(w, http.StatusBadRequest, "%q is not the id of an image; /predict returns ids", l.ID)
		return
	case l.feature == nil:
		fail(w, http.StatusNotFound, "image %s is not stored on the server: send it to /predict first", l.ID)
		return
	case len(l.Image) > 10*maxName:
		fail(w, http.StatusBadRequest, "the name of the image is too long")
		return
	}
	s.changed(w, http.StatusOK, func(c *classSet) error {
		if l.Class != "" && !slices.Contains(c.Names, l.Class) {
			return fmt.Errorf("%w %q: add its description with PUT /classes/NAME first", errNoClass, l.Class)
		}
		return s.label(c, l)
	}, func(c *classSet) any { return s.said(c, l) })
}

// said returns the reply to a label.
func (s *Server) said(c *classSet, l label) any {
	why := ""
	if _, learns := s.o.Model.(predict.Learner); !learns {
		why = notLearner
	} else if l.Class == "" {
		why = "the image is of none of the classes"
	} else if other := c.sameAs(l.Class); other != "" {
		why = fmt.Sprintf("the classes %q and %q have the same description: images of one would count for both", l.Class, other)
	} else if !l.Learn {
		why = "the request has learn set to false"
	}
	return map[string]any{"id": l.ID, "class": l.Class, "learned": why == "", "because": why, "pictures": c.learned()[l.Class]}
}

func (s *Server) deleteLabel(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.changed(w, http.StatusNoContent, func(c *classSet) error {
		i := slices.IndexFunc(c.labels, func(l label) bool { return l.ID == id })
		if i < 0 {
			return fmt.Errorf("%w of %q", errNoLabel, id)
		}
		counted := c.labels[i].counts()
		c.labels = slices.Delete(slices.Clone(c.labels), i, i+1)
		if counted {
			return s.relearn(c)
		}
		return nil
	}, nil)
}

// label adds labels, or replaces those of the same images, and updates the model.
func (s *Server) label(c *classSet, all ...label) error {
	c.labels = slices.Clone(c.labels)
	for _, l := range all {
		if i := slices.IndexFunc(c.labels, func(o label) bool { return o.ID == l.ID }); i >= 0 {
			c.labels[i] = l
		} else if len(c.labels) == maxLabels {
			return fmt.Errorf("%w: there are already %d labels, the maximum; remove some first", errFull, maxLabels)
		} else {
			c.labels = append(c.labels, l)
		}
	}
	total := 0
	for i := range c.labels {
		total += len(c.labels[i].feature)
	}
	if total > maxLearned {
		return fmt.Errorf("%w: the features of added images take %d MB, the limit: remove a class with many images, or train with them", errFull, maxLearned>>18)
	}
	return s.relearn(c)
}

// recall adds the features of images sent now to labels from before the server started.
func (s *Server) recall(sent []predict.ImagePrediction) error {
	waits := func(l label) bool {
		return l.feature == nil && slices.ContainsFunc(sent, func(p predict.ImagePrediction) bool { return p.ID == l.ID })
	}
	if !slices.ContainsFunc(s.classes.Load().labels, waits) {
		return nil
	}
	return s.edit(func(c *classSet) error {
		c.labels = slices.Clone(c.labels)
		for i := range c.labels {
			if waits(c.labels[i]) {
				c.labels[i].feature, _ = s.kept.get(c.labels[i].ID)
			}
		}
		return s.relearn(c)
	})
}

// relearn updates the original model with all labelled images and the current descriptions: the same labels give the
// same model, in any order and whatever was labelled before. Classes with the same description are left out: their
// images would count for both.
func (s *Server) relearn(c *classSet) error {
	c.model = s.o.Model
	if _, learns := c.model.(predict.Learner); !learns {
		return nil
	}
	of := map[string][]label{}
	for _, l := range c.labels {
		if l.counts() {
			of[l.Class] = append(of[l.Class], l)
		}
	}
	for i, name := range c.Names {
		if len(of[name]) == 0 || c.sameAs(name) != "" {
			continue
		}
		slices.SortFunc(of[name], func(a, b label) int { return strings.Compare(a.ID, b.ID) })
		var x []float32
		for _, l := range of[name] {
			x = append(x, l.feature...)
		}
		var err error
		if c.model, err = c.model.(predict.Learner).Learn(c.Vectors[i], x, len(of[name])); err != nil {
			return fmt.Errorf("class %q: %w", name, err)
		}
	}
	return nil
}

// sameAs returns another class with the same description; "": there is none.
func (c *classSet) sameAs(name string) string {
	i := slices.Index(c.Names, name)
	for j, v := range c.Vectors {
		if j != i && slices.Equal(v, c.Vectors[i]) {
			return c.Names[j]
		}
	}
	return ""
}

var (
	errNoClass = errors.New("there is no class")
	errNoLabel = errors.New("there is no label")
	errFull    = errors.New("storage is full")
	errSame    = errors.New("two classes have the same description")
	errStale   = errors.New("the class was changed in the meantime")
)

const (
	notLearner = "models of this method cannot be updated with images without training; use vzsl (with its closed-form block) or plda"
	noClasses  = "there are no candidate classes: add one with PUT /classes/NAME"
)

// changed edits the classes and replies, without a body if say is nil.
func (s *Server) changed(w http.ResponseWriter, code int, change func(*classSet) error, say func(*classSet) any) {
	s.changedTo(w, &code, change, say)
}

// changedTo is changed with a status code set by the change.
func (s *Server) changedTo(w http.ResponseWriter, code *int, change func(*classSet) error, say func(*classSet) any) {
	err := s.edit(change)
	switch {
	case errors.Is(err, errNoClass), errors.Is(err, errNoLabel):
		fail(w, http.StatusNotFound, "%v", err)
	case errors.Is(err, errStale):
		fail(w, http.StatusPreconditionFailed, "%v", err)
	case errors.Is(err, errForeign), errors.Is(err, errSame), errors.Is(err, errFull):
		fail(w, http.StatusConflict, "%v", err)
	case errors.Is(err, errManyClasses):
		fail(w, http.StatusInsufficientStorage, "%v", err)
	case err != nil:
		s.o.Log.Error("edit", "error", err)
		fail(w, http.StatusInternalServerError, "%v", err)
	case say == nil:
		w.WriteHeader(*code)
	default:
		respond(w, *code, say(s.classes.Load()))
	}
}

// download replies with a file.
func download(w http.ResponseWriter, kind, name string, text []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(text) // the client may have disconnected
}
