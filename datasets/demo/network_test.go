package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"vzsl/internal/filetest"

	"google.golang.org/protobuf/encoding/protowire"
)

// trainingPart is one set of images in network/training.json.
type trainingPart struct {
	FirstSeed uint64 `json:"first_seed"`
	PerClass  int    `json:"per_class"`
	SHA256    string `json:"sha256"`
	Firsts    string `json:"sha256_of_firsts"`
}

type trainingRecord struct {
	Network struct {
		SHA256, Recipe, Layer string
		Size                  int
	}
	Rendered struct {
		Classes      []string
		Side         int
		Train, Check trainingPart
	}
	HeldOut float64 `json:"held_out_accuracy"`
}

func readRecord(t *testing.T) *trainingRecord {
	t.Helper()
	r := filetest.JSON[trainingRecord](t, "network/training.json")
	return &r
}

func (r *trainingRecord) parts() map[string]trainingPart {
	return map[string]trainingPart{"train": r.Rendered.Train, "check": r.Rendered.Check}
}

func seenList() (seen []Class, names []string) {
	for _, c := range classes {
		if c.Seen {
			seen = append(seen, c)
			names = append(names, c.Name)
		}
	}
	return seen, names
}

func TestTrainedOnSeenClassesOnly(t *testing.T) {
	r := readRecord(t)
	_, seen := seenList()
	if !slices.Equal(r.Rendered.Classes, seen) {
		t.Errorf("trained on classes other than the seen ones: %v", r.Rendered.Classes)
	}
	for _, c := range classes {
		if !c.Seen && slices.Contains(r.Rendered.Classes, c.Name) {
			t.Errorf("trained on the unseen class %s", c.Name)
		}
	}
	if r.Rendered.Side != Side {
		t.Errorf("trained on images of %d pixels, rendered are %d", r.Rendered.Side, Side)
	}
	if r.HeldOut < 0.9 || r.HeldOut > 1 {
		t.Errorf("the record's held-out accuracy is %v, want at least 0.9", r.HeldOut)
	}
}

func TestTrainedOnOtherSeeds(t *testing.T) {
	for name, p := range readRecord(t).parts() {
		if p.PerClass < 1 || p.FirstSeed < SeedsEnd {
			t.Errorf("%s: %d images a class from seed %d on; the data set's seeds go up to %d", name, p.PerClass, p.FirstSeed, SeedsEnd-1)
		}
	}
	// The dataset's seeds are below SeedsEnd, each used once, even with as many images as Write allows.
	used := make([]bool, SeedsEnd)
	for n := range SeedsEnd / len(classes) {
		for c := range classes {
			s := seedOf(c, n)
			if s >= SeedsEnd || used[s] {
				t.Fatalf("image %d of class %d has seed %d: taken or not below %d", n, c, s, SeedsEnd)
			}
			used[s] = true
		}
	}
}

// The images that this renderer makes from the record's seeds are those that the network was trained on: the first
// of each class, or all of them with VZSL_LONG=1. None of them is in the dataset.
func TestTrainingPicturesAreNotInTheDataset(t *testing.T) {
	long := os.Getenv("VZSL_LONG") == "1"
	inDataset := map[[32]byte]string{}
	var mu sync.Mutex
	perClass := 4
	if long {
		perClass = 4 * defaultPerClass
	}
	inParallel(len(classes), func(i int) {
		c := classes[i]
		for n := range perClass {
			key := sha256.Sum256(RGB(c.Render(seedOf(i, n))))
			mu.Lock()
			inDataset[key] = fmt.Sprintf("%s/%03d.png", c.Name, n)
			mu.Unlock()
		}
	})
	if len(inDataset) != perClass*len(classes) {
		t.Errorf("%d different images in a data set of %d", len(inDataset), perClass*len(classes))
	}

	seen, _ := seenList()
	for name, p := range readRecord(t).parts() {
		depth := min(p.PerClass, perClass)
		if long {
			depth = p.PerClass
		}
		rgb := make([][][]byte, len(seen))
		inParallel(len(seen), func(i int) {
			for n := range depth {
				rgb[i] = append(rgb[i], RGB(seen[i].Render(p.FirstSeed+uint64(i*p.PerClass+n))))
			}
		})
		firsts, all := sha256.New(), sha256.New()
		for i := range seen {
			firsts.Write(rgb[i][0])
			for n, pixels := range rgb[i] {
				all.Write(pixels)
				if where, both := inDataset[sha256.Sum256(pixels)]; both {
					t.Errorf("%s image %d of %s is %s of the data set", name, n, seen[i].Name, where)
				}
			}
		}
		if got := hex.EncodeToString(firsts.Sum(nil)); got != p.Firsts {
			t.Errorf("%s: the first images' hash is %s, the record has %s: render and train again", name, got, p.Firsts)
		}
		if got := hex.EncodeToString(all.Sum(nil)); long && got != p.SHA256 {
			t.Errorf("%s: the images' hash is %s, the record has %s: render and train again", name, got, p.SHA256)
		}
	}
}

