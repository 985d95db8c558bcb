package extract

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vzsl/datasets"
	"vzsl/extract/preprocess"
	"vzsl/features"
	"vzsl/internal/filetest"
)

// TestInterruptedIsUndisturbed cancels runs at random moments and takes them up again:
// the files are those of an undisturbed run, and no image of a finished part is computed
// again.
func TestInterruptedIsUndisturbed(t *testing.T) {
	t.Parallel()
	d := makeImages(t, t.TempDir(), 61, func(i int) []byte {
		if i < 2*fakeRows && i != 3 || i/fakeRows == 5 {
			return []byte("broken") // parts with hardly any image or none
		}
		return someBroken(i + 1)
	})
	_, want, _ := undisturbed(t, d)
	seed, rounds := time.Now().UnixNano(), 6
	if os.Getenv("VZSL_LONG") != "" {
		rounds = 60
	}
	rng := rand.New(rand.NewSource(seed))
	stops := 0
	for range rounds {
		dir := filepath.Join(t.TempDir(), "features")
		for run := 0; ; run++ {
			w, err := features.Create(dir, source(d), false)
			if err != nil {
				t.Fatal(err)
			}
			finished := map[int]bool{}
			for p := range w.Parts() {
				finished[p] = w.Done(p)
			}
			ctx, cancel := context.WithCancel(context.Background())
			after := 1 + rng.Intn(25) // images until the stop
			if run > 8 {
				after = len(d.Images) + 1 // enough
			}
			late := rng.Intn(2) == 0 // stop a moment later
			count := 0
			e := &fakeEngine{}
			e.hook = func(numbers []int) error {
				if count += len(numbers); count >= after {
					if late {
						time.AfterFunc(time.Duration(count)*20*time.Microsecond, cancel)
					} else {
						cancel()
					}
				}
				return nil
			}
			o := options(d, e, w)
			o.Workers = 1 + rng.Intn(4)
			res, err := Run(ctx, o)
			cancel()
			for _, n := range e.seen {
				if finished[n/fakeRows] {
					t.Fatalf("image %d of the finished part %d is computed again", n, n/fakeRows)
				}
			}
			if err == nil {
				break
			}
			stops++
			if !errors.Is(err, context.Canceled) || res.Manifest != nil {
				t.Fatalf("%v, %+v", err, res)
			}
			if over := len(e.seen) - after; !late && over >= o.Batch {
				t.Fatalf("%d images computed after the stop", over)
			}
			// What was whole when the run stopped is on disk.
			done := 0
			for p := range w.Parts() {
				if w.Done(p) {
					done++
				} else if lo, hi := w.Range(p); len(e.seen) > 0 && e.seen[len(e.seen)-1] >= hi && usable(d, lo, hi) {
					t.Fatalf("the finished part %d is lost", p)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if done == w.Parts() {
				break
			}
		}
		w, err := features.Create(dir, source(d), false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), options(d, &fakeEngine{}, w)); err != nil {
			t.Fatal(err)
		}
		if got := folderSums(dir); got != want {
			t.Fatalf("seed %d: files differ:\n%s\nwant\n%s", seed, got, want)
		}
	}
	if t.Logf("seed %d: %d stops", seed, stops); stops < rounds {
		t.Error("hardly any run was stopped")
	}
}

// usable reports whether any image of a part is whole.
func usable(d *datasets.Dataset, lo, hi int) bool {
	for _, im := range d.Images[lo:hi] {
		if b, err := os.ReadFile(filepath.Join(d.ImageRoot, im.Path)); err == nil {
			if _, err := preprocess.Decode(b); err == nil {
				return true
			}
		}
	}
	return false
}

// The variables that make this test binary a run that waits to be killed.
const (
	envImages   = "VZSL_TEST_KILL_IMAGES"
	envFeatures = "VZSL_TEST_KILL_FEATURES"
	envLog      = "VZSL_TEST_KILL_LOG"
)

const killImages = 150

func killDataset(dir string) *datasets.Dataset {
	d := &datasets.Dataset{Name: "folder", Root: dir, ImageRoot: dir}
	for c := range 3 {
		d.Classes = append(d.Classes, datasets.Class{Name: fmt.Sprintf("class%d", c)})
	}
	for i := range killImages {
		d.Images = append(d.Images, datasets.Image{Path: fmt.Sprintf("class%d/%04d.jpg", i%3, i), Class: i % 3})
	}
	return d
}

func TestMain(m *testing.M) {
	if os.Getenv(envImages) != "" {
		if err := killable(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// killable extracts with a slow engine that notes each image in a file before it is
// computed.
func killable() error {
	log, err := os.OpenFile(os.Getenv(envLog), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	d := killDataset(os.Getenv(envImages))
	w, err := features.Create(os.Getenv(envFeatures), source(d), false)
	if err != nil {
		return err
	}
	e := &fakeEngine{}
	e.hook = func(numbers []int) error {
		line := ""
		for _, n := range numbers {
			line += fmt.Sprintln(n)
		}
		if _, err := log.WriteString(line); err != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
		return nil
	}
	_, err = Run(context.Background(), options(d, e, w))
	return errors.Join(err, w.Close())
}

// TestKilled kills a process that extracts (SIGKILL) at random moments, each time
// taking up where it was: 4 times, or 20 times and more with VZSL_LONG=1.
func TestKilled(t *testing.T) {
	filetest.Slow(t)
	t.Parallel()
	kills := 4
	if os.Getenv("VZSL_LONG") != "" {
		kills = 20
	}
	images := t.TempDir()
	d := makeImages(t, images, killImages, someBroken)
	if d.SHA256() != killDataset(images).SHA256() {
		t.Fatal("the two datasets differ")
	}
	start := time.Now()
	_, want, _ := undisturbed(t, d)
	whole := time.Since(start)
	rng := rand.New(rand.NewSource(time.Now().UnixNano()))
	for killed, round := 0, 0; killed < kills; round++ {
		dir := filepath.Join(t.TempDir(), "features")
		logFile := filepath.Join(t.TempDir(), "computed")
		var logged int64
		for ended := false; !ended; {
			before := doneParts(dir)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), envImages+"="+images, envFeatures+"="+dir, envLog+"="+logFile)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(rng.Int63n(int64(whole/2)+int64(20*time.Millisecond))), func() { _ = cmd.Process.Kill() })
			err := cmd.Wait()
			timer.Stop()
			switch {
			case err == nil:
				ended = true
			case cmd.ProcessState.ExitCode() == -1:
				killed++
			default:
				t.Fatalf("%v: %s", err, stderr.String())
			}
			// Nothing of the parts that were there before was computed again.
			b, _ := os.ReadFile(logFile)
			for line := range strings.Lines(string(b[logged:])) {
				n, err := strconv.Atoi(strings.TrimSpace(line))
				if err == nil && before[n/fakeRows] {
					t.Fatalf("image %d of the finished part %d is computed again", n, n/fakeRows)
				}
			}
			logged = int64(len(b))
		}
		if got := folderSums(dir); got != want {
			t.Fatalf("after %d kills the files differ:\n%s\nwant\n%s", killed, got, want)
		}
		checkFolder(t, dir, d, nil)
		t.Logf("round %d: %d kills so far", round, killed)
	}
}

// doneParts are the shards in a folder, by number.
func doneParts(dir string) map[int]bool {
	done := map[int]bool{}
	files, _ := filepath.Glob(filepath.Join(dir, "part-*.parquet"))
	for _, f := range files {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(f), "part-%d-", &n); err == nil {
			done[n] = true
		}
	}
	return done
}
