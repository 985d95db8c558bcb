package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vzsl/evaluate"
	"vzsl/evaluate/evaluatetest"
	"vzsl/internal/filetest"
)

func small(t testing.TB) (*evaluate.Result, [][]string) {
	s := evaluatetest.Small()
	return s.Result(t), s.Images
}

func TestWrite(t *testing.T) {
	r, images := small(t)
	run, o := anyRun(), Options{Metrics: trained(30), ImageRoot: drawPictures(t, images)}
	dir := filepath.Join(t.TempDir(), "reports", "one")
	paths, err := Write(dir, r, run, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"SHA256SUMS", "predictions.parquet", "report.html", "report.json"}, filetest.Names(t, dir)); diff != "" {
		t.Error(diff)
	}

	data, err := os.ReadFile(paths.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema string
		About  struct {
			Name     string
			Features struct{ Network string }
			Config   struct{ Latent int }
		}
		Result    evaluate.Result
		Confusion [][3]int
		Files     map[string]string `json:"files_sha256"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "vzsl.report/1" || got.About.Name != "vzsl-1" || got.About.Features.Network != "squeezenet1.1" || got.About.Config.Latent != 100 {
		t.Errorf("%+v", got.About)
	}
	want := *r
	want.Predictions = nil
	g := *r.Generalised
	g.Predictions = nil
	want.Generalised = &g
	if diff := cmp.Diff(want, got.Result); diff != "" {
		t.Error(diff)
	}
	n := 0
	for _, c := range got.Confusion {
		n += c[2]
	}
	if n != r.Images {
		t.Errorf("the confusion matrix holds %d of %d images", n, r.Images)
	}
	for name, sum := range got.Files {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if s := sha256.Sum256(data); hex.EncodeToString(s[:]) != sum {
			t.Errorf("%s: its hash in report.json is another", name)
		}
	}
	if len(got.Files) != 2 {
		t.Errorf("hashes of %v", got.Files)
	}

	again := filepath.Join(t.TempDir(), "again")
	if _, err := Write(again, r, run, o); err != nil {
		t.Fatal(err)
	}
	for _, name := range filetest.Names(t, dir) {
		a, b := filetest.Read(t, filepath.Join(dir, name)), filetest.Read(t, filepath.Join(again, name))
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs from run to run", name)
		}
	}
}
