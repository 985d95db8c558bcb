// Package server classifies images over HTTP, as predict.Rank does, and edits the candidate classes while it runs. New
// makes an http.Handler from a model and a feature extractor; Server.Serve runs it until a context ends.
// docs/predict.md describes its addresses and responses.
package server

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/semaphore"

	"vzsl/internal/gallery"
	"vzsl/predict"
	"vzsl/predict/description"
)

// Pictures computes the features of images and batches concurrent calls; *extract.Batcher implements it.
type Pictures interface {
	// Picture returns the feature of an image file with these bytes, and what of the file is damaged; "": nothing.
	Picture(ctx context.Context, data []byte) (feature []float32, damage string, err error)
	// Counts returns the number of images and mini-batches computed so far, and the time spent in the engine.
	Counts() (images, runs int64, busy time.Duration)
}

// Options of New. Model and Images are required.
type Options struct {
	Run      string
	Info     any // the JSON response of /model
	Model    predict.Model
	Pictures Pictures
	Classes  predict.Classes // initial candidates; requests can change them
	Predict  predict.Options // defaults for requests

	// ImageStatus returns the HTTP status for an error of Images that is caused by the image; 0 for others.
	ImageStatus func(err error) int
	// Lookup returns the vector of a class for its name or a phrase, if the model was trained on word vectors or texts;
	// else it is nil. Values that the words do not determine are NaN.
	Lookup func(ctx context.Context, class, phrase string) ([]float32, error)
	// Space has the seen classes' attributes, which descriptions are compared with; may be nil.
	Space *description.Space
	// Threshold returns, for a number of classes, the excess of the best class's score below which an image is none of them, as
	// selected on validation classes. none_below=auto uses it; nil: none was selected.
	Threshold func(classes int) float64
	// Training gives access to the images that the model was trained on; may be nil.
	Training Training
	// ClassFile is the CSV file of the classes, rewritten at every change; "": changes are lost when the server stops.
	// LabelFile likewise is the file of the images' labels; it is read at the start.
	ClassFile, LabelFile string
	Words                string // source of Lookup's vectors: words (word vectors) or text; "": words
	// Warnings lists what is unusual about a description that is accepted; may be nil.
	Warnings func(class string, vector []float32) []string

	// Token is required of every request, as 'Authorization: Bearer TOKEN' or in the page's cookie; "": none. Without
	// one, Serve refuses an address that other machines can reach, unless Open is set.
	Token string
	Open  bool
	// Hosts are the names of this server besides localhost and IP addresses: requests for other names are refused. If it
	// is empty, every name is accepted with a token, and only localhost and IP addresses without one.
	Hosts []string

	MaxRequests    int           // requests with a body in progress; further ones are answered with 503; 0: 256
	MaxConnections int           // open connections; further ones wait to be accepted; 0: 1024
	MaxBody        int64         // bytes of a request body; 0: 32 MB
	MaxBodies      int64         // bytes of all request bodies in progress together; 0: eight times MaxBody
	Timeout        time.Duration // from a request's last byte to its response; 0: 30 s
	ReadTimeout    time.Duration // for reading a request; 0: 30 s
	Grace          time.Duration // for requests in progress when the server stops; 0: 30 s
	Log            *slog.Logger
}

// Server is an http.Handler.
type Server struct {
	o      Options
	guard  *guard
	places chan struct{} // holds an element for each request with a body in progress
	bodies *semaphore.Weighted

	kept    *kept
	editing sync.Mutex // held while the classes are changed
	file    ownFile    // ClassFile
	labels  ownFile
	classes atomic.Pointer[classSet]

	metrics     *metrics.Set
	active      atomic.Int64
	connections atomic.Int64
	held        atomic.Int64 // bytes of request bodies in memory
}

//go:embed page
var page embed.FS

