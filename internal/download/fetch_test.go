package download

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"vzsl/internal/filetest"
)

// server serves one file, and each of its requests as the next of its moods says; the last mood stays.
type server struct {
	content  []byte
	moods    []func(s *server, w http.ResponseWriter, r *http.Request)
	mu       sync.Mutex
	requests []*http.Request
	etag     string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, r)
	mood := s.moods[min(n, len(s.moods)-1)]
	s.mu.Unlock()
	mood(s, w, r)
}

func serve(t *testing.T, content []byte, moods ...func(*server, http.ResponseWriter, *http.Request)) (*server, string) {
	t.Helper()
	s := &server{content: content, moods: moods, etag: `"v1"`}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL + "/file.bin"
}

func good(s *server, w http.ResponseWriter, r *http.Request) {
	if s.etag != "" {
		w.Header().Set("ETag", s.etag)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "file.bin", time.Time{}, bytes.NewReader(s.content))
}

// cutAfter sends so many bytes of what a good answer holds, then drops the connection.
func cutAfter(n int) func(*server, http.ResponseWriter, *http.Request) {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		good(s, &cutting{ResponseWriter: w, left: n}, r)
	}
}

type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) < c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	c.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func noRanges(then func(*server, http.ResponseWriter, *http.Request)) func(*server, http.ResponseWriter, *http.Request) {
	return func(s *server, w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
		then(s, w, r)
	}
}

