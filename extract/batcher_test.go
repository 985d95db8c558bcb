package extract

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

func live(t testing.TB, e Engine, o BatcherOptions) *Batcher {
	t.Helper()
	o.Engine, o.Recipe = e, fakeRecipe
	l, err := NewBatcher(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// While the engine is at work on one image the others gather: they go through it together, and everyone gets the feature
// of its own.
func TestLiveBatches(t *testing.T) {
	const n = 40
	began, goOn := make(chan bool, n), make(chan bool)
	e := &fakeEngine{hook: func([]int) error { began <- true; <-goOn; return nil }}
	l := live(t, e, BatcherOptions{Batch: 16, Workers: 4})
	got := make([][]float32, n)
	var wg sync.WaitGroup
	ask := func(i int) {
		wg.Go(func() {
			f, _, err := l.Picture(t.Context(), numbered(i))
			if err != nil {
				t.Error(err)
			}
			got[i] = f
		})
	}
	ask(0)
	<-began
	for i := 1; i < n; i++ {
		ask(i)
	}
	eventually(t, "a full queue", func() bool { return len(l.queue) == 16 })
	close(goOn)
	wg.Wait()
	for i, f := range got {
		if want := fakeFeature(i); !slices.Equal(f, want[:]) {
			t.Errorf("image %d: %v", i, f)
		}
	}
	images, runs, _ := l.Counts()
	if images != n || int(runs) != len(e.size) || !slices.Contains(e.size, 16) {
		t.Errorf("%d images in %d runs of %v", images, runs, e.size)
	}
}

func TestLiveRefusals(t *testing.T) {
	dir := t.TempDir()
	e := &fakeEngine{nan: map[int]bool{5: true}}
	l := live(t, e, BatcherOptions{MaxPixels: 1})
	var bomb bytes.Buffer
	if err := png.Encode(&bomb, image.NewGray(image.Rect(0, 0, 1200, 1000))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		data     []byte
		no, size bool
	}{
		{"text", []byte("just a text"), true, false},
		{"nothing", nil, true, false},
		{"cut", numbered(1)[:40], false, false},
		{"bomb", bomb.Bytes(), false, true},
		{"not finite", numbered(5), false, false},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, byBytes := l.Picture(t.Context(), c.data)
		_, _, byFile := l.File(t.Context(), path)
		for _, err := range []error{byBytes, byFile} {
			var r *Refusal
			if !errors.As(err, &r) || r.NoImage != c.no || r.TooLarge != c.size || r.Reason == "" {
				t.Errorf("%s: %#v", c.name, err)
			}
		}
	}
	if _, _, err := l.File(t.Context(), filepath.Join(dir, "absent.jpg")); err == nil || err.Error() != "the file is missing" {
		t.Error(err)
	}
	if f, _, err := l.Picture(t.Context(), numbered(9)); err != nil || f[0] != 9 {
		t.Errorf("after the refusals: %v %v", f, err)
	}
}

// Who gives up leaves nothing behind, an engine's error reaches everyone in the batch, and after Close nothing is taken.
func TestLiveEnds(t *testing.T) {
	broken := errors.New("broken")
	began, goOn := make(chan bool, 1), make(chan bool)
	e := &fakeEngine{hook: func(n []int) error {
		if n[0] == 1 {
			began <- true
			<-goOn
			return nil
		}
		return broken
	}}
	l := live(t, e, BatcherOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, _, err := l.Picture(ctx, numbered(1)); gone <- err }()
	<-began
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(goOn)
	if _, _, err := l.Picture(t.Context(), numbered(2)); !errors.Is(err, broken) {
		t.Error(err)
	}
	l.Close()
	if _, _, err := l.Picture(t.Context(), numbered(3)); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}
