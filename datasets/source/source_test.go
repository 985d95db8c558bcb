package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vzsl/datasets"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/filetest"
	"vzsl/internal/store"
	"vzsl/internal/store/storetest"
)

// readAllOf reads every image of a dataset in the order given, some at a time, as extraction does.
func readAllOf(t *testing.T, d *datasets.Dataset, order []int) (data map[string][]byte, skipped map[string]string) {
	t.Helper()
	data, skipped = map[string][]byte{}, map[string]string{}
	for name, why := range d.Unusable {
		skipped[name] = why
	}
	order = slices.DeleteFunc(slices.Clone(order), func(i int) bool { return skipped[d.Images[i].Path] != "" })
	r := d.Pictures.Read(context.Background(), order)
	var mu sync.Mutex
	var all sync.WaitGroup
	jobs := make(chan int)
	for range 3 {
		all.Go(func() {
			var buf []byte
			for i := range jobs {
				p, err := r.Picture(context.Background(), i, buf)
				b, skip := p.Data, p.Skip
				mu.Lock()
				name := d.Images[i].Path
				switch {
				case err != nil:
					t.Errorf("%s: %v", name, err)
				case skip != "":
					skipped[name] = skip
				default:
					data[name], buf = bytes.Clone(b), b
				}
				mu.Unlock()
			}
		})
	}
	for _, i := range order {
		jobs <- i
	}
	close(jobs)
	all.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	return data, skipped
}

func inOrder(d *datasets.Dataset) []int {
	order := make([]int, len(d.Images))
	for i := range order {
		order[i] = i
	}
	return order
}

type source struct {
	address string
	o       Options
	note    string
}

var sources = []source{
	{"cls-{000..002}.tar", Options{}, "classes are taken from .cls"},
	{"txt-*.tar", Options{}, "classes are taken from .txt"},
	{"json-{000,001,002}.tar.gz", Options{}, "classes are taken from .json"},
	{"json-*.tar.gz", Options{DataColumns: DataColumns{Class: "json.label"}}, ""},
	{"index-*.tar", Options{Names: "testdata/names.txt"}, ""},
	{"folder.tgz", Options{}, "classes are taken from the folder of each member"},
	{"cls-*.tar", Options{DataColumns: DataColumns{Class: "folder"}}, ""},
	{"hf-0000{0..1}-of-00002.parquet", Options{}, "images are in column image.bytes, classes in column label, image names from column image.path"},
	{"hf-*.parquet", Options{Names: "testdata/names.txt"}, ""},
	{"plain.parquet", Options{DataColumns: DataColumns{Class: "animal"}}, "images are in column img, classes in column animal, image names from column file_name"},
	{"list.csv", Options{}, "images are in column file, classes in column species"},
}

