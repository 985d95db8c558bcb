package download

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"vzsl/internal/alloctest"
	"vzsl/internal/filetest"
)

// entry is one of an archive.
type entry struct {
	name, text, link string
	kind             byte // of tar
	mode             fs.FileMode
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		kind := e.kind
		if kind == 0 {
			kind = tar.TypeReg
			if strings.HasSuffix(e.name, "/") {
				kind = tar.TypeDir
			}
		}
		h := &tar.Header{Name: e.name, Typeflag: kind, Linkname: e.link, Mode: 0o4777, Size: int64(len(e.text)), Format: tar.FormatPAX}
		if kind != tar.TypeReg {
			h.Size = 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if kind == tar.TypeReg {
			_, _ = w.Write([]byte(e.text))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	return z.Bytes()
}

func zipOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(0o777 | e.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(e.name, "/") {
			_, _ = f.Write([]byte(e.text + e.link))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var roomy = Limits{Bytes: 1 << 20, Files: 100}

// unpackInto unpacks into a folder two deep in a new one, so that what escapes is seen, and returns all files of the latter.
func unpackInto(t *testing.T, b []byte, l Limits) (files map[string]string, u *Unpacked, err error) {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "a", "b")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "x.archive")
	if err := os.WriteFile(archive, b, 0o644); err != nil {
		t.Fatal(err)
	}
	u, err = Unpack(context.Background(), archive, dir, l, nil)
	files = map[string]string{}
	if e := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		if !st.Mode().IsRegular() || st.Mode()&fs.ModeSetuid != 0 {
			t.Errorf("%s has mode %v", p, st.Mode())
		}
		text, err := os.ReadFile(p)
		name, _ := filepath.Rel(dir, p)
		files[filepath.ToSlash(name)] = string(text)
		return err
	}); e != nil {
		t.Fatal(e)
	}
	return files, u, err
}

// bzipped is a tar with a/b.txt ("hello\n") made by bzip2.
const bzipped = `QlpoOTFBWSZTWZT42FwAAHD7hMmQAERAAe2AACByRJ5AAACACCAAVDKQaDTQekek0NqCSmppkAANGgT+dc5kIIvASMMYmVlcC9ySBg6Yom0pPgkVvI6tWyOiPe4cyWjeehBIJnStzOarbYkkD8XckU4UJCU+NhcA`

func TestUnpack(t *testing.T) {
	entries := []entry{
		{name: "top/"}, {name: "top/a.txt", text: "A"}, {name: "top/deep/er/b.txt", text: "BB"}, {name: "./c..d", text: "C"},
		{name: "__MACOSX/top/._a.txt", text: "m"}, {name: "top/._a.txt", text: "m"}, {name: "top/.DS_Store", text: "m"}, {name: "empty/"},
	}
	want := map[string]string{"top/a.txt": "A", "top/deep/er/b.txt": "BB", "c..d": "C"}
	plain := tarOf(t, entries...)
	for name, b := range map[string][]byte{"tar": plain, "tar.gz": gz(plain), "zip": zipOf(t, entries...)} {
		got, u, err := unpackInto(t, b, roomy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got) != len(want) || u.Bytes != 4 {
			t.Errorf("%s: %v, %+v", name, got, u)
		}
		for n, text := range want {
			if got[n] != text {
				t.Errorf("%s: %s holds %q", name, n, got[n])
			}
		}
	}
}

func TestUnpackBzip2(t *testing.T) {
	b, err := base64.StdEncoding.DecodeString(bzipped)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := unpackInto(t, b, roomy)
	if err != nil || got["a/b.txt"] != "hello\n" {
		t.Error(got, err)
	}
}

// TestRefused: nothing outside the folder is touched, and the error names the entry.
func TestRefused(t *testing.T) {
	long := strings.Repeat("x", 256)
	for name, c := range map[string]struct {
		b    []byte
		says []string
	}{
		"zip slip":        {zipOf(t, entry{name: "../../evil", text: "x"}), []string{"../../evil", "outside the target folder"}},
		"tar slip":        {tarOf(t, entry{name: "ok/../../evil", text: "x"}), []string{"outside the target folder"}},
		"inside slip":     {tarOf(t, entry{name: "ok/../evil", text: "x"}), []string{"outside the target folder"}},
		"absolute":        {tarOf(t, entry{name: "/tmp/evil", text: "x"}), []string{"/tmp/evil", "outside the target folder"}},
		"absolute zip":    {zipOf(t, entry{name: "/tmp/evil", text: "x"}), []string{"outside the target folder"}},
		"backslash":       {zipOf(t, entry{name: `..\evil`, text: "x"}), []string{"backslash"}},
		"drive":           {zipOf(t, entry{name: `C:/evil`, text: "x"}), []string{"outside the target folder"}},
		"control":         {zipOf(t, entry{name: "a\x1b[2J", text: "x"}), []string{"control character"}},
		"symlink":         {tarOf(t, entry{name: "l", kind: tar.TypeSymlink, link: "/etc"}, entry{name: "l/evil", text: "x"}), []string{`"l"`, "/etc", "links are refused"}},
		"hard link":       {tarOf(t, entry{name: "l", kind: tar.TypeLink, link: "../../x"}), []string{"links are refused"}},
		"zip symlink":     {zipOf(t, entry{name: "l", link: "/etc", mode: fs.ModeSymlink}), []string{"links are refused"}},
		"device":          {tarOf(t, entry{name: "d", kind: tar.TypeChar}), []string{"device"}},
		"fifo":            {tarOf(t, entry{name: "d", kind: tar.TypeFifo}), []string{"device"}},
		"zip device":      {zipOf(t, entry{name: "d", mode: fs.ModeDevice}), []string{"device"}},
		"twice":           {tarOf(t, entry{name: "a", text: "1"}, entry{name: "./a", text: "2"}), []string{"twice"}},
		"file and folder": {tarOf(t, entry{name: "a", text: "1"}, entry{name: "a/b", text: "2"}), []string{"both a file and a folder"}},
		"folder and file": {tarOf(t, entry{name: "a/b", text: "1"}, entry{name: "a", text: "2"}), []string{"twice"}},
		"long name":       {tarOf(t, entry{name: long, text: "1"}), []string{"255"}},
		"cut gzip":        {gz(tarOf(t, entry{name: "a", text: "1"}))[:60], []string{"truncated or damaged"}},
		"cut zip":         {zipOf(t, entry{name: "a", text: "1"})[:40], []string{"truncated or damaged"}},
		"cut tar":         {tarOf(t, entry{name: "a", text: strings.Repeat("1", 2000)})[:1600], []string{"truncated or damaged"}},
		"page":            {[]byte("\n<!DOCTYPE HTML><html>"), []string{"web page"}},
		"text":            {[]byte("hello"), []string{"not a supported archive"}},
		"empty":           {nil, []string{"not a supported archive"}},
		"encrypted":       {flagged(zipOf(t, entry{name: "a", text: "1"})), []string{"encrypted"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := unpackInto(t, c.b, roomy)
			filetest.WantError(t, err, append(c.says, "x.archive")...)
			for n := range got {
				if strings.HasPrefix(n, "..") {
					t.Errorf("escaped: %s", n)
				}
			}
		})
	}
}