func status(code int) func(*server, http.ResponseWriter, *http.Request) {
	return func(_ *server, w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
}

func content(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func sums(b []byte) (sha, md string) {
	s, m := sha256.Sum256(b), md5.Sum(b)
	return hex.EncodeToString(s[:]), hex.EncodeToString(m[:])
}

func quick() Options {
	return Options{Pause: func(context.Context, int) {}, Stall: 5 * time.Second}
}

func TestFetch(t *testing.T) {
	b := content(3 << 20)
	sha, md := sums(b)
	for name, c := range map[string]struct {
		moods    []func(*server, http.ResponseWriter, *http.Request)
		requests int
	}{
		"plain":                {[]func(*server, http.ResponseWriter, *http.Request){good}, 1},
		"cut thrice":           {[]func(*server, http.ResponseWriter, *http.Request){cutAfter(1 << 20), cutAfter(100), cutAfter(1 << 19), good}, 4},
		"cut again and again":  {[]func(*server, http.ResponseWriter, *http.Request){cutAfter(1 << 18)}, 12},
		"busy":                 {[]func(*server, http.ResponseWriter, *http.Request){status(503), status(429), status(500), good}, 4},
		"cut, ranges ignored":  {[]func(*server, http.ResponseWriter, *http.Request){cutAfter(1 << 20), noRanges(good)}, 2},
		"cut twice, no ranges": {[]func(*server, http.ResponseWriter, *http.Request){noRanges(cutAfter(1 << 20)), noRanges(cutAfter(9)), noRanges(good)}, 3},
		"another range than asked for": {[]func(*server, http.ResponseWriter, *http.Request){cutAfter(1 << 20), func(s *server, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-9/%d", len(s.content)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(s.content[:10])
		}, good}, 3},
		"without length": {[]func(*server, http.ResponseWriter, *http.Request){func(s *server, w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(s.content)
		}}, 1},
		"redirected": {[]func(*server, http.ResponseWriter, *http.Request){func(s *server, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, good}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range []File{{Size: int64(len(b)), SHA256: sha, MD5: md}, {MD5: md}, {Size: int64(len(b))}, {}} {
				s, url := serve(t, b, c.moods...)
				f.URLs = []string{url}
				path := filepath.Join(t.TempDir(), "deep", "file.bin")
				var last, total int64
				o := quick()
				o.Progress = func(done, of int64) { last, total = done, of }
				r, err := Fetch(context.Background(), f, path, o)
				if err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(path)
				if err != nil || !bytes.Equal(got, b) {
					t.Fatalf("%v, %d bytes", err, len(got))
				}
				if r.SHA256 != sha || r.Bytes != int64(len(b)) || r.URL != url || last != int64(len(b)) || (name != "without length" && total != last) {
					t.Errorf("%+v, progress %d of %d", r, last, total)
				}
				if len(s.requests) != c.requests {
					t.Errorf("%d requests, expected %d", len(s.requests), c.requests)
				}
				if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
				// Again: nothing is asked.
				again, err := Fetch(context.Background(), f, path, quick())
				if err != nil || again.URL != "" || again.SHA256 != sha || len(s.requests) != c.requests {
					t.Error(again, err, len(s.requests))
				}
			}
		})
	}
}

// TestTakenUpAgain: a later run continues where one was stopped, and asks for nothing it has.
func TestTakenUpAgain(t *testing.T) {
	b := content(1 << 20)
	sha, _ := sums(b)
	s, url := serve(t, b, cutAfter(1<<19), status(404), good)
	path := filepath.Join(t.TempDir(), "file.bin")
	_, err := Fetch(context.Background(), File{URLs: []string{url}}, path, quick())
	filetest.WantError(t, err, "file.bin", url, "404", "524.3 kB are kept", "same command")
	r, err := Fetch(context.Background(), File{URLs: []string{url}, SHA256: sha}, path, quick())
	if err != nil {
		t.Fatal(err)
	}
	last := s.requests[len(s.requests)-1]
	if r.Resumed != 1<<19 || last.Header.Get("Range") != "bytes=524288-" || last.Header.Get("If-Range") != `"v1"` {
		t.Error(r, last.Header)
	}
}

// TestChangedMeanwhile: the halves of two files never make one, with or without validators and checksums.
func TestChangedMeanwhile(t *testing.T) {
	one, two := content(1<<20), content(1<<20+1)
	sha, _ := sums(two)
	for _, etag := range []string{`"v1"`, `W/"weak"`, ""} {
		for _, f := range []File{{}, {SHA256: sha}} {
			s, url := serve(t, one, cutAfter(1<<19), status(404), good)
			s.etag = etag
			f.URLs = []string{url}
			path := filepath.Join(t.TempDir(), "file.bin")
			_, err := Fetch(context.Background(), f, path, quick())
			filetest.WantError(t, err, "404")
			s.content = two
			if etag != "" {
				s.etag = `"v2"`
			}
			if _, err = Fetch(context.Background(), f, path, quick()); err != nil { // found out by the checksum: the next starts over
				filetest.WantError(t, err, "SHA-256", "discarded")
				if _, err = Fetch(context.Background(), f, path, quick()); err != nil {
					t.Fatal(err)
				}
			}
			if got, _ := os.ReadFile(path); !bytes.Equal(got, two) {
				t.Errorf("etag %s, %+v: a mixture", etag, f)
			}
		}
	}
}

func TestFetchErrors(t *testing.T) {
	b := content(100_000)
	sha, _ := sums(b)
	longer := func(s *server, w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush() // no length
		for range 3 {
			_, _ = w.Write(s.content)
		}
	}
	for name, c := range map[string]struct {
		f     File
		mood  func(*server, http.ResponseWriter, *http.Request)
		kept  bool
		parts []string
	}{
		"not there":       {File{}, status(404), false, []string{"404 Not Found"}},
		"forbidden":       {File{}, status(403), false, []string{"403 Forbidden"}},
		"always busy":     {File{}, status(503), false, []string{"failed after 5 attempts", "503"}},
		"always cut":      {File{}, noRanges(cutAfter(50_000)), true, []string{"failed after 5 attempts", "50.0 kB are kept"}},
		"other size":      {File{Size: 99_999}, good, false, []string{"offers 100000 bytes", "99999"}},
		"more than said":  {File{Size: 100_000}, longer, false, []string{"more than the 100000 bytes"}},
		"other content":   {File{SHA256: strings.Repeat("0", 64)}, good, false, []string{"SHA-256 " + sha, "discarded", "address"}},
		"other content 5": {File{MD5: strings.Repeat("0", 32)}, good, false, []string{"MD5", "discarded"}},
		"web page": {File{}, func(s *server, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<html>log in</html>")
		}, false, []string{"web page"}},
		"redirected in circles": {File{}, func(s *server, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusFound)
		}, false, []string{"10 redirections"}},
		"redirected to a file": {File{}, func(s *server, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, false, []string{"unsupported protocol scheme"}},
		"stalls": {File{}, func(s *server, w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, false, []string{"no data received for 50ms"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, url := serve(t, b, c.mood)
			c.f.URLs = []string{url}
			path := filepath.Join(t.TempDir(), "file.bin")
			o := quick()
			if name == "stalls" {
				o.Stall = 50 * time.Millisecond
			}
			_, err := Fetch(context.Background(), c.f, path, o)
			filetest.WantError(t, err, append(c.parts, "file.bin")...)
			if _, err := os.Stat(path); err == nil {
				t.Error("the file appeared")
			}
			if _, err := os.Stat(path + partSuffix); (err == nil) != c.kept {
				t.Errorf("part kept: %v", err == nil)
			}
		})
	}
}

func TestSecondAddress(t *testing.T) {
	b := content(1 << 18)
	_, dead := serve(t, b, status(404))
	_, alive := serve(t, b, good)
	r, err := Fetch(context.Background(), File{URLs: []string{dead, alive}}, filepath.Join(t.TempDir(), "file.bin"), quick())
	if err != nil || r.URL != alive {
		t.Error(r, err)
	}
}

func TestDowngradeRefused(t *testing.T) {
	_, plain := serve(t, content(10), good)
	safe := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
	defer safe.Close()
	client := safe.Client()
	client.CheckRedirect = checkRedirect
	o := quick()
	o.Client = client
	_, err := Fetch(context.Background(), File{URLs: []string{safe.URL}}, filepath.Join(t.TempDir(), "file.bin"), o)
	filetest.WantError(t, err, "from https to the unencrypted address http")
}

// smallDisk takes so many bytes.
type smallDisk struct {
	*os.File
	left int
}

func (d *smallDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.left)
	k, err := d.File.Write(p[:n])
	d.left -= k
	if err == nil && n < len(p) {
		err = &os.PathError{Op: "write", Path: d.Name(), Err: syscall.ENOSPC}
	}
	return k, err
}

func TestDiskFull(t *testing.T) {
	b := content(1 << 20)
	_, url := serve(t, b, good)
	path := filepath.Join(t.TempDir(), "file.bin")
	o := quick()
	o.create = func(path string) (partFile, error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
		return &smallDisk{f, 300_000}, err
	}
	f := File{URLs: []string{url, url}}
	_, err := Fetch(context.Background(), f, path, o)
	filetest.WantError(t, err, path, "disk is full", "300.0 kB were written of 1.0 MB", "748.6 kB more are needed", "make room")
	r, err := Fetch(context.Background(), f, path, quick()) // room was made
	if err != nil || r.Resumed != 300_000 {
		t.Fatal(r, err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, b) {
		t.Error("not the file")
	}
}

func TestNoRoomFromTheStart(t *testing.T) {
	if _, known := freeSpace("."); !known {
		t.Skip("the system does not tell how much room there is")
	}
	_, url := serve(t, nil, func(s *server, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "900000000000000000")
		w.(http.Flusher).Flush()
	})
	_, err := Fetch(context.Background(), File{URLs: []string{url}}, filepath.Join(t.TempDir(), "file.bin"), quick())
	filetest.WantError(t, err, "disk is full", "900000000.0 GB more are needed")
}

func TestInterrupted(t *testing.T) {
	b := content(1 << 20)
	sha, _ := sums(b)
	_, url := serve(t, b, good)
	path := filepath.Join(t.TempDir(), "file.bin")
	ctx, stop := context.WithCancel(context.Background())
	o := quick()
	o.Progress = func(done, _ int64) {
		if done > 1<<18 {
			stop()
		}
	}
	_, err := Fetch(ctx, File{URLs: []string{url}}, path, o)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r, err := Fetch(context.Background(), File{URLs: []string{url}, SHA256: sha}, path, quick())
	if err != nil || r.Resumed < 1<<18 {
		t.Error(r, err)
	}
}

// TestWholeNotRenamed: a run that ended between the last byte and the rename is finished without a byte more.
func TestWholeNotRenamed(t *testing.T) {
	b := content(1 << 16)
	sha, _ := sums(b)
	s, url := serve(t, b, good)
	path := filepath.Join(t.TempDir(), "file.bin")
	for _, f := range []File{{Size: 1 << 16, SHA256: sha}, {SHA256: sha}} {
		f.URLs = []string{url}
		if err := os.WriteFile(path+partSuffix, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+stateSuffix, fmt.Appendf(nil, `{"url":%q,"etag":"\"v1\""}`, url), 0o644); err != nil {
			t.Fatal(err)
		}
		if r, err := Fetch(context.Background(), f, path, quick()); err != nil || r.SHA256 != sha {
			t.Fatal(r, err)
		}
		_ = os.Remove(path)
	}
	if len(s.requests) != 1 { // the one that did not know the length, answered by 416
		t.Errorf("%d requests", len(s.requests))
	}
	// What is there under its own name but wrong is not overwritten.
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Fetch(context.Background(), File{URLs: []string{url}, SHA256: sha}, path, quick())
	filetest.WantError(t, err, "SHA-256", "remove it")
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 5-9/10")
	f.Add("bytes */10")
	f.Fuzz(func(t *testing.T, s string) {
		if from, total, ok := contentRange(s); ok && (from < 0 || total < 0) {
			t.Fatal(s, from, total)
		}
	})
}
