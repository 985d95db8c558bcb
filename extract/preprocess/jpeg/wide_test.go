package jpeg

import (
	"testing"

	"pgregory.net/rapid"
)

// TestWide: as long as nothing can exceed 16 bits, the transform for damaged data is the other one, by the kernels or in plain Go.
func TestWide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in [64]int32
		left := int64(narrow)
		last := 0
		for range rapid.IntRange(0, 20).Draw(t, "coefficients") {
			k := rapid.IntRange(0, 63).Draw(t, "k")
			left += magnitude(in[k])
			in[k] = int32(rapid.Int64Range(-left, left).Draw(t, "v"))
			left -= magnitude(in[k])
			last = max(last, k)
		}
		a, b, c := in, in, in
		var x, y, z [64]uint8
		idct(&a, last, x[:], 8)
		idctWide(&b, last, y[:], 8)
		plainIDCT(&c, z[:], 8)
		if x != y || x != z {
			t.Fatalf("%v gives %v, %v and %v", in, x, y, z)
		}
		if a != [64]int32{} || b != [64]int32{} || c != [64]int32{} {
			t.Fatal("the block is not cleared")
		}
	})
}
