package server

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
)

// protect wraps h with the checks of a request.
func (s *Server) protect(h http.Handler) {
	other := http.NewCrossOriginProtection() // a page of another site may not change the classes through a user's browser
	other.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.refused("origin", 1)
		fail(w, http.StatusForbidden, "requests from pages of other sites are not allowed")
	}))
	s.guard = &guard{hosts: slices.Clone(s.o.Hosts), token: s.o.Token, next: other.Handler(h), count: func(reason string) { s.refused(reason, 1) }}
}

// guarded returns the handler for a listener at an address.
func (s *Server) guarded(a net.Addr) (http.Handler, error) {
	g := *s.guard
	if g.token == "" {
		if !Loopback(a) && !s.o.Open {
			return nil, errors.New("server: an address that other machines can reach needs a token")
		}
		g.hosts = append([]string{}, g.hosts...) // not nil: names are checked
	}
	return &g, nil
}

func (s *Server) refused(reason string, n int) {
	s.metrics.GetOrCreateCounter(fmt.Sprintf("vzsl_refused_total{reason=%q}", reason)).Add(n)
}

// connection counts the open connections.
func (s *Server) connection(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.connections.Add(-1)
	}
}

// queued answers 503 at once if MaxRequests are in progress or waiting.
func (s *Server) queued(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.places <- struct{}{}:
			defer func() { <-s.places }()
			h.ServeHTTP(w, r)
		default:
			s.refused("requests", 1)
			s.retryAfter(w)
			fail(w, http.StatusServiceUnavailable, "the server is busy: %d requests are in progress, the maximum; try again later", cap(s.places))
		}
	})
}

// retryAfter estimates when the requests in progress will be done from the engine's mean time per image: 1 to 30 s.
func (s *Server) retryAfter(w http.ResponseWriter) {
	images, _, busy := s.o.Pictures.Counts()
	seconds := busy.Seconds() / max(1, float64(images)) * float64(len(s.places))
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(min(max(1, seconds), 30)))))
}
