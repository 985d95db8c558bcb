package pipeline

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vzsl/datasets/catalog"
	"vzsl/internal/filetest"
	"vzsl/pipeline/workspace"
)

func zipFile(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write([]byte(files[name]))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// offerFrom puts offers of a local server in the place of the published ones.
func offerFrom(t *testing.T, files map[string][]byte) (address string, requests *int) {
	t.Helper()
	n := 0
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		b, ok := files[filepath.Base(r.URL.Path)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}))
	t.Cleanup(h.Close)
	sum := func(name string) string {
		s := sha256.Sum256(files[name])
		return hex.EncodeToString(s[:])
	}
	was := workspace.Downloads
	t.Cleanup(func() { workspace.Downloads = was })
	workspace.Downloads = []catalog.Download{
		{Name: "birds", Title: "birds", Page: "https://birds.example", Licence: "for birdwatchers only", Place: "data/birds", Unpacked: 1 << 20, Next: "vzsl check birds",
			Files: []catalog.RemoteFile{
				{Name: "a.zip", Unpack: true, Source: "the birds", SHA256: sum("a.zip"), Size: int64(len(files["a.zip"])), URLs: []string{h.URL + "/a.zip"}},
				{Name: "b.zip", Unpack: true, URLs: []string{h.URL + "/b.zip"}},
				{Name: "c.mat", URLs: []string{h.URL + "/c.mat"}},
			}},
		{Name: "net", Title: "net", Licence: "free", Place: "models/net.onnx", Next: "vzsl extract", Files: []catalog.RemoteFile{{Name: "net-7.onnx", URLs: []string{h.URL + "/net-7.onnx"}}}},
		{Name: "nested", Title: "nested", Licence: "free", Place: "data/nested", Unpacked: 1 << 20, Files: []catalog.RemoteFile{{Name: "n.zip", Unpack: true, URLs: []string{h.URL + "/n.zip"}}}},
		{Name: "evil", Title: "evil", Licence: "none", Place: "data/evil", Unpacked: 1 << 20, Files: []catalog.RemoteFile{{Name: "e.zip", Unpack: true, URLs: []string{h.URL + "/e.zip"}}}},
		{Name: "large", Title: "large", Licence: "none", Place: "data/large", Unpacked: 5, Files: []catalog.RemoteFile{{Name: "a.zip", Unpack: true, URLs: []string{h.URL + "/a.zip"}}}},
	}
	return h.URL, &n
}

