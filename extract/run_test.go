package extract

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"vzsl/extract/preprocess"
	"vzsl/features"
)

func TestRun(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 100, someBroken)
	dir := filepath.Join(t.TempDir(), "features")
	e := &fakeEngine{}
	o := options(d, e, create(t, dir, d))
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	last := -1
	o.Progress = func(done, total int) {
		if done < last || total != 100 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	checkFolder(t, dir, d, nil)
	if last != 100 {
		t.Errorf("progress ended at %d", last)
	}
	if res.Images+res.Skipped != 100 || res.Computed != res.Images || res.Resumed != 0 || res.Skipped < 8 || res.Batch != 3 || res.Workers != 3 || res.Parts != 15 {
		t.Errorf("%+v", res)
	}
	if res.ImagesPerSecond() <= 0 || res.EngineShare() < 0 || res.EngineShare() > 1 {
		t.Errorf("%g images/s, engine %g", res.ImagesPerSecond(), res.EngineShare())
	}
	if !slices.IsSorted(e.seen) || len(e.seen) != res.Images {
		t.Errorf("the engine got %v", e.seen)
	}
	csv, err := os.ReadFile(filepath.Join(dir, "skipped.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`class0/0003.jpg,"not an image: looks like a text file (begins ""just a text"")"`,
		"class2/0005.jpg,the file is missing",
		"class1/0007.jpg,truncated PNG",
	} {
		if !strings.Contains(string(csv), want) {
			t.Errorf("skipped.csv lacks %q:\n%s", want, csv)
		}
	}
	if strings.Contains(string(csv), d.ImageRoot) {
		t.Error("skipped.csv names the machine's folders")
	}
	if !strings.Contains(log.String(), "class0/0003.jpg") {
		t.Errorf("the log lacks a skipped image:\n%s", log.String())
	}

	// Once more: nothing to do.
	before := folderSums(dir)
	again := &fakeEngine{}
	res, err = Run(t.Context(), options(d, again, create(t, dir, d)))
	if err != nil || res.Computed != 0 || res.Resumed != 100 || res.Images+res.Skipped != 100 || len(again.seen) != 0 || res.ImagesPerSecond() != 0 {
		t.Errorf("%+v, %v", res, err)
	}
	if folderSums(dir) != before {
		t.Error("a run with nothing to do changed the files")
	}
}

// TestBatches: batches are full except the last of a part, and the files do not depend
// on their size or on the number of workers.
func TestBatches(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 45, someBroken)
	_, want, _ := undisturbed(t, d)
	for _, c := range [][2]int{{1, 1}, {2, 1}, {5, 4}, {7, 2}, {64, 16}, {0, 0}} {
		dir := filepath.Join(t.TempDir(), "features")
		e := &fakeEngine{}
		o := options(d, e, create(t, dir, d))
		o.Batch, o.Workers = c[0], c[1]
		res, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if folderSums(dir) != want {
			t.Errorf("batch %d, %d workers: other files", c[0], c[1])
		}
		at := 0
		for i, n := range e.size {
			first := e.seen[at] / fakeRows
			if e.seen[at+n-1]/fakeRows != first {
				t.Errorf("batch %d spans two parts", i)
			}
			at += n
			if at < len(e.seen) && e.seen[at]/fakeRows == first && n != res.Batch {
				t.Errorf("batch of %d in the middle of a part", n)
			}
		}
	}
}

func TestNHWC(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 3, nil)
	var got []float32
	e := engineFunc(func(images []float32, n int, features []float32) error {
		got = slices.Clone(images)
		clear(features)
		return nil
	})
	o := options(d, e, create(t, filepath.Join(t.TempDir(), "f"), d))
	o.NHWC = true
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	im, err := preprocess.Decode(numbered(2))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, fakeRecipe.Values())
	if err := fakeRecipe.Apply(im, true, want); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got[2*len(want):], want) {
		t.Error("the third input is not image 2 in N,H,W,C order")
	}
}

type engineFunc func(images []float32, n int, features []float32) error

func (f engineFunc) Run(images []float32, n int, features []float32) error {
	return f(images, n, features)
}
func (engineFunc) Dim() int     { return fakeDim }
func (engineFunc) Close() error { return nil }

// TestPartWithoutImages: a part whose images are all broken is a valid empty shard,
// at the beginning, inside and at the end.
func TestPartWithoutImages(t *testing.T) {
	t.Parallel()
	for _, part := range []int{0, 2, 4} {
		d := makeImages(t, t.TempDir(), 5*fakeRows, func(i int) []byte {
			if i/fakeRows == part {
				return []byte("broken")
			}
			return nil
		})
		_, _, res := undisturbed(t, d)
		if res.Images != 4*fakeRows || res.Skipped != fakeRows || res.Parts != 5 {
			t.Errorf("part %d: %+v", part, res)
		}
	}
}

