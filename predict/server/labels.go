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

// label says which class an image shows.
type label struct {
	ID    string `json:"id"` // of the image
	Image string `json:"image"`
	Class string `json:"class"` // "": none of the classes
	Learn bool   `json:"learn"` // the model takes the image in, where it can
	// feature is that of the image; nil: it has not been sent since the server started, and is not learned from yet.
	feature []float32
}

const maxLabels = 1_000_000

var validID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// labelsCSV are the labels in the format of the labels' file.
func labelsCSV(all []label) []byte {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	_ = c.Write([]string{"image", "class", "id", "learn"}) // to memory
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
		return nil, fmt.Errorf("%s: not a file of labels, its first line is not image,class,id,learn; give another with --labels", path)
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

// learned counts the labels that the model has taken in, by class.
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

// putLabel keeps which class an image shows; a model that learns takes the image in at once.
func (s *Server) putLabel(w http.ResponseWriter, r *http.Request) {
	l := label{Learn: true}
	if !s.read(w, r, &l) {
		return
	}
	l.ID = r.PathValue("id")
	l.feature = s.kept.get(l.ID)
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

// said is the reply to a label.
func (s *Server) said(c *classSet, l label) any {
	why := ""
	if _, learns := s.o.Model.(predict.Learner); !learns {
		why = notLearner
	} else if l.Class == "" {
		why = "the image is of none of the classes"
	} else if other := c.sameAs(l.Class); other != "" {
		why = fmt.Sprintf("the classes %q and %q have the same description: images of one would count for both", l.Class, other)
	} else if !l.Learn {
		why = "the request says so"
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

// label adds a label, or replaces that of the same image, and lets the model learn.
func (s *Server) label(c *classSet, all ...label) error {
	c.labels = slices.Clone(c.labels)
	for _, l := range all {
		if i := slices.IndexFunc(c.labels, func(o label) bool { return o.ID == l.ID }); i >= 0 {
			c.labels[i] = l
		} else if len(c.labels) == maxLabels {
			return fmt.Errorf("%w: there are %d labels already", errFull, maxLabels)
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

// recall gives labels of before the server started the features of their images, where these were sent now.
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
				c.labels[i].feature = s.kept.get(c.labels[i].ID)
			}
		}
		return s.relearn(c)
	})
}

// relearn updates the original model by all labelled images, with the current descriptions: the same images give the same model,
// whatever their order and whatever was labelled before. Classes of one description are left out: their images would count for both.
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

// sameAs is another class of the same description; "": there is none.
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
	errFull    = errors.New("no room")
	errSame    = errors.New("two classes have the same description")
	errStale   = errors.New("the class was changed in the meantime")
)

const (
	notLearner = "models of this method cannot be updated with images without training; use vzsl (with its closed-form block) or plda"
	noClasses  = "there are no candidate classes: add one with PUT /classes/NAME"
)

// changed edits the classes and replies: with nothing, where say is nil.
func (s *Server) changed(w http.ResponseWriter, code int, change func(*classSet) error, say func(*classSet) any) {
	s.changedTo(w, &code, change, say)
}

// changedTo is changed with a code that the change decides.
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
	_, _ = w.Write(text) // the client may have gone
}
