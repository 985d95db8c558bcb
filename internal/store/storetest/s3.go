// Package storetest runs an S3 server in the process of a test, and a bad network before it.
package storetest

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Server is an S3 server with the bucket "bucket", behind a Network.
type Server struct {
	URL     string // of the network
	Backend gofakes3.Backend
	Network *Network
}

// S3 starts a server, and puts its address and credentials into the environment.
func S3(t testing.TB) *Server {
	t.Helper()
	s := &Server{Backend: s3mem.New()}
	if err := s.Backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	s.Network = &Network{to: conditional(gofakes3.New(s.Backend).Server())}
	server := httptest.NewServer(s.Network)
	t.Cleanup(server.Close)
	s.URL = server.URL
	t.Setenv("AWS_ENDPOINT_URL_S3", s.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "us-east-1")
	return s
}

// Put stores an object past the network.
func (s *Server) Put(t testing.TB, key string, data []byte) {
	t.Helper()
	if _, err := s.Backend.PutObject("bucket", key, map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat)}, bytes.NewReader(data), int64(len(data)), nil); err != nil {
		t.Fatal(err)
	}
}

// Get reads an object past the network.
func (s *Server) Get(t testing.TB, key string) []byte {
	t.Helper()
	o, err := s.Backend.GetObject("bucket", key, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Contents.Close()
	data, err := io.ReadAll(o.Contents)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Keys are those of all objects.
func (s *Server) Keys(t testing.TB) []string {
	t.Helper()
	l, err := s.Backend.ListBucket("bucket", nil, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, c := range l.Contents {
		keys = append(keys, c.Key)
	}
	return keys
}

// conditional makes one of creating what is not there, which the server does in two steps.
func conditional(to http.Handler) http.Handler {
	var creating sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			creating.Lock()
			defer creating.Unlock()
		}
		to.ServeHTTP(w, r)
	})
}

// Network passes requests on, some of them badly: answered by 503 before or after they were passed on, cut off in the middle of the
// answer, late.
type Network struct {
	Bad      atomic.Int32 // of 100 requests
	Requests atomic.Int64
	Faults   atomic.Int64
	to       http.Handler
}

func (n *Network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.Requests.Add(1)
	if rand.N(100) >= int(n.Bad.Load()) {
		n.to.ServeHTTP(w, r)
		return
	}
	n.Faults.Add(1)
	switch rand.N(4) {
	case 0:
		http.Error(w, "slow down", http.StatusServiceUnavailable)
	case 1: // done, and nobody is told
		n.to.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case 2:
		got := httptest.NewRecorder()
		n.to.ServeHTTP(got, r)
		b := got.Body.Bytes()
		for k, v := range got.Header() {
			w.Header()[k] = v
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.WriteHeader(got.Code)
		_, _ = w.Write(b[:len(b)/2])
		panic(http.ErrAbortHandler)
	default:
		time.Sleep(time.Duration(rand.N(50)) * time.Millisecond)
		n.to.ServeHTTP(w, r)
	}
}