// Every source of the same images gives the folder's dataset, and its images, in any order.
func TestSameAsFolder(t *testing.T) {
	want, err := datasets.OpenFolder("testdata/pictures", "", convert.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, m := range want.Images {
		if files[m.Path], err = os.ReadFile(filepath.Join("testdata/pictures", m.Path)); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", strconv.Quote(r.URL.Path))
		http.FileServer(http.Dir("testdata")).ServeHTTP(w, r)
	}))
	defer server.Close()
	whole := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // of a server without ranges
		b, err := os.ReadFile("testdata" + r.URL.Path)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(b)
	}))
	defer whole.Close()
	s3 := storetest.S3(t)
	for _, dir := range []string{"", "pictures/ant/", "pictures/bee/", "pictures/éléphant/"} {
		entries, err := os.ReadDir("testdata/" + dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if b, err := os.ReadFile("testdata/" + dir + e.Name()); err == nil {
				s3.Put(t, "data/"+dir+e.Name(), b)
			}
		}
	}
	s3.Put(t, "data/pictures/loose.png", nil)
	s3.Put(t, "data/pictures/ant/.hidden.png", nil)
	sources := append(slices.Clone(sources), source{"pictures", Options{}, "1 images are in s3://bucket/data/pictures/ itself"})
	for _, base := range []string{"testdata/", "file://" + abs(t, "testdata") + "/", server.URL + "/", whole.URL + "/", "s3://bucket/data/"} {
		for _, src := range sources {
			remote := strings.HasPrefix(base, "http")
			if src.address == "pictures" && !strings.HasPrefix(base, "s3") {
				continue
			}
			if remote && strings.Contains(src.address, "*") || base == whole.URL+"/" && strings.HasSuffix(src.address, ".parquet") || runtime.GOOS == "windows" && strings.HasPrefix(base, "file") {
				continue
			}
			for _, limit := range []int64{256 << 20, 200} {
				t.Run(fmt.Sprintf("%s%s %d", base, src.address, limit), func(t *testing.T) {
					defer func(was int64) { held = was }(held)
					held = limit
					d, err := Open(context.Background(), base+src.address, src.o)
					if err != nil {
						t.Fatal(err)
					}
					got := *d
					if src.address == "list.csv" { // called as they are written there
						for i := range got.Images {
							got.Images[i].Path = strings.TrimPrefix(got.Images[i].Path, "pictures/")
						}
					}
					ids := slices.Clone(got.Classes)
					for i := range ids {
						ids[i].ID = 0
					}
					if diff := cmp.Diff(want.Classes, ids); diff != "" {
						t.Error(diff)
					}
					if diff := cmp.Diff(want.Images, got.Images); diff != "" || got.SHA256() != want.SHA256() || len(got.Unusable) != 0 {
						t.Error(diff, got.Unusable)
					}
					if src.note != "" && !strings.Contains(strings.Join(d.Notes, "\n"), src.note) {
						t.Errorf("%q", d.Notes)
					}
					order := inOrder(d)
					for range 3 {
						data, skipped := readAllOf(t, d, order)
						if diff := cmp.Diff(files, data); diff != "" || len(skipped) != 0 {
							t.Error(diff, skipped)
						}
						rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
					}
					planned := replan(t, d, src.o)
					if kept := src.address != "list.csv" && base != whole.URL+"/"; (planned != nil) != kept {
						t.Errorf("a plan has the places: %v, want %v", planned != nil, kept)
					}
					if planned == nil {
						return
					}
					if data, skipped := readAllOf(t, planned, order); len(skipped) != 0 || !cmp.Equal(files, data) {
						t.Error(cmp.Diff(files, data), skipped)
					}
					for i := range d.Images {
						a, x, err1 := d.Pictures.Stat(i)
						b, y, err2 := planned.Pictures.Stat(i)
						if a != b || x != y || err1 != nil || err2 != nil {
							t.Errorf("%s: %d bytes, version %d, %v; planned %d, %d, %v", d.Images[i].Path, a, x, err1, b, y, err2)
						}
					}
				})
			}
		}
	}
}

