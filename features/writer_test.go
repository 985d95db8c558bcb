package features

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vzsl/internal/filetest"
	"vzsl/internal/lock"
)

func wantNotes(t testing.TB, notes []string, parts ...string) {
	t.Helper()
	if len(notes) != len(parts) {
		t.Errorf("notes %q, expected %d", notes, len(parts))
	}
	all := strings.Join(notes, "\n")
	for _, p := range parts {
		if !strings.Contains(all, p) {
			t.Errorf("notes %q do not say %q", all, p)
		}
	}
}

// contents are the files of a folder but the cache.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == cacheDir {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

func sameFiles(t testing.TB, want, got map[string]string) {
	t.Helper()
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is too much", name)
		}
	}
	for name, w := range want {
		if g, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		} else if g != w {
			t.Errorf("%s differs: %d and %d bytes", name, len(w), len(g))
		}
	}
}

func TestBytesDependOnRowsAlone(t *testing.T) {
	src := source(64, 2500, 600)
	a, b := t.TempDir(), t.TempDir()
	fill(t, a, src, 50)
	// The other way round, two at a time, on one processor.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	w, err := Create(b, src, false)
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	for part := w.Parts() - 1; part >= 0; part-- {
		go func() { errs <- w.WritePart(part, rowsOf(src, part, 50)) }()
	}
	for range w.Parts() {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, contents(t, a), contents(t, b))
}

func TestRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := source(1, rapid.IntRange(1, 5000).Draw(t, "images"), rapid.IntRange(1, 2000).Draw(t, "rows"))
		next := 0
		for part := range src.parts() {
			lo, hi := src.partRange(part)
			if lo != next || hi <= lo || hi-lo > src.ShardRows {
				t.Fatalf("part %d is [%d,%d)", part, lo, hi)
			}
			next = hi
		}
		if next != src.Images {
			t.Fatalf("%d of %d images", next, src.Images)
		}
	})
}

