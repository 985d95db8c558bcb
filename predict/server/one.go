package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"vzsl/predict"
)

// Training gives access to the images that the model was trained on.
type Training interface {
	// Nearest returns the k training images whose features have the largest cosine similarity with a feature, largest
	// first.
	Nearest(ctx context.Context, feature []float32, k int) ([]Neighbour, error)
	// Thumbnail returns a small JPEG of a training image; the error wraps fs.ErrNotExist if there is no image of that
	// name.
	Thumbnail(image string) ([]byte, error)
}

// Neighbour is a training image similar to another image.
type Neighbour struct {
	Image      string  `json:"image"`
	Class      string  `json:"class"`
	Similarity float64 `json:"similarity"` // cosine of the features, -1 to 1
}

// intervene replies with the ranking of an image if the model saw another value of an attribute in it.
func (s *Server) intervene(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Picture   string   `json:"picture"`
		Attribute string   `json:"attribute"`
		Value     *float64 `json:"value"`
	}
	o, ok := s.asked(w, r)
	if !ok {
		return
	}
	if !s.read(w, r, &q) {
		return
	}
	feature := s.feature(w, q.Picture)
	if feature == nil {
		return
	}
	if o.Top == 0 {
		o.Top = 5
	}
	set := s.classes.Load()
	said, err := predict.Intervene(r.Context(), set.model, feature, &set.Classes, q.Attribute, q.Value, o.Top)
	switch {
	case errors.Is(err, predict.ErrNoEstimate):
		fail(w, http.StatusNotImplemented, "%v", err)
	case errors.Is(err, predict.ErrNoClasses):
		fail(w, http.StatusConflict, noClasses)
	case err != nil:
		fail(w, http.StatusUnprocessableEntity, "%v", err)
	default:
		respond(w, http.StatusOK, said)
	}
}

// feature returns the feature of an image that was sent before; nil: it has replied with an error.
func (s *Server) feature(w http.ResponseWriter, id string) []float32 {
	f, _ := s.kept.get(id)
	if f == nil {
		fail(w, http.StatusNotFound, "image %q is not stored on the server: send it to /predict first", id)
	}
	return f
}

// neighbours replies with the training images most similar to an image.
func (s *Server) neighbours(w http.ResponseWriter, r *http.Request) {
	if s.o.Training == nil {
		fail(w, http.StatusNotImplemented, "the features of the training images were not found")
		return
	}
	feature := s.feature(w, r.PathValue("id"))
	if feature == nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	all, err := s.o.Training.Nearest(ctx, feature, 6)
	if err != nil {
		s.failed(w, r, ctx, err)
		return
	}
	respond(w, http.StatusOK, map[string]any{"neighbours": all})
}

// training replies with a thumbnail of a training image.
func (s *Server) training(w http.ResponseWriter, r *http.Request) {
	if s.o.Training == nil {
		http.NotFound(w, r)
		return
	}
	text, err := s.o.Training.Thumbnail(r.PathValue("image"))
	if err != nil {
		fail(w, http.StatusNotFound, "there is no training image %q", r.PathValue("image"))
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text) // the client may have disconnected
}

// parquet converts predictions as returned by /predict and /rank to a Parquet file.
func (s *Server) parquet(w http.ResponseWriter, r *http.Request) {
	text, release, ok := s.text(w, r, s.o.MaxBody)
	if !ok {
		return
	}
	defer release()
	var all []predict.ImagePrediction
	if err := json.Unmarshal(text, &all); err != nil {
		fail(w, http.StatusBadRequest, `the body is not a list of {"image", "class", "probability", "top"}: %v`, err)
		return
	}
	var b bytes.Buffer
	if err := predict.WriteParquet(&b, all); err != nil {
		fail(w, http.StatusUnprocessableEntity, "%v", err)
		return
	}
	download(w, "application/vnd.apache.parquet", "predictions.parquet", b.Bytes())
}