// New makes a server.
func New(o Options) (*Server, error) {
	if o.Model == nil || o.Pictures == nil {
		return nil, errors.New("server: Model and Images are required")
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&o.Timeout, 30 * time.Second}, {&o.ReadTimeout, 30 * time.Second}, {&o.Grace, 30 * time.Second}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 32 << 20
	}
	if o.MaxBodies < o.MaxBody {
		o.MaxBodies = 8 * o.MaxBody
	}
	if o.MaxRequests <= 0 {
		o.MaxRequests = 256
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 1024
	}
	if o.Token != "" && len(o.Token) < minToken {
		return nil, fmt.Errorf("server: a token must have at least %d characters", minToken)
	}
	if o.ImageStatus == nil {
		o.ImageStatus = func(error) int { return 0 }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, places: make(chan struct{}, o.MaxRequests), bodies: semaphore.NewWeighted(o.MaxBodies), metrics: metrics.NewSet()}
	if err := s.begin(); err != nil {
		return nil, err
	}
	s.gauges()

	mux := http.NewServeMux()
	files, err := fs.Sub(page, "page")
	if err != nil {
		return nil, err
	}
	static, shared := http.FileServerFS(files), http.FileServerFS(gallery.Files)
	for pattern, h := range map[string]http.Handler{
		"GET /{$}": static, "GET /page.css": static, "GET /page.js": static, "GET /api.js": static, "GET /detail.js": static, "GET /editor.js": static, "GET /images.js": static,
		"GET /gallery.js": shared, "GET /exports.js": shared, "GET /parquet.js": shared, "GET /gallery.css": shared,
		"POST /predict":             http.HandlerFunc(s.predict),
		"GET /model":                http.HandlerFunc(s.model),
		"POST /describe":            http.HandlerFunc(s.describe),
		"GET /attributes":           http.HandlerFunc(s.attributes),
		"GET /classes":              http.HandlerFunc(s.listClasses),
		"GET /classes.csv":          http.HandlerFunc(s.classesCSV),
		"PUT /classes.csv":          http.HandlerFunc(s.putClassesCSV),
		"GET /known/{name...}":      http.HandlerFunc(s.getKnown),
		"POST /rank":                http.HandlerFunc(s.rank),
		"POST /intervene":           http.HandlerFunc(s.intervene),
		"GET /neighbours/{id}":      http.HandlerFunc(s.neighbours),
		"GET /training/{image...}":  http.HandlerFunc(s.training),
		"POST /parquet":             http.HandlerFunc(s.parquet),
		"GET /labels":               http.HandlerFunc(s.listLabels),
		"GET /labels.csv":           http.HandlerFunc(s.labelsCSV),
		"PUT /labels/{id}":          http.HandlerFunc(s.putLabel),
		"DELETE /labels/{id}":       http.HandlerFunc(s.deleteLabel),
		"GET /classes/{name...}":    http.HandlerFunc(s.getClass),
		"PUT /classes/{name...}":    http.HandlerFunc(s.putClass),
		"DELETE /classes/{name...}": http.HandlerFunc(s.deleteClass),
		"POST /classes/{name...}":   http.HandlerFunc(s.addImages),
		"GET /healthz":              http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }),
		"GET /metrics": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			s.metrics.WritePrometheus(w)
		}),
	} {
		mux.Handle(pattern, s.measured(pattern, h))
	}
	mux.Handle("/", s.measured("other", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux answers a known path with the wrong method itself only if no other pattern matches.
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			again := r.Clone(r.Context())
			again.Method = method
			if _, pattern := mux.Handler(again); pattern != "/" && pattern != "" {
				w.Header().Add("Allow", method)
			}
		}
		if allowed := w.Header().Values("Allow"); len(allowed) > 0 {
			fail(w, http.StatusMethodNotAllowed, "%s is not allowed for this address; docs/predict.md lists the requests", r.Method)
			return
		}
		fail(w, http.StatusNotFound, "not found; the addresses are /predict, /classes, /attributes, /model, /healthz, /metrics")
	})))
	s.protect(mux)
	return s, nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.guard.ServeHTTP(w, r) }

// Serve accepts requests on l until ctx is done, then finishes those in progress and returns nil.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	handler, err := s.guarded(l.Addr())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	l = netutil.LimitListener(l, s.o.MaxConnections)
	srv := &http.Server{
		Handler: handler, ConnState: s.connection, ReadHeaderTimeout: min(10*time.Second, s.o.ReadTimeout), ReadTimeout: s.o.ReadTimeout,
		WriteTimeout: s.o.ReadTimeout + 2*s.o.Timeout + 10*time.Second, // for waiting for memory, computing features, and sending
		IdleTimeout:  2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.o.Log.Info("shutting down: finishing requests in progress", "requests", s.active.Load())
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Grace)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		left := s.active.Load()
		_ = srv.Close()
		return fmt.Errorf("%d requests were not finished within %v", left, s.o.Grace)
	}
	return nil
}

// status records the status of a response.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *status) Write(b []byte) (int, error) {
	if s.code == 0 {
		s.code = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// measured counts and times a handler's responses, and turns a panic into status 500.
func (s *Server) measured(pattern string, h http.Handler) http.Handler {
	if !strings.HasPrefix(pattern, "GET ") && pattern != "other" {
		h = s.queued(h)
	}
	seconds := s.metrics.GetOrCreatePrometheusHistogramExt(fmt.Sprintf(`vzsl_request_seconds{handler=%q}`, pattern),
		[]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s.active.Add(1)
		st := &status{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				s.o.Log.Error("panic", "handler", pattern, "panic", p, "stack", string(debug.Stack()))
				if st.code == 0 {
					fail(st, http.StatusInternalServerError, "internal error; see the log of the server")
				}
			}
			s.active.Add(-1)
			if st.code == 0 { // nothing was written: the client has disconnected
				st.code = 499
			}
			seconds.UpdateDuration(start)
			s.metrics.GetOrCreateCounter(fmt.Sprintf(`vzsl_requests_total{handler=%q,code="%d"}`, pattern, st.code)).Inc()
			s.o.Log.Debug("request", "handler", pattern, "path", r.URL.Path, "code", st.code, "seconds", time.Since(start).Seconds(), "from", r.RemoteAddr)
		}()
		h.ServeHTTP(st, r)
	})
}

