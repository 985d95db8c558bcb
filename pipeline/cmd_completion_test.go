package pipeline

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"vzsl/internal/filetest"
)

// TestCompletion asks as a shell does, for words that the code knows and for what lies on the disk: the shell picks those that begin alike.
func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, f := range []string{
		"out/runs/cub-standard-vzsl/config.toml", "out/runs/many/seed-1/config.toml", "out/runs/many/seed-2/config.toml",
		"out/runs/all/sae/seed-1/config.toml", "out/features/photos/vgg19/manifest.json", "out/features/photos/splits/mine.parquet",
		"CUB/res101.mat", "CUB/att_splits.mat", "CUB/trainclasses1.txt",
	} {
		filetest.Write(t, filepath.Join(dir, f), "")
	}
	for _, test := range []struct{ asked, want string }{ // words in any order, among others; !word is not offered; "": nothing is
		{"train --method ", "eszsl sae gfzsl"},
		{"tune --method sae --set ", "direction=to-attributes direction=to-features lambda="},
		{"train --features ", "l2 none sqrt-l2"},
		{"train --missing ", "class-mean error"},
		{"attributes --missing ", "copy error keep"},
		{"train --preset ", "default paper"},
		{"compare --methods ", "all vzsl vzsl-sharp"},
		{"extract --recipe ", "torchvision caffe caffe-crop"},
		{"export --format ", "onnx safetensors"},
		{"--out out train --dataset ", "photos"},
		{"--out out train --dataset photos --network ", "vgg19"},
		{"--out out evaluate --dataset photos --split ", "mine"},
		{"split --dataset sun --split ", "645-72 pictured standard"},
		{"train --dataset sun --split ", "645-72 standard !pictured"},
		{"--out out predict --run ", "all/sae cub-standard-vzsl many"},
		{"--out out report ", "all/sae cub-standard-vzsl many"},
		{"check ", "awa1 awa2 cub"},
		{"download ", "vgg19"},
		{"train ", ""},
		{"--out out tune --from ", "all/sae cub-standard-vzsl many"},
		{"import xlsa17 CUB --attributes ", "original_att att"},
	} {
		o := vzsl(t, append([]string{"__complete"}, strings.Split(test.asked, " ")...)...)
		words, _, _ := strings.Cut(o.stdout, ":")
		got := strings.Fields(words)
		for _, want := range strings.Fields(test.want) {
			if word, unwanted := strings.CutPrefix(want, "!"); slices.Contains(got, word) == unwanted {
				t.Errorf("vzsl %s: %q, not %q\n%s", test.asked, got, test.want, o.stderr)
			}
		}
		if test.want == "" && len(got) > 0 {
			t.Errorf("vzsl %s: %q, not nothing\n%s", test.asked, got, o.stderr)
		}
	}
	// Where a flag takes a path, the shell completes it; what cobra ends with tells the shell how.
	for _, test := range []struct{ asked, want string }{
		{"import xlsa17 --features ", ":0"},
		{"import xlsa17 CUB --features ", "att_splits.mat res101.mat :0"},
		{"import xlsa17 CUB --splits ", "att_splits.mat res101.mat :0"},
		{"--out out download --from ", ":16"}, // folders
	} {
		o := vzsl(t, append([]string{"__complete"}, strings.Split(test.asked, " ")...)...)
		if got := strings.Join(strings.Fields(o.stdout), " "); got != test.want {
			t.Errorf("vzsl %s: %q, not %q\n%s", test.asked, got, test.want, o.stderr)
		}
	}
}
