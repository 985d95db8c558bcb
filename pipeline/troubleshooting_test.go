package pipeline

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vzsl/datasets/catalog"
	"vzsl/internal/filetest"
	"vzsl/pipeline/workspace"
)

// TestTroubleshooting makes each of the mistakes that docs/troubleshooting.md explains: the page must show the very command
// and the very message, and show no other.
func TestTroubleshooting(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := flat(string(b)) // long lines are broken there
	data, model := demoData(t)
	network, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	// Images under names that mean something.
	drawn, err := filepath.Glob(filepath.Join(data, "*", "000.png"))
	if err != nil || len(drawn) < 5 {
		t.Fatal(err)
	}
	for i, class := range []string{"horse", "leopard", "okapi", "tiger", "zebra"} {
		copyTree(t, filepath.Dir(drawn[i]), filepath.Join("data", "photos", class))
	}
	filetest.Write(t, "seen.txt", "horse\nleopard\ntiger\nzebra\n")
	filetest.Write(t, "unseen.txt", "okapi\n")
	offerFrom(t, map[string][]byte{"glove.6B.zip": []byte("not what was published")})
	local := strings.TrimSuffix(workspace.Downloads[0].Files[0].URLs[0], "a.zip")
	const official = "https://nlp.stanford.edu/data/"
	workspace.Downloads = append(workspace.Downloads, catalog.Download{Name: "glove", Licence: "free", Place: "data/glove",
		Files: []catalog.RemoteFile{{Name: "glove.6B.zip", Unpack: true, URLs: []string{local + "glove.6B.zip"}, Size: 862182613}}})

	const csv = "class,stripes,spots,hooves\nhorse,0,0,1\nleopard,0,1,0\nokapi,1,0,1\ntiger,1,0,0\n"
	shown := 0
	for _, step := range []struct {
		before  func()
		command string
		code    int // exitDone: only on the way
	}{
		{nil, "vzsl extract --dataset photos", exitFailed},
		{func() {
			filetest.Write(t, "models/vgg19.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:692f\nsize 574677321\n")
		}, "vzsl extract --dataset photos", exitFailed},
		{func() { filetest.Write(t, "models/vgg19.onnx", string(network)) }, "vzsl extract --dataset cub", exitFailed},
		{nil, "vzsl attributes --dataset photos", exitFailed},
		{func() { filetest.Write(t, "data/photos/classes.csv", csv) }, "vzsl extract --dataset photos", exitDone},
		{nil, "vzsl extract --dataset photos --layer fc6", exitFailed},
		{func() { filetest.Write(t, "traits.csv", csv+"Zebra,1,0,1\n") }, "vzsl attributes --dataset photos --csv traits.csv", exitFailed},
		{func() { filetest.Write(t, "vectors.txt", "horse 1 2\nleopard 3 4\ntiger 5 6\nzebra 7 8\n") },
			"vzsl attributes --dataset photos --words vectors.txt", exitFailed},
		{func() { filetest.Write(t, "names.txt", "Okapi\tforest giraffe\n") },
			"vzsl attributes --dataset photos --words vectors.txt --names names.txt", exitFailed},
		{func() { filetest.Write(t, "traits.mat", "# Created by Octave 7.3.0\n") }, "vzsl attributes --dataset photos --csv traits.mat", exitFailed},
		{func() { filetest.Write(t, "data/photos/classes.csv", csv+"zebra,1,?,1\n") }, "vzsl attributes --dataset photos", exitDone},
		{func() {
			filetest.Write(t, "scored.csv", "image,class,f0,f1,score\na.jpg,horse,1,2,0.9\nb.jpg,tiger,3,4,0.8\n")
		},
			"vzsl import scored.csv --dataset photos", exitFailed},
		{func() {
			filetest.Write(t, "rows.csv", "f0,f1\n1,2\n3,4\n5,6\n")
			filetest.Write(t, "labels.txt", "1\n2\n3\n")
		},
			"vzsl import rows.csv --dataset photos --labels labels.txt", exitFailed},
		{func() { filetest.Write(t, "images.txt", "horse/1.jpg\nhorse/2.jpg\ntiger/3.jpg\n") },
			"vzsl import rows.csv --dataset photos --labels labels.txt --images images.txt --label-kind id", exitFailed},
		{nil, "vzsl split --dataset photos", exitFailed},
		{nil, "vzsl train --dataset photos --split own", exitFailed},
		{nil, "vzsl split --dataset photos --split own --seen seen.txt --unseen unseen.txt", exitDone},
		{nil, "vzsl train --dataset photos --split own --method eszsl", exitFailed},
		{nil, "vzsl train --dataset photos --split own --method eszsl --missing class-mean --force", exitDone},
		{nil, "vzsl train --dataset photos --split own --method eszsl --missing class-mean --seed 2", exitFailed},
		{func() {
			filetest.Write(t, "fewer.txt", "horse\nleopard\ntiger\n")
			filetest.Write(t, "more.txt", "okapi\nzebra\n")
		},
			"vzsl split --dataset photos --split own --seen fewer.txt --unseen more.txt", exitFailed},
		{func() {
			filetest.Write(t, "data/photos/classes.csv", strings.Replace(csv, "okapi,1", "okapi,0.5", 1)+"zebra,1,?,1\n")
		},
			"vzsl attributes --dataset photos", exitDone},
		{nil, "vzsl evaluate --dataset photos --split own --method eszsl", exitFailed},
		{func() { filetest.Write(t, "data/photos/classes.csv", csv+"zebra,1,?,1\n") }, "vzsl attributes --dataset photos", exitDone},
		{func() { filetest.Write(t, "other.onnx", string(network)+"\x12\x01x") },
			"vzsl predict --dataset photos --split own --method eszsl data/photos/okapi --model other.onnx", exitFailed},
		{func() { filetest.Write(t, "new.csv", "class,stripes,spots,Hooves\nquagga,1,0,1\n") },
			"vzsl predict --dataset photos --split own --method eszsl data/photos/okapi --classes new.csv", exitFailed},
		{nil, "vzsl download glove", exitUsage},
		{nil, "vzsl download glove --accept-licence", exitFailed},
	} {
		if step.before != nil {
			step.before()
		}
		o := vzsl(t, append(strings.Fields(step.command)[1:], "-q")...)
		if o.code != step.code {
			t.Fatalf("%s: exit code %d, not %d\n%s", step.command, o.code, step.code, o.stderr)
		}
		if step.code == exitDone {
			continue
		}
		at := strings.Index(o.stderr, "vzsl: ")
		if at < 0 {
			t.Fatalf("%s: no message\n%s", step.command, o.stderr)
		}
		message := strings.ReplaceAll(o.stderr[at:], local, official)
		message = regexp.MustCompile(`\b[0-9a-f]{12}\.\.\.`).ReplaceAllString(message, "SHA...")
		message = flat("$ " + step.command + "\n" + regexp.MustCompile(`\(known: [^)]*\)`).ReplaceAllString(message, "(known: ...)"))
		if !strings.Contains(page, message) {
			t.Errorf("docs/troubleshooting.md does not show\n\n%s\n", message)
		}
		shown++
	}
	if n := strings.Count(string(b), "\n    $ vzsl "); n != shown {
		t.Errorf("docs/troubleshooting.md shows %d messages, %d were tried", n, shown)
	}
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }
