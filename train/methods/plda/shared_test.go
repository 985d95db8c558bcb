package plda

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vzsl/attributes"
	"vzsl/train/method"
)

// birds are the features of CUB's classes in a list (VGG-19's fc7, sqrt-l2) with their attributes (sqrt-centre-l2, fitted on the
// classes of seen).
func birds(t *testing.T, dir, list string, seen *attributes.Normaliser) (*method.Data, *attributes.Normaliser) {
	t.Helper()
	read := func(parts ...string) []byte {
		b, err := os.ReadFile(filepath.Join(append([]string{dir}, parts...)...))
		if err != nil {
			t.Skip("no ../shared/data: ", err)
		}
		return b
	}
	number := map[string]int{}
	for line := range strings.Lines(string(read("cub", "CUB_200_2011", "classes.txt"))) {
		f := strings.Fields(line)
		number[f[1]], _ = strconv.Atoi(f[0])
	}
	var raw [][]float32
	for line := range strings.Lines(string(read("cub", "CUB_200_2011", "attributes", "class_attribute_labels_continuous.txt"))) {
		var row []float32
		for _, w := range strings.Fields(line) {
			v, err := strconv.ParseFloat(w, 32)
			if err != nil {
				t.Fatal(err)
			}
			row = append(row, float32(v))
		}
		raw = append(raw, row)
	}
	d := &method.Data{Samples: &samples{}}
	place := map[int]int{}
	var vectors [][]float32
	for line := range strings.Lines(string(read("cub", "splits", list))) {
		n := number[strings.TrimSpace(line)]
		place[n] = len(vectors)
		vectors = append(vectors, raw[n-1])
	}
	if seen == nil {
		var err error
		if seen, err = attributes.Fit(attributes.SqrtCentreL2, vectors, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range vectors {
		a := make([]float32, len(v))
		if err := seen.Apply(v, a); err != nil {
			t.Fatal(err)
		}
		d.Attributes = append(d.Attributes, a)
	}
	values := func(name string) []byte { // of an .npy, after its header
		b := read("cub-vgg19-fc7", name)
		return b[10+int(binary.LittleEndian.Uint16(b[8:])):]
	}
	labels, features := values("labels.npy"), values("features.npy")
	width := len(labels) / 8855
	s, dim := d.Samples.(*samples), 4096
	for i := range 8855 {
		l, ok := place[int(binary.LittleEndian.Uint32(labels[i*width:]))]
		if !ok {
			continue
		}
		x, sum := make([]float32, dim), 0.0
		if err := binary.Read(bytes.NewReader(features[i*dim*4:]), binary.LittleEndian, x); err != nil {
			t.Fatal(err)
		}
		for _, v := range x {
			sum += float64(v)
		}
		for j, v := range x {
			x[j] = float32(math.Sqrt(float64(v) / sum))
		}
		s.x, s.labels = append(s.x, x), append(s.labels, l)
	}
	return d, seen
}

// TestBirds: real features give what was measured on them with NumPy, at 1024 dimensions and a shrinkage of 0.3.
func TestBirds(t *testing.T) {
	if os.Getenv("VZSL_LONG") == "" {
		t.Skip("set VZSL_LONG=1 to fit 5,890 real features")
	}
	dir := filepath.Join("..", "..", "..", "..", "shared", "data")
	train, n := birds(t, dir, "validation1-seen.txt", nil)
	test, _ := birds(t, dir, "validation1-unseen.txt", n)
	s, err := gather(t.Context(), &method.Problem{Train: *train}, 1024)
	if err != nil {
		t.Fatal(err)
	}
	sp, err := s.whiten(0.3)
	if err != nil {
		t.Fatal(err)
	}
	within := func(what string, m method.Model, d *method.Data, want, tolerance float64) {
		t.Helper()
		a, err := method.Accuracy(m, d)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.1f", what, 100*a)
		if math.Abs(100*a-want) > tolerance {
			t.Errorf("%s: %.1f, NumPy had %.1f", what, 100*a, want)
		}
	}
	m, err := sp.model(0.3, 0.1, true)
	if err != nil {
		t.Fatal(err)
	}
	within("zero-shot", m, test, 55.6, 0.5)
	if m, err = sp.model(0.3, 0.2, true); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.ClassPrior = priorNone
	got, err := m.Transduce(t.Context(), &method.Unlabelled{Features: test.Samples, Attributes: test.Attributes}, &c, Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	within("transductive, no prior", got.Model, test, 70.5, 0.7)
	if m, err = sp.model(0.3, 0.3, true); err != nil {
		t.Fatal(err)
	}
	m.shotWeight = c.ShotWeight
	x, rest := test.Samples.(*samples), &samples{}
	of := make([][]int, len(test.Attributes))
	for i, l := range x.labels {
		of[l] = append(of[l], i)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for l, rows := range of {
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		var shots []float32
		for k, i := range rows {
			if k < 5 {
				shots = append(shots, x.x[i]...)
			} else if k >= 20 {
				rest.x, rest.labels = append(rest.x, x.x[i]), append(rest.labels, l)
			}
		}
		learned, err := m.Learn(test.Attributes[l], shots, 5)
		if err != nil {
			t.Fatal(fmt.Errorf("class %d: %w", l, err))
		}
		m = learned.(*Model)
	}
	within("five shots", m, &method.Data{Samples: rest, Attributes: slices.Clone(test.Attributes)}, 74.5, 1.5)
}