func TestResume(t *testing.T) {
	src := source(8, 100, 12)
	whole := t.TempDir()
	fill(t, whole, src, 7)
	want := contents(t, whole)
	part := func(k int) string { return partFile(k, 9) }
	for name, c := range map[string]struct {
		disturb func(t *testing.T, dir string)
		notes   []string
		todo    int
	}{
		"nothing":        {func(t *testing.T, dir string) {}, nil, 0},
		"no manifest":    {func(t *testing.T, dir string) { remove(t, dir, manifestName) }, []string{"kept", "kept", "kept", "kept", "kept", "kept", "kept", "kept", "kept"}, 0},
		"no skipped.csv": {func(t *testing.T, dir string) { remove(t, dir, skippedName) }, nil, 0},
		"a part less":    {func(t *testing.T, dir string) { remove(t, dir, part(3)) }, nil, 1},
		"leftovers": {func(t *testing.T, dir string) {
			put(t, dir, "."+part(2)+"1234", "x")
			put(t, dir, ".manifest.json77", "")
			put(t, dir, ".skipped.csv.5.vzsl-tmp", "")
		}, []string{"removed ." + part(2), "removed .manifest.json77", "removed .skipped.csv.5"}, 0},
		"crashed lock":      {func(t *testing.T, dir string) { put(t, dir, lock.Name, "") }, nil, 0},
		"part cut":          {func(t *testing.T, dir string) { cut(t, dir, part(5), 900) }, []string{part(5) + " will be written again"}, 1},
		"part cut in magic": {func(t *testing.T, dir string) { cut(t, dir, part(5), -2) }, []string{part(5) + " will be written again"}, 1},
		"part empty":        {func(t *testing.T, dir string) { put(t, dir, part(0), "") }, []string{part(0) + " will be written again"}, 1},
		"part of elsewhere": {func(t *testing.T, dir string) { put(t, dir, part(0), want[part(1)]) }, []string{"it holds part 1 of 9"}, 1},
		"manifest garbage":  {func(t *testing.T, dir string) { put(t, dir, manifestName, "{") }, append([]string{"rebuilt manifest.json"}, make([]string, 9)...), 0},
		"manifest of a run that was killed": {func(t *testing.T, dir string) {
			m, err := ReadManifest(dir)
			if err != nil {
				t.Fatal(err)
			}
			m.Complete, m.Rows, m.Skipped, m.Parts = false, m.Parts[0].Rows, m.Parts[0].Skipped, m.Parts[:1]
			put(t, dir, manifestName, string(m.encode()))
			for k := 4; k < 9; k++ {
				remove(t, dir, part(k))
			}
			remove(t, dir, skippedName)
		}, []string{"kept " + part(1), part(2), part(3)}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range want {
				put(t, dir, name, text)
			}
			c.disturb(t, dir)
			w, err := Create(dir, src, false)
			if err != nil {
				t.Fatal(err)
			}
			wantNotes(t, w.Notes(), c.notes...)
			todo := 0
			for k := range w.Parts() {
				if !w.Done(k) {
					todo++
				}
			}
			if todo != c.todo {
				t.Errorf("%d parts to do, expected %d", todo, c.todo)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			fill(t, dir, src, 7)
			sameFiles(t, want, contents(t, dir))
		})
	}
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// cut shortens a file to n bytes, or by -n.
func cut(t testing.TB, dir, name string, n int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if n < 0 {
		n += len(b)
	}
	put(t, dir, name, string(b[:n]))
}

func TestForeignSource(t *testing.T) {
	src := source(8, 20, 10)
	for name, c := range map[string]struct {
		change func(*Source)
		says   string
	}{
		"dataset":        {func(s *Source) { s.Dataset = "other" }, "dataset: there toy, now other"},
		"dataset sha256": {func(s *Source) { s.DatasetSHA256 = "d2" }, "dataset sha256: there d1, now d2"},
		"network":        {func(s *Source) { s.Network = "x" }, "network: there net, now x"},
		"network sha256": {func(s *Source) { s.NetworkSHA256 = "" }, "network sha256: there n1, now (empty)"},
		"layer":          {func(s *Source) { s.Layer = "fc6" }, "layer: there fc7 after ReLU, now fc6"},
		"recipe":         {func(s *Source) { s.Recipe = "caffe-227" }, "recipe: there torchvision-224, now caffe-227"},
		"engine":         {func(s *Source) { s.Engine = "gorgonia" }, "engine: there native, now gorgonia"},
		"dim":            {func(s *Source) { s.Dim = 9 }, "dim: there 8, now 9"},
		"shard rows":     {func(s *Source) { s.ShardRows = 5 }, "shard rows: there 10, now 5"},
		"images":         {func(s *Source) { s.Images = 21 }, "images: there 20, now 21"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, manifest := range []bool{true, false} {
				if !manifest && name != "dim" && name != "layer" {
					continue // the shards alone say it too; two fields will do
				}
				dir := t.TempDir()
				fill(t, dir, src, 0)
				if !manifest {
					remove(t, dir, manifestName)
				}
				before := contents(t, dir)
				other := src
				c.change(&other)
				_, err := Create(dir, other, false)
				filetest.WantError(t, err, dir, c.says, "--force")
				var se *SourceError
				if !errors.As(err, &se) || len(se.Differences) != 1 {
					t.Errorf("%#v", err)
				}
				sameFiles(t, before, contents(t, dir))
				w, err := Create(dir, other, true)
				if err != nil {
					t.Fatal(err)
				}
				for part := range w.Parts() {
					if w.Done(part) {
						t.Error("force keeps a part")
					}
				}
				w.Close()
				m := fill(t, dir, other, 0)
				if d := cmp.Diff(other, m.Source); d != "" {
					t.Error(d)
				}
			}
		})
	}

	// Another version of the program may not continue with a folder, but may take a finished one.
	dir := t.TempDir()
	newer := src
	newer.Program = "vzsl next"
	w, err := Create(dir, src, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WritePart(0, rowsOf(src, 0, 0)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	_, err = Create(dir, newer, false)
	filetest.WantError(t, err, "program: there vzsl test, now vzsl next")
	fill(t, dir, src, 0)
	before := contents(t, dir)
	fill(t, dir, newer, 0)
	sameFiles(t, before, contents(t, dir))
}

func TestCreateErrors(t *testing.T) {
	top := t.TempDir()
	put(t, top, "file", "")
	_, err := Create(filepath.Join(top, "file"), source(1, 1, 1), false)
	filetest.WantError(t, err, "is a file", "folder")
	_, err = Create(filepath.Join(top, "file", "below"), source(1, 1, 1), false)
	filetest.WantError(t, err, "file")
	for _, c := range []struct {
		src  Source
		says string
	}{{source(0, 1, 1), "size 0"}, {source(1, 0, 1), "0 images"}, {source(1, 1, -1), "-1 images per shard"}, {source(1<<25, 1, 1), "size"}, {source(1, 1<<30, 1), "shards"}} {
		_, err = Create(filepath.Join(top, "x"), c.src, false)
		filetest.WantError(t, err, c.says)
	}
	put(t, top, partFile(0, 1), "no Parquet at all")
	w, err := Create(top, source(1, 1, 1), false)
	if err != nil {
		t.Fatal(err)
	}
	wantNotes(t, w.Notes(), "will be written again")
	w.Close()
	// A Parquet file of somebody else's is not written over.
	if err := WriteSplit(filepath.Join(top, partFile(0, 1)), &Split{}); err != nil {
		t.Fatal(err)
	}
	_, err = Create(top, source(1, 1, 1), false)
	filetest.WantError(t, err, "is not a feature shard", "--force")
}

func TestDefaultShardRows(t *testing.T) {
	w, err := Create(t.TempDir(), source(1, DefaultShardRows+1, 0), false)
	if err != nil || w.Parts() != 2 {
		t.Fatal(w, err)
	}
	w.Close()
}

func TestWritePartErrors(t *testing.T) {
	src := source(2, 5, 3)
	dir := t.TempDir()
	w, err := Create(dir, src, false)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Part)
		says   []string
	}{
		"too few rows": {func(p *Part) {
			p.Images, p.Classes, p.Labels, p.Features = p.Images[1:], p.Classes[1:], p.Labels[1:], p.Features[2:]
		}, []string{"2 rows and 0 skipped", "3 images"}},
		"classes":      {func(p *Part) { p.Classes = p.Classes[1:] }, []string{"2 classes"}},
		"labels":       {func(p *Part) { p.Labels = nil }, []string{"0 labels"}},
		"features":     {func(p *Part) { p.Features = p.Features[1:] }, []string{"5 feature values"}},
		"twice":        {func(p *Part) { p.Images[1] = p.Images[0] }, []string{"duplicate"}},
		"nameless":     {func(p *Part) { p.Images[1] = "" }, []string{"without a name"}},
		"label":        {func(p *Part) { p.Labels[1] = -1 }, []string{"label -1"}},
		"not a number": {func(p *Part) { p.Features[3] = float32(math.NaN()) }, []string{"00001.jpg", "value 1 is NaN"}},
		"infinite":     {func(p *Part) { p.Features[4] = float32(math.Inf(-1)) }, []string{"00002.jpg", "value 0 is -Inf"}},
		"skipped twice": {func(p *Part) {
			p.Skipped = []Skip{{Image: p.Images[0], Reason: "x"}}
			p.Images, p.Classes, p.Labels, p.Features = p.Images[:2], p.Classes[:2], p.Labels[:2], p.Features[:4]
		}, []string{"duplicate"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := rowsOf(src, 0, 0)
			c.change(&p)
			filetest.WantError(t, w.WritePart(0, p), append(c.says, partFile(0, 2))...)
		})
	}
	filetest.WantError(t, w.WritePart(2, Part{}), "part 2 of 2")
	_, err = w.Finish()
	filetest.WantError(t, err, "2 of 2 parts are still to be written")
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	filetest.WantError(t, w.WritePart(0, rowsOf(src, 0, 0)), "closed")
	_, err = w.Finish()
	filetest.WantError(t, err, "closed")
	_, err = OpenCache(context.Background(), dir, nil)
	filetest.WantError(t, err, "not complete", "0 of 2")
}

// All images of a part, or of the whole dataset, may have been skipped.
func TestAllSkipped(t *testing.T) {
	dir := t.TempDir()
	m := fill(t, dir, source(3, 4, 2), 1)
	if m.Rows != 0 || m.Skipped != 4 {
		t.Errorf("%+v", m)
	}
	v, err := Verify(context.Background(), dir, nil)
	if err != nil || !v.OK() {
		t.Error(v, err)
	}
	_, err = OpenCache(context.Background(), dir, nil)
	filetest.WantError(t, err, "no features", "4 images were skipped", skippedName)
	if w, err := Create(dir, source(3, 4, 2), false); err != nil || !w.Done(0) || !w.Done(1) {
		t.Error(err)
	} else {
		w.Close()
	}
}

func TestSecondRunRefused(t *testing.T) {
	filetest.Slow(t)
	dir := t.TempDir()
	w, err := Create(dir, source(1, 2, 1), false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Create(dir, source(1, 2, 1), true)
	filetest.WantError(t, err, "is being written by", dir)
	w.Close()
	w, err = Create(dir, source(1, 2, 1), false)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}

// The environment makes this test binary a child that does one thing and ends.
const childKey = "VZSL_SHARDS_CHILD"

func TestMain(m *testing.M) {
	if what, dir, ok := strings.Cut(os.Getenv(childKey), ":"); ok {
		if err := child(what, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func killSource() Source { return source(16, 300, 10) }

func child(what, dir string) error {
	switch what {
	case "create":
		_, err := Create(dir, source(1, 2, 1), false)
		return err
	case "cache":
		c, err := OpenCache(context.Background(), dir, nil)
		if err != nil {
			return err
		}
		fmt.Println(c.Path())
		if c.Feature(c.Rows() - 1)[0] < 0 {
			return errors.New("negative")
		}
		return c.Close()
	}
	// fill slowly
	src := killSource()
	w, err := Create(dir, src, false)
	if err != nil {
		return err
	}
	fmt.Println("started")
	for part := range w.Parts() {
		if !w.Done(part) {
			if err := w.WritePart(part, rowsOf(src, part, 9)); err != nil {
				return err
			}
		}
	}
	_, err = w.Finish()
	return err
}

func TestKilledRuns(t *testing.T) {
	filetest.Slow(t)
	whole, dir := t.TempDir(), t.TempDir()
	fill(t, whole, killSource(), 9)
	kills := 0
	for try := 0; ; try++ {
		if try == 200 {
			t.Fatal("never finished")
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childKey+"=fill:"+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Killed later and later, so that it is hit in the middle of every part and ends at last.
		go func() {
			_, _ = io.ReadAtLeast(out, make([]byte, 8), 8)
			time.Sleep(time.Duration(try*4) * time.Millisecond)
			_ = cmd.Process.Kill()
		}()
		if err := cmd.Wait(); err == nil {
			break
		} else if said.Len() > 0 {
			t.Fatal(said.String())
		}
		kills++
	}
	sameFiles(t, contents(t, whole), contents(t, dir))
	if kills < 5 {
		t.Errorf("killed only %d times", kills)
	}
}

// asNobody runs a copy of this test binary as an unprivileged user where the tests run as root.
func asNobody(t *testing.T, what, dir string) (string, error) {
	t.Helper()
	exe := os.Args[0]
	cmd := exec.Command(exe)
	if os.Getuid() == 0 {
		b, err := os.ReadFile(exe)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), "child")
		if err := os.WriteFile(copied, b, 0o755); err != nil {
			t.Fatal(err)
		}
		for d := filepath.Dir(copied); d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
			_ = os.Chmod(d, 0o755)
		}
		cmd = exec.Command(copied)
		if !dropPrivileges(cmd) {
			t.Skip("cannot become an unprivileged user here")
		}
	}
	tmp := t.TempDir()
	if err := os.Chmod(tmp, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd.Dir = tmp
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, childKey+"="+what+":"+dir)
	out, err := cmd.CombinedOutput()
	left, _ := os.ReadDir(tmp)
	if len(left) > 0 {
		t.Errorf("%d temporary files are left, %s", len(left), left[0].Name())
	}
	return string(out), err
}

func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, source(1, 20, 10), 0)
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	out, err := asNobody(t, "create", dir)
	if err == nil || !strings.Contains(out, "cannot write in "+dir) {
		t.Error(out, err)
	}
	out, err = asNobody(t, "cache", dir)
	if err != nil || !strings.Contains(out, "vzsl-cache") {
		t.Error(out, err)
	}
	if _, err := os.Stat(filepath.Join(dir, cacheDir)); err == nil {
		t.Error("a cache was made all the same")
	}
}

func TestNumbersInNames(t *testing.T) {
	if got := partFile(7, 12); got != "part-00007-of-00012.parquet" || !partName.MatchString(got) {
		t.Error(got)
	}
	if !leftover.MatchString("."+partFile(0, 1)+strconv.Itoa(1<<40)) || leftover.MatchString(partFile(0, 1)) || leftover.MatchString(".manifest.json") {
		t.Error("leftovers are not told apart")
	}
}