func inParallel(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}

func TestNetworkIsTheRecords(t *testing.T) {
	r := readRecord(t)
	sum := sha256.Sum256(network)
	if got := hex.EncodeToString(sum[:]); got != r.Network.SHA256 {
		t.Errorf("sha256 of the network %s, the record has %s", got, r.Network.SHA256)
	}
	if len(network) >= 5<<20 {
		t.Errorf("the network has %d bytes, want less than 5 MB", len(network))
	}

	// ModelProto: graph = 7, metadata_props = 14. GraphProto: node = 1, initializer = 5, input = 11, output = 12.
	model := fields(t, network)
	graph := fields(t, model[7][0])
	_, seen := seenList()
	if out := shape(t, graph[12][0]); !slices.Equal(out, []int64{0, int64(len(seen))}) {
		t.Errorf("output %v, want any batch x %d seen classes", out, len(seen))
	}
	size := int64(r.Network.Size)
	if in := shape(t, graph[11][0]); !slices.Equal(in, []int64{0, 3, size, size}) {
		t.Errorf("input %v, want any batch x 3 x %d x %d", in, size, size)
	}
	props := map[string]string{}
	for _, p := range model[14] {
		entry := fields(t, p)
		props[string(entry[1][0])] = string(entry[2][0])
	}
	if props["vzsl.recipe"] != r.Network.Recipe || r.Network.Recipe == "" {
		t.Errorf("metadata %v, the record's recipe is %q", props, r.Network.Recipe)
	}

	// The nodes in their order: op_type = 4, output = 2.
	var ops []string
	layers := map[string]bool{}
	for _, n := range graph[1] {
		node := fields(t, n)
		ops = append(ops, string(node[4][0]))
		layers[string(node[2][0])] = true
	}
	want := []string{
		"Conv", "Relu", "MaxPool", "Conv", "Relu", "Conv", "Relu", "MaxPool", "Conv", "Relu", "Conv", "Relu", "MaxPool",
		"Flatten", "Gemm", "Relu", "Gemm", "Relu", "Gemm",
	}
	if !slices.Equal(ops, want) {
		t.Errorf("operators %v, want %v", ops, want)
	}
	for _, name := range []string{"conv1_1", "pool3", "fc6", "fc7", r.Network.Layer, "fc8"} {
		if !layers[name] {
			t.Errorf("no tensor %q", name)
		}
	}
}

// fields splits a protobuf message into its length-delimited fields by number.
func fields(t *testing.T, message []byte) map[protowire.Number][][]byte {
	t.Helper()
	found := map[protowire.Number][][]byte{}
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		message = message[n:]
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			found[number] = append(found[number], value)
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		message = message[n:]
	}
	return found
}

// shape reads a ValueInfoProto's dimensions; 0 for one without a number.
// ValueInfoProto: type = 2; TypeProto: tensor_type = 1; Tensor: shape = 2; TensorShapeProto: dim = 1; dim_value = 1.
func shape(t *testing.T, info []byte) []int64 {
	t.Helper()
	tensor := fields(t, fields(t, info)[2][0])[1][0]
	var dims []int64
	for _, dim := range fields(t, fields(t, tensor)[2][0])[1] {
		var size int64
		if number, kind, n := protowire.ConsumeTag(dim); number == 1 && kind == protowire.VarintType {
			value, _ := protowire.ConsumeVarint(dim[n:])
			size = int64(value)
		}
		dims = append(dims, size)
	}
	return dims
}

func TestWriteNetwork(t *testing.T) {
	path := filepath.Join(t.TempDir(), "models", "demo.onnx")
	for _, before := range []string{"", "something else"} {
		if before != "" {
			if err := os.WriteFile(path, []byte(before), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := WriteNetwork(path); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != string(network) {
			t.Errorf("not the network: %d bytes, %v", len(got), err)
		}
	}
	written, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteNetwork(path); err != nil {
		t.Fatal(err)
	}
	if again, err := os.Stat(path); err != nil || !os.SameFile(written, again) {
		t.Error("the network was written again")
	}
	if err := WriteNetwork(filepath.Join(path, "x.onnx")); err == nil {
		t.Error("no error where a file stands in the way")
	}
}