// TestNoImageUsable: nothing is stored, so that the run can be repeated when the
// images are there.
func TestNoImageUsable(t *testing.T) {
	t.Parallel()
	root, dir := t.TempDir(), filepath.Join(t.TempDir(), "features")
	d := makeImages(t, root, 20, func(int) []byte { return []byte("missing") })
	w := create(t, dir, d)
	res, err := Run(t.Context(), options(d, &fakeEngine{}, w))
	if err == nil || !strings.Contains(err.Error(), "none of the 20 images") || !strings.Contains(err.Error(), "class0/0000.jpg: the file is missing") {
		t.Fatalf("%+v, %v", res, err)
	}
	closed(t, w)
	makeImages(t, root, 20, nil)
	if _, err := Run(t.Context(), options(d, &fakeEngine{}, create(t, dir, d))); err != nil {
		t.Fatal(err)
	}
	checkFolder(t, dir, d, nil)
}

func TestNotFinite(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 20, someBroken)
	nan := map[int]bool{1: true, 2: true, 15: true}
	var want string
	for _, batch := range []int{8, 1, 4} {
		dir := filepath.Join(t.TempDir(), "features")
		o := options(d, &fakeEngine{nan: nan}, create(t, dir, d))
		o.Batch = batch
		if _, err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		checkFolder(t, dir, d, func(i int) bool { return nan[i] })
		if got := folderSums(dir); want == "" {
			want = got
		} else if got != want {
			t.Error("the files depend on the batch")
		}
	}
	all := map[int]bool{}
	for i := range 20 {
		all[i] = true
	}
	_, err := Run(t.Context(), options(d, &fakeEngine{nan: all}, create(t, filepath.Join(t.TempDir(), "f"), d)))
	if err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Error(err)
	}
}

func TestEngineFails(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 40, nil)
	dir := filepath.Join(t.TempDir(), "features")
	e := &fakeEngine{}
	e.hook = func(numbers []int) error {
		if numbers[0] > 20 {
			return errors.New("operator Foo failed")
		}
		return nil
	}
	w := create(t, dir, d)
	_, err := Run(t.Context(), options(d, e, w))
	if err == nil || !strings.Contains(err.Error(), "operator Foo failed") || !strings.Contains(err.Error(), "class0/0021.jpg") {
		t.Fatal(err)
	}
	closed(t, w)
	if _, err := Run(t.Context(), options(d, &fakeEngine{}, create(t, dir, d))); err != nil {
		t.Fatal(err)
	}
	if _, want, _ := undisturbed(t, d); folderSums(dir) != want {
		t.Error("other files than of an undisturbed run")
	}
}

// TestImageFolderTakenAway: when the whole folder goes, the rest is not skipped.
func TestImageFolderTakenAway(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "images")
	d := makeImages(t, root, 120, nil)
	e := &fakeEngine{}
	e.hook = func(numbers []int) error {
		if numbers[0] == 21 {
			return os.Rename(root, root+"-gone")
		}
		return nil
	}
	dir := filepath.Join(t.TempDir(), "features")
	w := create(t, dir, d)
	_, err := Run(t.Context(), options(d, e, w))
	if err == nil || !strings.Contains(err.Error(), "image folder cannot be read") {
		t.Fatal(err)
	}
	closed(t, w)
	if _, err := Run(t.Context(), options(d, &fakeEngine{}, nil)); err == nil {
		t.Error("no writer is accepted")
	}
	w = create(t, dir, d)
	if _, err := Run(t.Context(), options(d, &fakeEngine{}, w)); err == nil || !strings.Contains(err.Error(), root) {
		t.Errorf("a missing image folder: %v", err)
	}
	closed(t, w)
	if err := os.Rename(root+"-gone", root); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), options(d, &fakeEngine{}, create(t, dir, d))); err != nil {
		t.Fatal(err)
	}
	checkFolder(t, dir, d, nil)
}

// failing is a writer whose disk is full for a while.
type failing struct {
	*features.Writer
	at  int
	err error
}

func (f *failing) WritePart(part int, p features.Part) error {
	if part >= f.at {
		return &os.PathError{Op: "write", Path: "/features/cub/part", Err: f.err}
	}
	return f.Writer.WritePart(part, p)
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 120, nil)
	dir := filepath.Join(t.TempDir(), "features")
	w := create(t, dir, d)
	e := &fakeEngine{}
	res, err := Run(t.Context(), options(d, e, &failing{w, 3, syscall.ENOSPC}))
	if err == nil || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, want := range []string{"/features/cub", "no space left", "make room", "run the same command again", "kept"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if res.Parts != 3 || len(e.seen) > 8*fakeRows {
		t.Errorf("%d parts written, %d images computed after the disk was full", res.Parts, len(e.seen))
	}
	closed(t, w)
	again := &fakeEngine{}
	if _, err := Run(t.Context(), options(d, again, create(t, dir, d))); err != nil {
		t.Fatal(err)
	}
	if again.seen[0] != 3*fakeRows {
		t.Errorf("took up at image %d", again.seen[0])
	}
	checkFolder(t, dir, d, nil)
}