func TestDownload(t *testing.T) {
	files := map[string][]byte{
		"a.zip":      zipFile(t, map[string]string{"top/classes.txt": "1 robin\n", "top/images/1.jpg": "x"}),
		"b.zip":      zipFile(t, map[string]string{"other/y.txt": "y"}),
		"c.mat":      []byte("mat"),
		"net-7.onnx": []byte("network"),
		"n.zip":      zipFile(t, map[string]string{"Long_Name/classes.txt": "c", "__MACOSX/Long_Name/._x": "m"}),
		"e.zip":      zipFile(t, map[string]string{"ok": "x", "../../../evil": "x"}),
	}
	address, requests := offerFrom(t, files)
	dir := t.TempDir()
	read := func(parts ...string) string {
		b, err := os.ReadFile(filepath.Join(append([]string{dir}, parts...)...))
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}

	// Nothing is asked of the server before the terms are accepted.
	refused(t, exitUsage, []string{"for birdwatchers only", "https://birds.example", "--accept-licence"}, "download", "birds", "--to", dir)
	if *requests != 0 {
		t.Errorf("%d requests before the terms were accepted", *requests)
	}
	o := vzsl(t, "download", "birds", "net", "--to", dir, "--accept-licence", "--json", "-q")
	var got []brought
	if err := json.Unmarshal([]byte(o.stdout), &got); err != nil || o.code != exitDone || !strings.Contains(o.stderr, "for birdwatchers only") {
		t.Fatalf("exit code %d, %v\n%s%s", o.code, err, o.stdout, o.stderr)
	}
	if len(got) != 2 || len(got[0].Files) != 3 || !strings.Contains(got[0].Files[0].Checked, "the birds") || !strings.Contains(got[0].Files[1].Checked, "no checksum") {
		t.Errorf("%+v", got)
	}
	if read("data", "birds", "top", "classes.txt") != "1 robin\n" || read("data", "birds", "other", "y.txt") != "y" ||
		read("data", "birds", "c.mat") != "mat" || read("models", "net.onnx") != "network" {
		t.Error("not the files")
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "data")); len(entries) != 2 {
		t.Errorf("left in data: %v", entries)
	}
	if text := read("data", ".downloads", "SHA256SUMS"); strings.Count(text, "\n") != 3 || !strings.Contains(text, "  birds/b.zip\n") || strings.Contains(text, "a.zip") {
		t.Errorf("recorded: %s", text)
	}
	before := *requests
	if o := vzsl(t, "download", "birds", "net", "--to", dir); o.code != exitDone || !strings.Contains(o.stdout, "already there") || *requests != before {
		t.Errorf("again: exit code %d\n%s%s", o.code, o.stdout, o.stderr)
	}

	// A folder that is all there is gives way to what it holds.
	if o := vzsl(t, "download", "nested", "--to", dir, "--accept-licence", "--keep"); o.code != exitDone || read("data", "nested", "classes.txt") != "c" {
		t.Errorf("%d %s", o.code, o.stderr)
	}
	if read("data", ".downloads", "nested", "n.zip") != string(files["n.zip"]) {
		t.Error("the archive was not kept")
	}
	filetest.Write(t, filepath.Join(dir, "data", "nested", "old"), "old")
	if o := vzsl(t, "download", "nested", "--to", dir, "--accept-licence", "--force"); o.code != exitDone {
		t.Errorf("%d %s", o.code, o.stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "nested", "old")); err == nil {
		t.Error("--force did not replace")
	}

	// What must not appear.
	refused(t, exitFailed, []string{"e.zip", "../../../evil", "refused"}, "download", "evil", "--to", dir, "--accept-licence")
	refused(t, exitFailed, []string{"a.zip", "more than the expected 5 bytes"}, "download", "large", "--to", dir, "--accept-licence")
	for _, name := range []string{"evil", "large"} {
		if m, _ := filepath.Glob(filepath.Join(dir, "data", "*"+name+"*")); len(m) > 0 {
			t.Errorf("%v appeared", m)
		}
	}

	// A file that no checksum is published of is the one of the first time, or refused; what is there stays.
	if o := vzsl(t, "download", "net", "--to", dir, "--accept-licence", "--force"); o.code != exitDone || !strings.Contains(o.stdout, "unchanged since its first use") {
		t.Errorf("%d %s%s", o.code, o.stdout, o.stderr)
	}
	honest := files["net-7.onnx"]
	files["net-7.onnx"] = []byte("another")
	refused(t, exitFailed, []string{"net/net-7.onnx has changed at its source", "SHA256SUMS"}, "download", "net", "--to", dir, "--accept-licence", "--force")
	if read("models", "net.onnx") != "network" {
		t.Error("a file that has changed at its source took the place of the first")
	}
	files["net-7.onnx"] = honest

	// From elsewhere: a folder, a mirror; checked all the same.
	mirror := t.TempDir()
	for _, name := range []string{"a.zip", "b.zip", "c.mat"} {
		filetest.Write(t, filepath.Join(mirror, name), string(files[name]))
	}
	for _, from := range []string{mirror, address + "/mirror/"} {
		to := t.TempDir()
		if o := vzsl(t, "download", "birds", "--to", to, "--accept-licence", "--from", from); o.code != exitDone {
			t.Errorf("from %s: %d %s", from, o.code, o.stderr)
		}
		if b, err := os.ReadFile(filepath.Join(to, "data", "birds", "c.mat")); err != nil || string(b) != "mat" {
			t.Error(err)
		}
	}
	filetest.Write(t, filepath.Join(mirror, "a.zip"), "damaged")
	refused(t, exitFailed, []string{"a.zip", "7 bytes"}, "download", "birds", "--to", t.TempDir(), "--accept-licence", "--from", mirror)
	if _, err := os.Stat(filepath.Join(mirror, "c.mat")); err != nil {
		t.Error("the mirror lost a file", err)
	}
	refused(t, exitFailed, []string{"net-7.onnx", "official names"}, "download", "net", "--to", t.TempDir(), "--accept-licence", "--from", mirror)

	refused(t, exitUsage, []string{"birds, net"}, "download")
	refused(t, exitUsage, []string{`"fish"`, "birds"}, "download", "fish")
	refused(t, exitFailed, []string{"image-net.org"}, "download", "imagenet")
}

// TestPublished keeps the list in order.
func TestPublished(t *testing.T) {
	r := vzsl(t, "download", "--list")
	if r.code != exitDone {
		t.Fatal(r.stderr)
	}
	for _, o := range workspace.Downloads {
		if !strings.Contains(r.stdout, o.Name) || o.Licence == "" || o.Place == "" || o.Next == "" || len(o.Files) == 0 {
			t.Errorf("%s is incomplete", o.Name)
		}
		for _, f := range o.Files {
			for _, u := range f.URLs {
				if !strings.HasPrefix(u, "https://") {
					t.Errorf("%s: address %q", f.Name, u)
				}
			}
			if (f.SHA256 != "" || f.MD5 != "") != (f.Source != "") {
				t.Errorf("%s: a checksum has a source, and a source a checksum", f.Name)
			}
			if len(f.SHA256)%64 != 0 || len(f.MD5)%32 != 0 {
				t.Errorf("%s: length of checksums", f.Name)
			}
			if f.Unpack && o.Unpacked <= f.Size {
				t.Errorf("%s: unpacks to more than it may", f.Name)
			}
		}
	}
}

// Where a call with --force was killed between its two renames, the next one leaves nothing of the old folder.
func TestReplace(t *testing.T) {
	for _, killed := range []bool{false, true} {
		dir := t.TempDir()
		place, staged := filepath.Join(dir, "cub"), filepath.Join(dir, ".cub.unpacking")
		old := place
		if killed {
			old = place + ".replaced"
		}
		filetest.Write(t, filepath.Join(old, "x"), "old")
		filetest.Write(t, filepath.Join(staged, "x"), "new")
		if err := replace(staged, place, true); err != nil || string(filetest.Read(t, filepath.Join(place, "x"))) != "new" {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Error(left, err)
		}
	}
}
