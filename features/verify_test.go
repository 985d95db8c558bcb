package features

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/internal/custody"
	"vzsl/internal/filetest"
)

// rewrite puts a part into a finished folder without the writer's checks, and its checksum into the manifest.
func rewrite(t *testing.T, dir string, part int, change func(*Part)) {
	t.Helper()
	m, err := ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := rowsOf(m.Source, part, 5)
	change(&p)
	mp, err := writePart(dir, &m.Source, part, &p)
	if err != nil {
		t.Fatal(err)
	}
	m.Rows += mp.Rows - m.Parts[part].Rows
	m.Skipped += mp.Skipped - m.Parts[part].Skipped
	m.Parts[part] = mp
	put(t, dir, manifestName, string(m.encode()))
	skipped, err := os.ReadFile(filepath.Join(dir, skippedName))
	if err == nil {
		err = custody.WriteList(dir, m.sums(skipped))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFinds(t *testing.T) {
	src := source(4, 30, 10)
	p1 := partFile(1, 3)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		says  []string // each in a problem of its own
	}{
		"nothing":          {func(t *testing.T, dir string) {}, nil},
		"cache":            {func(t *testing.T, dir string) { openCache(t, dir) }, nil},
		"missing part":     {func(t *testing.T, dir string) { remove(t, dir, p1) }, []string{p1 + ": missing"}},
		"cut part":         {func(t *testing.T, dir string) { cut(t, dir, p1, 700) }, []string{"700 bytes", "not a readable Parquet"}},
		"foreign part":     {func(t *testing.T, dir string) { put(t, dir, partFile(3, 4), "x") }, []string{partFile(3, 4) + ": a shard that manifest.json does not list"}},
		"foreign file":     {func(t *testing.T, dir string) { put(t, dir, "notes.txt", "x") }, []string{"notes.txt: does not belong"}},
		"leftover":         {func(t *testing.T, dir string) { put(t, dir, "."+p1+"99", "x") }, []string{"unfinished file"}},
		"no skipped.csv":   {func(t *testing.T, dir string) { remove(t, dir, skippedName) }, []string{"skipped.csv: missing"}},
		"skipped.csv":      {func(t *testing.T, dir string) { put(t, dir, skippedName, "image,reason\n") }, []string{"skipped.csv: does not agree"}},
		"manifest garbage": {func(t *testing.T, dir string) { put(t, dir, manifestName, "{}") }, []string{"manifest.json: format"}},
		"not finished": {func(t *testing.T, dir string) {
			m, _ := ReadManifest(dir)
			m.Complete = false
			put(t, dir, manifestName, string(m.encode()))
		}, []string{"not finished, it has 3 of 3"}},
		"not a number": {func(t *testing.T, dir string) {
			rewrite(t, dir, 1, func(p *Part) { p.Features[4] = float32(math.NaN()) })
		}, []string{"row 1 (c05/üimage_00012.jpg): feature value 0 is NaN"}},
		"infinite": {func(t *testing.T, dir string) {
			rewrite(t, dir, 1, func(p *Part) { p.Features[7] = float32(math.Inf(1)) })
		}, []string{"row 1 (c05/üimage_00012.jpg): feature value 3 is +Inf"}},
		"label": {func(t *testing.T, dir string) {
			rewrite(t, dir, 1, func(p *Part) { p.Labels[0] = 9 })
		}, []string{`class "class 4" has label 9 here and 4 elsewhere`}},
		"class": {func(t *testing.T, dir string) {
			rewrite(t, dir, 1, func(p *Part) { p.Labels[0], p.Classes[0] = 7, "other" })
		}, []string{`class "other" is not in the class table|label 7 is class "other" here and "class 7" elsewhere`}},
		"image twice": {func(t *testing.T, dir string) {
			rewrite(t, dir, 1, func(p *Part) { p.Images[0] = "c01/üimage_00001.jpg" })
		}, []string{`image "c01/üimage_00001.jpg" is there more than once`}},
		"image kept and skipped": {func(t *testing.T, dir string) {
			rewrite(t, dir, 1, func(p *Part) { p.Images[0] = "c00/üimage_00000.jpg" })
		}, []string{`"c00/üimage_00000.jpg" is there more than once`}},
		"image nameless": {func(t *testing.T, dir string) {
			rewrite(t, dir, 1, func(p *Part) { p.Images[0] = "" })
		}, []string{"without a name"}},
		"rows": {func(t *testing.T, dir string) {
			m, _ := ReadManifest(dir)
			m.Parts[1].Rows--
			m.Parts[1].Skipped++
			m.Rows, m.Skipped = m.Rows-1, m.Skipped+1
			put(t, dir, manifestName, string(m.encode()))
		}, []string{"8 rows and 2 skipped images, the manifest says 7 and 3"}},
		"source": {func(t *testing.T, dir string) {
			m, _ := ReadManifest(dir)
			m.Source.Recipe = "x"
			put(t, dir, manifestName, string(m.encode()))
		}, []string{"part-00000-of-00003.parquet: not of the manifest's source: recipe", p1 + ": not", "part-00002-of-00003.parquet: not"}},
		"another part": {func(t *testing.T, dir string) {
			b, _ := os.ReadFile(filepath.Join(dir, partFile(0, 3)))
			put(t, dir, p1, string(b))
		}, []string{"its sha256 is|bytes, the manifest says", "holds part 0 of 3", "more than once"}},
		"everything": {func(t *testing.T, dir string) {
			rewrite(t, dir, 1, func(p *Part) {
				for i := range p.Features {
					p.Features[i] = float32(math.Inf(1))
				}
			})
			put(t, dir, "x", "")
		}, []string{"x: does not belong", "row 0", "row 7"}},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "net")
			fill(t, dir, src, 5)
			table := &ClassTable{Dataset: "toy"}
			for i := range 8 {
				table.Classes = append(table.Classes, fmt.Sprintf("class %d", i))
			}
			if err := WriteClassTable(filepath.Join(top, classTableName), table); err != nil {
				t.Fatal(err)
			}
			c.spoil(t, dir)
			v, err := Verify(context.Background(), dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if v.OK() != (len(c.says) == 0) || len(v.Problems) > maxRowProblems+10 || len(v.Notes) != 0 {
				t.Errorf("%q %q", v.Problems, v.Notes)
			}
			for _, say := range c.says {
				found := false
				for _, p := range v.Problems {
					for _, alternative := range strings.Split(say, "|") {
						found = found || strings.Contains(p, alternative)
					}
				}
				if !found {
					t.Errorf("%q not among %q", say, v.Problems)
				}
			}
		})
	}
}