// flagged sets the encryption flag of a zip's only entry, in its directory.
func flagged(b []byte) []byte {
	at := bytes.Index(b, []byte("PK\x01\x02"))
	b[at+8] |= 1
	return b
}

func TestLimits(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	bomb := []entry{{name: "a", text: zeros}, {name: "b", text: zeros}, {name: "c", text: zeros}}
	for name, b := range map[string][]byte{"zip": zipOf(t, bomb...), "tar.gz": gz(tarOf(t, bomb...))} {
		got, _, err := unpackInto(t, b, Limits{Bytes: 5 << 19, Files: 9})
		filetest.WantError(t, err, `"c"`, "more than the expected 2.6 MB")
		if len(got) > 3 {
			t.Error(name, len(got))
		}
		_, _, err = unpackInto(t, b, Limits{Bytes: 1 << 30, Files: 2})
		filetest.WantError(t, err, "more than the expected 2 files")
	}
	// An entry that claims to be smaller than it is.
	b := zipOf(t, entry{name: "a", text: zeros})
	at := bytes.Index(b, []byte("PK\x01\x02"))
	copy(b[at+24:], []byte{5, 0, 0, 0})
	if _, _, err := unpackInto(t, b, Limits{Bytes: 1 << 16, Files: 9}); err == nil {
		t.Error("a bomb that lies was unpacked")
	}
}

// TestPlantedLink: a link that lies in the folder already is not followed.
func TestPlantedLink(t *testing.T) {
	top := t.TempDir()
	dir, out := filepath.Join(top, "in"), filepath.Join(top, "out")
	for _, d := range []string{dir, out} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(out, filepath.Join(dir, "l")); err != nil {
		t.Skip(err)
	}
	archive := filepath.Join(top, "x.tar")
	if err := os.WriteFile(archive, tarOf(t, entry{name: "l/evil", text: "x"}), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(context.Background(), archive, dir, roomy, nil); err == nil {
		t.Error("no error")
	}
	if e, _ := os.ReadDir(out); len(e) > 0 {
		t.Error("escaped through a link")
	}
}

func TestUnpackStops(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	archive := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(archive, tarOf(t, entry{name: "a", text: "x"}), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(ctx, archive, t.TempDir(), roomy, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestTwoArchives: the second of a dataset may bring the first's files again.
func TestTwoArchives(t *testing.T) {
	dir := t.TempDir()
	for i, b := range [][]byte{zipOf(t, entry{name: "d/a", text: "1"}), gz(tarOf(t, entry{name: "d/a", text: "2"}, entry{name: "d/b", text: "3"}))} {
		archive := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(archive, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Unpack(context.Background(), archive, dir, roomy, nil); err != nil {
			t.Fatal(i, err)
		}
	}
	var names []string
	entries, _ := os.ReadDir(filepath.Join(dir, "d"))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	sort.Strings(names)
	if b, _ := os.ReadFile(filepath.Join(dir, "d", "a")); string(b) != "2" || strings.Join(names, " ") != "a b" {
		t.Errorf("%q %v", b, names)
	}
}

func FuzzUnpack(f *testing.F) {
	entries := []entry{{name: "a/", text: ""}, {name: "a/b", text: "text"}}
	b, _ := base64.StdEncoding.DecodeString(bzipped)
	for _, seed := range [][]byte{tarOf(f, entries...), gz(tarOf(f, entries...)), zipOf(f, entries...), b,
		tarOf(f, entry{name: "../x", text: "y"}), tarOf(f, entry{name: "l", kind: tar.TypeSymlink, link: "/"}, entry{name: "l/x"})} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		u := &unpacking{ctx: context.Background(), root: root, dir: dir, left: Limits{1 << 16, 20}, names: map[string]bool{}, progress: func(int64, int64) {}}
		// Buffers and bzip2's block; what is unpacked goes to files.
		alloctest.AtMost(t, 8<<20+200*len(b), func() { _ = u.archive(bytes.NewReader(b), int64(len(b))) })
		if e, _ := os.ReadDir(top); len(e) != 1 || u.done.Bytes > 1<<16 {
			t.Fatal("escaped, or beyond the limit", len(e), u.done)
		}
	})
}