func (s *Server) gauges() {
	counts := func(pick func(images, runs int64, busy time.Duration) float64) func() float64 {
		return func() float64 { return pick(s.o.Pictures.Counts()) }
	}
	s.metrics.NewGauge("vzsl_requests_active", func() float64 { return float64(s.active.Load()) })
	s.metrics.NewGauge("vzsl_requests_with_body_active", func() float64 { return float64(len(s.places)) })
	s.metrics.NewGauge("vzsl_requests_with_body_limit", func() float64 { return float64(cap(s.places)) })
	s.metrics.NewGauge("vzsl_body_bytes", func() float64 { return float64(s.held.Load()) })
	s.metrics.NewGauge("vzsl_connections", func() float64 { return float64(s.connections.Load()) })
	for _, reason := range refusals {
		s.refused(reason, 0)
	}
	s.metrics.NewGauge("vzsl_classes", func() float64 { return float64(len(s.classes.Load().Names)) })
	s.metrics.NewGauge("vzsl_images_total", counts(func(images, _ int64, _ time.Duration) float64 { return float64(images) }))
	s.metrics.NewGauge("vzsl_engine_runs_total", counts(func(_, runs int64, _ time.Duration) float64 { return float64(runs) }))
	s.metrics.NewGauge("vzsl_engine_seconds_total", counts(func(_, _ int64, busy time.Duration) float64 { return busy.Seconds() }))
	s.metrics.RegisterMetricsWriter(metrics.WriteProcessMetrics)
}

func (s *Server) model(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, s.o.Info) }

// respond writes JSON.
func respond(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client may have disconnected
}

// fail responds with an error.
func fail(w http.ResponseWriter, code int, format string, args ...any) {
	respond(w, code, map[string]string{"error": fmt.Sprintf(format, args...)})
}

// text reads the whole body of a request of at most so many bytes; release as of body.
func (s *Server) text(w http.ResponseWriter, r *http.Request, most int64) (text []byte, release func(), ok bool) {
	release, ok = s.body(w, r, most, func(body io.Reader) (err error) {
		text, err = io.ReadAll(body)
		return err
	})
	return text, release, ok
}

// body reads a request's body within the limits; ok is false if it has responded with an error. release must be called
// when the bytes are no longer needed.
func (s *Server) body(w http.ResponseWriter, r *http.Request, most int64, read func(body io.Reader) error) (release func(), ok bool) {
	if r.ContentLength > most {
		s.tooLarge(w, most)
		return nil, false
	}
	weight := r.ContentLength
	if weight < 0 { // the length is unknown
		weight = most
	}
	wait, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	if err := s.bodies.Acquire(wait, weight); err != nil {
		s.busy(w, r)
		return nil, false
	}
	s.held.Add(weight)
	release = func() { s.held.Add(-weight); s.bodies.Release(weight) }
	// The client had to wait until now: its time for sending the body begins here. If the deadline cannot be set, the
	// time since the start of the request counts.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.o.ReadTimeout))
	err := read(http.MaxBytesReader(w, r.Body, most))
	if err == nil {
		return release, true
	}
	release()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		s.tooLarge(w, most)
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.refused("slow", 1)
		w.Header().Set("Connection", "close")
		fail(w, http.StatusRequestTimeout, "the request was not complete within %v", s.o.ReadTimeout)
	default:
		fail(w, http.StatusBadRequest, "the request cannot be read: %v", err)
	}
	return nil, false
}

func (s *Server) tooLarge(w http.ResponseWriter, most int64) {
	s.refused("size", 1)
	w.Header().Set("Connection", "close") // the rest of the body is not read
	fail(w, http.StatusRequestEntityTooLarge, "the request is too large: the limit is %d bytes; send fewer or smaller images", most)
}

// busy responds if memory or time has run out, unless the client has disconnected.
func (s *Server) busy(w http.ResponseWriter, r *http.Request) {
	if r.Context().Err() != nil {
		return
	}
	s.refused("busy", 1)
	s.retryAfter(w)
	fail(w, http.StatusServiceUnavailable, "the server is busy: the request was not started within %v; try again later", s.o.Timeout)
}
