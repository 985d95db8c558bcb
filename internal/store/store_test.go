package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vzsl/internal/filetest"
	"vzsl/internal/store/storetest"
)

func fast(t *testing.T) {
	was := Pause
	Pause = func(int) time.Duration { return time.Millisecond }
	t.Cleanup(func() { Pause = was })
}

// Every store reads whole files and parts, tells what is there, and what is not, in the same way.
func TestReading(t *testing.T) {
	filetest.Slow(t)
	fast(t)
	ctx := context.Background()
	dir := t.TempDir()
	data := bytes.Repeat([]byte("0123456789"), 30_000)
	s3 := storetest.S3(t)
	for _, name := range []string{"a b/x+1.bin", "a b/y.bin", "a b/z/é.bin", "c.bin"} {
		filetest.Write(t, filepath.Join(dir, name), string(data))
		s3.Put(t, name, data)
	}
	filetest.Write(t, filepath.Join(dir, "a b/.hidden"), "")
	web := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer web.Close()
	for _, c := range []struct {
		base string
		key  func(string) string
		list bool
	}{
		{dir + "/", func(k string) string { return filepath.ToSlash(filepath.Join(dir, k)) }, true},
		{"s3://bucket/", func(k string) string { return k }, true},
		{web.URL + "/", func(k string) string { return web.URL + "/" + k }, false},
	} {
		o := &Opener{}
		st, key, err := o.At(c.base + "c.bin")
		if err != nil || key != c.key("c.bin") {
			t.Fatal(key, err)
		}
		for _, bad := range []int32{0, 40} {
			s3.Network.Bad.Store(bad)
			for range 5 {
				in, err := st.Stat(ctx, key)
				if err != nil || in.Size != int64(len(data)) || !in.Ranges && c.list {
					t.Fatal(c.base, in, err)
				}
				for _, r := range [][2]int64{{0, -1}, {0, 10}, {5, 100_000}, {299_990, 10}, {299_990, 50}, {200_000, -1}, {7, 0}} {
					body, err := st.Read(ctx, key, in.Version, r[0], r[1])
					if err != nil {
						t.Fatal(c.base, r, err)
					}
					got, err := io.ReadAll(body)
					want := data[r[0]:]
					if r[1] >= 0 {
						want = want[:min(int64(len(want)), r[1])]
					}
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s %v: %d bytes, %v", c.base, r, len(got), err)
					}
					if err := body.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		}
		if _, err := st.Stat(ctx, c.key("none.bin")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", c.base, err)
		}
		if body, err := st.Read(ctx, c.key("none.bin"), "", 0, -1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v %v", c.base, body, err)
		}
		if c.base != web.URL+"/" { // which has no ETag here
			_, err = st.Read(ctx, key, "another", 0, -1)
			var changed *ChangedError
			if !errors.As(err, &changed) {
				t.Errorf("%s: %v", c.base, err)
			}
		}
		all, err := st.List(ctx, c.key("a b/"))
		if !c.list {
			if err == nil {
				t.Error("a web server lists its files")
			}
			continue
		}
		if err != nil || len(all) != 3 || all[0].Key != c.key("a b/x+1.bin") || all[2].Key != c.key("a b/z/é.bin") || all[1].Size != int64(len(data)) {
			t.Error(all, err)
		}
		if all, err := st.List(ctx, c.key("a b/y")); err != nil || len(all) != 1 {
			t.Error(all, err)
		}
	}
	if s3.Network.Faults.Load() == 0 {
		t.Error("nothing went wrong")
	}
}

// Of many that create the same object one does, and the others are told, however bad the network.
func TestCreate(t *testing.T) {
	filetest.Slow(t)
	fast(t)
	ctx := context.Background()
	s3 := storetest.S3(t)
	s3.Network.Bad.Store(30)
	st, _, err := (&Opener{}).At("s3://bucket/")
	if err != nil {
		t.Fatal(err)
	}
	w := st.(writable)
	for n := range 10 {
		key := fmt.Sprintf("x/%d", n)
		var first, there atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				switch err := w.Create(ctx, key, []byte("content")); {
				case err == nil:
					first.Add(1)
				case errors.Is(err, fs.ErrExist):
					there.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if first.Load() > 1 || first.Load()+there.Load() != 8 || string(s3.Get(t, key)) != "content" {
			t.Error(first.Load(), there.Load())
		}
		if err := w.Put(ctx, key, []byte("other")); err != nil || string(s3.Get(t, key)) != "other" {
			t.Error(err)
		}
		if err := w.Remove(ctx, key); err != nil {
			t.Error(err)
		}
	}
	if keys := s3.Keys(t); len(keys) != 0 || s3.Network.Faults.Load() == 0 {
		t.Error(keys, s3.Network.Faults.Load())
	}
}

// What does not pass is an error soon; what was given up ends at once.
func TestFailing(t *testing.T) {
	fast(t)
	s3 := storetest.S3(t)
	s3.Network.Bad.Store(100)
	st, key, err := (&Opener{S3Endpoint: s3.URL}).At("s3://bucket/x")
	if err != nil {
		t.Fatal(err)
	}
	dead := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	defer dead.Close()
	web, address, _ := (&Opener{}).At(dead.URL + "/x")
	_, err = web.Read(context.Background(), address, "", 0, -1)
	filetest.WantError(t, err, dead.URL, "503 Service Unavailable")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := st.Stat(ctx, key); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, endpoint := range []string{"ftp://host", "https://host/path", "::"} {
		_, _, err := (&Opener{S3Endpoint: endpoint}).At("s3://bucket/x")
		filetest.WantError(t, err, "endpoint")
	}
	s3.Network.Bad.Store(0)
	_, err = (&bucket{name: "absent", c: st.(*bucket).c}).Stat(context.Background(), "x")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	_, err = (&bucket{name: "absent", c: st.(*bucket).c}).List(context.Background(), "x")
	filetest.WantError(t, err, "bucket absent not found")
}

func TestLocal(t *testing.T) {
	for address, want := range map[string]string{"a/b": "a/b", "file:///a/b%20c": "/a/b c", "file://localhost/a": "/a", "C:/x": "C:/x"} {
		if got, ok := Local(address); !ok || filepath.ToSlash(got) != want {
			t.Error(address, got, ok)
		}
	}
	for _, address := range []string{"s3://bucket/x", "https://h/x", "S3://b/x"} {
		if _, ok := Local(address); ok || !IsURL(address) {
			t.Error(address)
		}
	}
}