func abs(t *testing.T, path string) string {
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// replan is a dataset as another process has it from a plan; nil: the plan has no places.
func replan(t *testing.T, d *datasets.Dataset, o Options) *datasets.Dataset {
	t.Helper()
	l := &features.ImageList{Classes: d.Classes, Images: d.Images, Unusable: d.Unusable}
	if Places(d, l); l.Files == nil {
		return nil
	}
	path := filepath.Join(t.TempDir(), "list.parquet")
	if err := features.WriteImageList(path, l); err != nil {
		t.Fatal(err)
	}
	l, err := features.ReadImageList(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &datasets.Dataset{Classes: l.Classes, Images: l.Images, Unusable: l.Unusable}
	if p.Pictures, err = Planned(t.Context(), l, Options{Stores: o.Stores, DataColumns: o.DataColumns, Names: o.Names}); err != nil {
		t.Fatal(err)
	}
	return p
}

// What a plan says is not asked again: an image of a tar file in a bucket is one request for its bytes. A file that was replaced is
// found by that request; a local one, which may be a copy, before.
func TestPlanned(t *testing.T) {
	s3 := storetest.S3(t)
	put := func(key, from string) {
		t.Helper()
		b, err := os.ReadFile("testdata/" + from)
		if err != nil {
			t.Fatal(err)
		}
		s3.Put(t, key, b)
	}
	for _, c := range []struct {
		address  string
		requests int64 // for one image
	}{{"cls-{000..002}.tar", 1}, {"prefix/", 1}, {"hf-00000-of-00002.parquet", 6}} {
		for _, name := range []string{"cls-000.tar", "cls-001.tar", "cls-002.tar", "hf-00000-of-00002.parquet"} {
			put(name, name)
		}
		put("prefix/ant/1.png", "pictures/ant/"+firstIn(t, "testdata/pictures/ant"))
		d, err := Open(t.Context(), "s3://bucket/"+c.address, Options{})
		if err != nil {
			t.Fatal(err)
		}
		before := s3.Network.Requests.Load()
		p := replan(t, d, Options{})
		if data, skipped := readAllOf(t, p, []int{0}); len(data) != 1 || len(skipped) != 0 {
			t.Error(c.address, skipped)
		}
		if n := s3.Network.Requests.Load() - before; n > c.requests {
			t.Errorf("%s: %d requests for one image, want %d", c.address, n, c.requests)
		}
		for _, key := range s3.Keys(t) {
			s3.Put(t, key, append(s3.Get(t, key), 0))
		}
		r := p.Pictures.Read(t.Context(), []int{0})
		_, err = r.Picture(t.Context(), 0, nil)
		if changed := new(store.ChangedError); !errors.As(err, &changed) {
			t.Errorf("%s was replaced: %v", c.address, err)
		}
		_ = r.Close()
	}
	dir := t.TempDir()
	b, err := os.ReadFile("testdata/cls-000.tar")
	if err != nil {
		t.Fatal(err)
	}
	tar := filetest.Write(t, filepath.Join(dir, "x.tar"), string(b))
	d, err := Open(t.Context(), tar, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &features.ImageList{Classes: d.Classes, Images: d.Images}
	Places(d, l)
	if err := os.Chtimes(tar, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, err = Planned(t.Context(), l, Options{})
	if changed := new(store.ChangedError); !errors.As(err, &changed) || changed.URL != tar {
		t.Error(err)
	}
}

func firstIn(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatal(entries, err)
	}
	return entries[0].Name()
}

// What is wrong with an image is said of it alone.
func TestDamaged(t *testing.T) {
	for _, c := range []struct {
		address string
		whole   []string
		empty   []string
		skipped map[string]string
		note    string
	}{
		{"broken.tar", []string{"ant/0.png", "ant/1.png", "ant/3.png"}, []string{"bee/8.png"}, map[string]string{
			"ant/2.png": "no class: the archive has no .cls for it",
			"bee/7.png": "its archive ends within it",
			"bee/9.cls": "the archive has no image for it",
		}, "broken.tar is damaged: it ends too early; 7 images of it are listed"},
		{"holes.parquet", []string{"ant/0.png"}, []string{"ant/2.png"}, map[string]string{
			"ant/1.png": "the row has no image",
			"ant/3.png": "no class: the row has none",
		}, ""},
	} {
		d, err := Open(context.Background(), "testdata/"+c.address, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(d.Notes, "\n"), c.note) {
			t.Errorf("%q", d.Notes)
		}
		data, skipped := readAllOf(t, d, inOrder(d))
		if diff := cmp.Diff(c.skipped, skipped); diff != "" {
			t.Error(diff)
		}
		for _, name := range c.whole {
			if want, _ := os.ReadFile("testdata/pictures/" + name); !bytes.Equal(data[name], want) {
				t.Errorf("%s: %d bytes", name, len(data[name]))
			}
		}
		for _, name := range c.empty {
			if got, ok := data[name]; !ok || len(got) != 0 {
				t.Errorf("%s: %d bytes, %v", name, len(got), ok)
			}
		}
	}
}

// Names that are not unique, and images without any.
func TestNames(t *testing.T) {
	for address, want := range map[string][3]string{
		"basenames.parquet": {"ant/0.png", "bee/1.png", "the class is put before their names"},
		"unnamed.parquet":   {"unnamed/000000", "unnamed/000005", "image names from their rows"},
	} {
		o := Options{}
		if address == "unnamed.parquet" {
			o.Names = "testdata/names.txt"
		}
		d, err := Open(context.Background(), "testdata/"+address, o)
		if err != nil {
			t.Fatal(err)
		}
		if d.Images[0].Path != want[0] || d.Images[5].Path != want[1] || len(d.Images) != 12 || !strings.Contains(strings.Join(d.Notes, "\n"), want[2]) {
			t.Errorf("%s: %v %q", address, d.Images, d.Notes)
		}
		if diff := cmp.Diff([]string{"ant", "bee", "éléphant"}, d.ClassNames()); diff != "" {
			t.Error(diff)
		}
	}
	// Two files with the same names, in the same classes.
	dir := t.TempDir()
	b, err := os.ReadFile("testdata/cls-000.tar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.tar", "b.tar"} {
		filetest.Write(t, filepath.Join(dir, name), string(b))
	}
	d, err := Open(context.Background(), filepath.Join(dir, "{a,b}.tar"), Options{})
	if err != nil || d.Images[0].Path != "a.tar/ant/0.png" || !strings.Contains(strings.Join(d.Notes, "\n"), "the file is put before their names") {
		t.Error(err, d)
	}
	// Numbers are in their order, and classes that are described join.
	filetest.Write(t, filepath.Join(dir, "list.csv"), "path,label\na.jpg,10\nb.jpg,9\nc.jpg,010\n")
	filetest.Write(t, filepath.Join(dir, datasets.ClassFile), "class,x\neleven,1\nten,2\n")
	d, err = Open(context.Background(), filepath.Join(dir, "list.csv"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]datasets.Class{{Name: "9"}, {Name: "10"}, {Name: "eleven", ID: 1}, {Name: "ten", ID: 2}}, d.Classes); diff != "" {
		t.Error(diff)
	}
	_, skipped := readAllOf(t, d, inOrder(d))
	if skipped["a.jpg"] != "the file is missing" {
		t.Error(skipped)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string { return filetest.Write(t, filepath.Join(dir, name), text) }
	for _, c := range []struct {
		address string
		o       Options
		want    []string
	}{
		{filepath.Join(dir, "none.tar"), Options{}, []string{"none.tar", "no such file"}},
		{filepath.Join(dir, "none-*.tar"), Options{}, []string{"none-*.tar", "no file matches"}},
		{filepath.Join(dir, "a{3..1}.tar"), Options{}, []string{"{3..1}", "{000..009}"}},
		{filepath.Join(dir, "a{1..2.tar"), Options{}, []string{"a { without }"}},
		{"testdata/{list.csv,cls-000.tar}", Options{}, []string{"files must be of one kind", "list.csv", "cls-000.tar"}},
		{write("text.tar", strings.Repeat("no archive", 100)), Options{}, []string{"text.tar", "invalid tar header"}},
		{write("text.tar.gz", "no archive"), Options{}, []string{"text.tar.gz", "invalid header"}},
		{write("text.parquet", strings.Repeat("no table", 100)), Options{}, []string{"text.parquet", "not a readable Parquet file"}},
		{write("head.csv", "a,b\n1,2\n"), Options{}, []string{"head.csv", "paths or addresses", "a, b", "--data-columns image=NAME"}},
		{write("class.csv", "path,b\n1,2\n"), Options{}, []string{"class.csv", "classes", "path, b", "--data-columns class=NAME"}},
		{"testdata/list.csv", Options{DataColumns: DataColumns{Class: "kind"}}, []string{"--data-columns class=kind", "file, species, note"}},
		{"testdata/list.csv", Options{DataColumns: DataColumns{Name: "note"}}, []string{"--data-columns name=", "Parquet"}},
		{"testdata/cls-000.tar", Options{DataColumns: DataColumns{Class: "xml"}}, []string{"class=xml", "cls, txt, json"}},
		{"testdata/cls-000.tar", Options{DataColumns: DataColumns{Image: "jpg"}}, []string{"tar files take class="}},
		{"testdata/cls-000.tar", Options{Names: "testdata/names.txt"}, []string{"--class-names", "these have names"}},
		{"testdata/index-000.tar", Options{Names: write("one.txt", "ant\n")}, []string{"--class-names has 1 names"}},
		{"testdata/plain.parquet", Options{}, []string{"plain.parquet", "classes", "--data-columns class=NAME"}},
		{"testdata/plain.parquet", Options{DataColumns: DataColumns{Image: "animal", Class: "animal"}}, nil},
		{"testdata/plain.parquet", Options{DataColumns: DataColumns{Image: "pixels"}}, []string{"image=pixels", "animal, img, file_name"}},
		{"https:///x.tar", Options{}, []string{"the server is missing"}},
		{"s3:///x.tar", Options{}, []string{"needs a bucket"}},
		{"https://example.org/images", Options{}, []string{"unknown kind of file", ".tar"}},
	} {
		_, err := Open(context.Background(), c.address, c.o)
		if c.want == nil {
			if err != nil {
				t.Errorf("%s: %v", c.address, err)
			}
			continue
		}
		filetest.WantError(t, err, c.want...)
	}
}

// A file that changes after it was listed is an error, not other images.
func TestChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tar")
	b, err := os.ReadFile("testdata/cls-000.tar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + ".gz"} {
		if strings.HasSuffix(name, ".gz") {
			if b, err = os.ReadFile("testdata/json-000.tar.gz"); err != nil {
				t.Fatal(err)
			}
		}
		filetest.Write(t, name, string(b))
		d, err := Open(context.Background(), name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		filetest.Write(t, name, string(b)+"more")
		r := d.Pictures.Read(context.Background(), []int{0, 1})
		_, err = r.Picture(context.Background(), 0, nil)
		filetest.WantError(t, err, "x.tar", "has changed since it was listed")
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Reading that is given up ends.
func TestCancelled(t *testing.T) {
	defer func(was int64) { held = was }(held)
	held = 1
	d, err := Open(context.Background(), "testdata/json-{000..002}.tar.gz", Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := d.Pictures.Read(ctx, inOrder(d))
	if _, err := r.Picture(ctx, 1, nil); err != nil {
		t.Error(err)
	}
	cancel()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Picture(ctx, 11, nil); err == nil {
		t.Error("an image after the end")
	}
}
