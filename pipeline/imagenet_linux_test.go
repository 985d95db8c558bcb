package pipeline

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// TestImageNetScale trains and evaluates every method of the paper's ImageNet table on drawn features: a few, or as many as
// that protocol has, 1000 seen classes of 200 images, 360 unseen ones of 150, 4096-d features, 500-d word vectors, for two
// epochs each. What it shows is that they finish, in less than 2 GiB of memory; the accuracies are those of a made-up world. The
// whole takes half an hour on two cores and 9 GB of disk, so it is asked for:
// VZSL_LONG=1 go test ./pipeline -run ImageNetScale -v -timeout 3h, or -run ImageNetScale/plda for one method.
func TestImageNetScale(t *testing.T) {
	filetest.Slow(t)
	w, latent, epochs := imageNetScale{seen: 40, perSeen: 16, unseen: 30, perUnseen: 5, dim: 64, words: 20}, "20", "20"
	if os.Getenv("VZSL_LONG") != "" {
		w, latent, epochs = imageNetScale{seen: 1000, perSeen: 200, unseen: 360, perUnseen: 150, dim: 4096, words: 500}, "500", "2"
	}
	dir, data := t.TempDir(), t.TempDir()
	w.write(t, dir, data)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := func(t *testing.T, args ...string) (result map[string]any, took time.Duration, peak int64) {
		t.Helper()
		cmd := exec.Command(self, append(args, "--dataset", "drawn", "--out", dir, "--quiet", "--json")...)
		cmd.Env = append(os.Environ(), "VZSL_BE_THE_COMMAND=1")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		start := time.Now()
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("vzsl %s: %v\n%s", strings.Join(args, " "), err, &stderr)
		}
		if err := json.Unmarshal(out, &result); err != nil {
			t.Fatal(err)
		}
		peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
		if peak > 2<<30 {
			t.Errorf("vzsl %s: peak memory %d MB", strings.Join(args, " "), peak>>20)
		}
		return result, time.Since(start).Round(time.Second), peak
	}
	command(t, "attributes", "--data", data)
	command(t, "split", "--split", "2500", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))
	for _, m := range []string{"devise", "conse", "amp", "ss-voc", "vzsl-sharp", "plda", "vzsl"} {
		t.Run(m, func(t *testing.T) {
			args := []string{"train", "--split", "2500", "--method", m}
			if m != "plda" {
				args = append(args, "--set", "epochs="+epochs)
			}
			if strings.HasPrefix(m, "vzsl") {
				args = append(args, "--set", "latent="+latent)
			}
			_, training, trainPeak := command(t, args...)
			result, testing, testPeak := command(t, "evaluate", "--split", "2500", "--method", m)
			var hits []string
			for _, h := range result["hits"].([]any) {
				h := h.(map[string]any)
				share := h["per_image"].(map[string]any)["value"].(float64)
				if k := h["k"].(float64); share < k/float64(w.unseen) {
					t.Errorf("hit@%v is %v, below chance", k, share)
				}
				hits = append(hits, fmt.Sprintf("hit@%v %.1f", h["k"], 100*share))
			}
			if len(hits) != 5 {
				t.Errorf("%v", hits)
			}
			t.Logf("trained in %v (%d MB), evaluated in %v (%d MB): %s", training, trainPeak>>20, testing, testPeak>>20, strings.Join(hits, ", "))
		})
	}
}

// imageNetScale is a world in which a class has a place in a space of a few dimensions, which its word vector tells in part,
// and which its images show by a linear map, with noise and a ReLU.
type imageNetScale struct{ seen, perSeen, unseen, perUnseen, dim, words int }

// write leaves its features below dir, classes.csv and the lists of classes in data.
func (w imageNetScale) write(t *testing.T, dir, data string) {
	r := rand.New(rand.NewPCG(11, 11))
	normal := func(n int, scale float64) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(scale * r.NormFloat64())
		}
		return v
	}
	classes := w.seen + w.unseen
	const groups = 60 // of classes alike, as dogs are
	centres := make([][]float32, groups)
	for i := range centres {
		centres[i] = normal(w.words, 1)
	}
	const places = 16
	told, shown := normal(w.words*places, 1/math.Sqrt(float64(w.words))), normal(places*w.dim, 0.5/math.Sqrt(places))
	means := make([][]float32, classes)
	var table, seen, unseen strings.Builder
	table.WriteString("class")
	for i := range w.words {
		fmt.Fprintf(&table, ",w%d", i)
	}
	for c := range classes {
		name := fmt.Sprintf("c%04d", c)
		if c < w.seen {
			fmt.Fprintln(&seen, name)
		} else {
			fmt.Fprintln(&unseen, name)
		}
		vector := normal(w.words, 0.7)
		fmt.Fprintf(&table, "\n%s", name)
		place := normal(places, 1.2) // what words do not tell
		for i := range vector {
			vector[i] += centres[c%groups][i]
			table.WriteString("," + strconv.FormatFloat(float64(vector[i]), 'g', 6, 32))
			for k := range place {
				place[k] += vector[i] * told[i*places+k]
			}
		}
		means[c] = make([]float32, w.dim)
		for k, v := range place {
			for j := range w.dim {
				means[c][j] += v * shown[k*w.dim+j]
			}
		}
	}
	filetest.Write(t, filepath.Join(data, "classes.csv"), table.String())
	filetest.Write(t, filepath.Join(data, "seen.txt"), seen.String())
	filetest.Write(t, filepath.Join(data, "unseen.txt"), unseen.String())

	noise := normal(1<<22, 1.5)
	images := w.seen*w.perSeen + w.unseen*w.perUnseen
	out, err := features.Create(filepath.Join(dir, "features", "drawn", "drawn"), features.Source{Dataset: "drawn", Network: "drawn", Layer: "fc7", Dim: w.dim, Images: images}, false)
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for part := range out.Parts() {
		g.Go(func() error {
			r := rand.New(rand.NewPCG(12, uint64(part)))
			lo, hi := out.Range(part)
			p := features.Part{Features: make([]float32, 0, (hi-lo)*w.dim)}
			for i := lo; i < hi; i++ {
				c := i / w.perSeen
				if i >= w.seen*w.perSeen {
					c = w.seen + (i-w.seen*w.perSeen)/w.perUnseen
				}
				p.Images = append(p.Images, fmt.Sprintf("c%04d/%06d.jpg", c, i))
				p.Classes, p.Labels = append(p.Classes, fmt.Sprintf("c%04d", c)), append(p.Labels, int32(c))
				at := r.IntN(len(noise) - w.dim)
				for j, m := range means[c] {
					p.Features = append(p.Features, max(0, m+noise[at+j]-0.5))
				}
			}
			return out.WritePart(part, p)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Finish(); err != nil {
		t.Fatal(err)
	}
}