// Whichever byte of a shard changes, verify notices.
func TestVerifyEveryByte(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, source(2, 4, 2), 0)
	name := partFile(1, 2)
	good := contents(t, dir)[name]
	step := 37
	for at := 0; at < len(good); at += step {
		b := []byte(good)
		b[at] ^= 0x10
		put(t, dir, name, string(b))
		v, err := Verify(context.Background(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if v.OK() {
			t.Errorf("byte %d changed and nothing noticed", at)
		}
	}
}

func TestVerifyWithoutClassTable(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, source(4, 30, 10), 5)
	v, err := Verify(context.Background(), dir, nil)
	if err != nil || !v.OK() || len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "no class table") {
		t.Error(v, err)
	}
	rewrite(t, dir, 1, func(p *Part) { p.Classes[0] = "other" })
	if v, err = Verify(context.Background(), dir, nil); err != nil || len(v.Problems) != 1 || !strings.Contains(v.Problems[0], `class "other" here and`) {
		t.Error(v, err)
	}
}

func TestVerifyErrors(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	_, err := Verify(ctx, filepath.Join(dir, "none"), nil)
	filetest.WantError(t, err, "none")
	put(t, dir, "file", "")
	_, err = Verify(ctx, filepath.Join(dir, "file"), nil)
	filetest.WantError(t, err, "is a file")
	_, err = Verify(ctx, dir, nil)
	filetest.WantError(t, err, "manifest.json")
	fill(t, filepath.Join(dir, "net"), source(4, 30, 10), 5)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_, err = Verify(ctx, filepath.Join(dir, "net"), nil)
	filetest.WantError(t, err, "canceled")
}