// TestDecodesAhead: while the engine is held up, images are prepared, across the bound of the
// part, but no more than the buffers hold.
func TestDecodesAhead(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 200, nil)
	ctx, cancel := context.WithCancel(t.Context())
	order := []int{0, 1, 2, 3, 4}
	for i := 60; i < 200; i++ {
		order = append(order, i)
	}
	a := startPrefetch(ctx, &Options{Dataset: d, Recipe: fakeRecipe}, order, 3, 11)
	eventually(t, "11 images prepared", func() bool { return a.taken.Load() == 11 })
	for i := range 20 {
		it := a.next(ctx)
		want := i
		if i >= 5 {
			want = 55 + i
		}
		if it == nil || it.index != want {
			t.Fatalf("item %d is %+v", i, it)
		}
		if n := a.taken.Load(); n > int64(11+i) {
			t.Fatalf("%d images prepared with %d taken and 11 buffers", n, i)
		}
		a.recycle(it)
	}
	cancel()
	a.wait()
	if it := a.next(ctx); it != nil {
		select {
		case <-it.ready:
		default:
			t.Error("an item without its input")
		}
	}
}

// slowWriter holds up each part until it is let go.
type slowWriter struct {
	*features.Writer
	writing atomic.Int32
	let     chan struct{}
}

func (s *slowWriter) WritePart(part int, p features.Part) error {
	s.writing.Store(int32(part + 1))
	<-s.let
	return s.Writer.WritePart(part, p)
}

// TestWritesWhileComputing: the next part is computed while one is written.
func TestWritesWhileComputing(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 4*fakeRows, nil)
	dir := filepath.Join(t.TempDir(), "features")
	w := &slowWriter{Writer: create(t, dir, d), let: make(chan struct{})}
	e := &fakeEngine{}
	ended := make(chan error, 1)
	go func() {
		_, err := Run(context.Background(), options(d, e, w))
		ended <- err
	}()
	computed := func() int {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.seen)
	}
	for part := range 4 {
		eventually(t, "the part is being written", func() bool { return w.writing.Load() == int32(part+1) })
		eventually(t, "the next part is computed", func() bool { return computed() >= min(part+2, 4)*fakeRows })
		if n := computed(); n > (part+2)*fakeRows {
			t.Errorf("%d images computed while part %d is written: too far ahead", n, part)
		}
		w.let <- struct{}{}
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	checkFolder(t, dir, d, nil)
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 10, nil)
	w := create(t, filepath.Join(t.TempDir(), "f"), d)
	for name, change := range map[string]func(*Options){
		"no engine":       func(o *Options) { o.Engine = nil },
		"no dataset":      func(o *Options) { o.Dataset = nil },
		"no recipe":       func(o *Options) { o.Recipe = preprocess.Recipe{} },
		"no images":       func(o *Options) { e := *d; e.Images = nil; o.Dataset = &e },
		"another dataset": func(o *Options) { e := *d; e.Images = e.Images[:5]; o.Dataset = &e },
		"root is a file":  func(o *Options) { e := *d; e.ImageRoot += "/" + d.Images[0].Path; o.Dataset = &e },
	} {
		o := options(d, &fakeEngine{}, w)
		change(&o)
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 10, func(i int) []byte {
		if i > 0 && i < 5 {
			return []byte("missing")
		}
		return nil
	})
	at := func(i int) string { return filepath.Join(d.ImageRoot, d.Images[i].Path) }
	if err := os.Mkdir(at(1), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at(2), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", at(3)); err != nil {
		t.Skip(err)
	}
	f, err := os.Create(at(4))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(maxFile + 1); err != nil {
		t.Fatal(err)
	}
	closed(t, f)
	want := map[string]string{
		d.Images[1].Path: "a folder", d.Images[2].Path: "empty (0 bytes)",
		d.Images[3].Path: "missing", d.Images[4].Path: "too large",
	}
	if fifo(filepath.Join(d.ImageRoot, "class2/0005.jpg")) {
		want["class2/0005.jpg"] = "not a regular file"
	}
	dir := filepath.Join(t.TempDir(), "features")
	if _, err := Run(t.Context(), options(d, &fakeEngine{}, create(t, dir, d))); err != nil {
		t.Fatal(err)
	}
	csv, err := os.ReadFile(filepath.Join(dir, "skipped.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for image, reason := range want {
		found := false
		for line := range strings.Lines(string(csv)) {
			if strings.HasPrefix(line, image) {
				found = strings.Contains(line, reason)
			}
		}
		if !found {
			t.Errorf("%s is not listed as %q:\n%s", image, reason, csv)
		}
	}
	if n := strings.Count(string(csv), "\n"); n != len(want)+1 {
		t.Errorf("%d lines:\n%s", n, csv)
	}
}

// TestManySkips: the log does not drown in skipped images.
func TestManySkips(t *testing.T) {
	t.Parallel()
	const n = 60
	d := makeImages(t, t.TempDir(), n, func(i int) []byte {
		if i > 0 {
			return []byte("missing")
		}
		return nil
	})
	var log bytes.Buffer
	o := options(d, &fakeEngine{}, create(t, filepath.Join(t.TempDir(), "f"), d))
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	res, err := Run(t.Context(), o)
	if err != nil || res.Skipped != n-1 {
		t.Fatal(res, err)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 20 || !strings.Contains(log.String(), "further ones") {
		t.Errorf("%d lines of log:\n%s", lines, log.String())
	}
}
