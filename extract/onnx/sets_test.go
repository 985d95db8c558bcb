package onnx

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vzsl/extract/onnx/ops"
)

// TestOperatorSets: of the public exports of image networks that testdata/operator_sets.txt counts, at least 95 %
// hold none but supported operators. (Whether each of their uses is supported only the networks tell.)
func TestOperatorSets(t *testing.T) {
	b, err := os.ReadFile("testdata/operator_sets.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := ops.Operators()
	total, readable := 0, 0
	missing := map[string]int{}
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		n, err := strconv.Atoi(words[0])
		if err != nil {
			t.Fatal(err)
		}
		total += n
		lacks := slices.DeleteFunc(words[1:], func(op string) bool { return slices.Contains(known, op) })
		if len(lacks) == 0 {
			readable += n
		}
		for _, op := range lacks {
			missing[op] += n
		}
	}
	t.Logf("%d of %d networks (%.1f %%); missing operators, by how many networks have them: %v", readable, total, 100*float64(readable)/float64(total), missing)
	if total != 1945 || readable*100 < total*95 {
		t.Errorf("%d of %d", readable, total)
	}
}
