package features

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// shardsOf are the shards of a list, as texts.
func shardsOf(t *testing.T, list []string, limit int) []string {
	t.Helper()
	at := cuts(len(list), limit, func(i int) string { return list[i] })
	if at[0] != 0 || at[len(at)-1] != len(list) {
		t.Fatalf("%d images: from %d to %d", len(list), at[0], at[len(at)-1])
	}
	var out []string
	for i, lo := range at[:len(at)-1] {
		n := at[i+1] - lo
		if n < 1 || n > limit || len(at) > 2 && n < limit/3 {
			t.Fatalf("a shard of %d images, the limit is %d", n, limit)
		}
		out = append(out, fmt.Sprint(list[lo:at[i+1]]))
	}
	return out
}

// An image more or less changes the shards around it and no others.
func TestCutsAreLocal(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, limit := range []int{1, 2, 5, 30, 100} {
		list := make([]string, 2000)
		for i := range list {
			list[i] = fmt.Sprintf("class%03d/%05d.jpg", i/50, 2*i)
		}
		was := shardsOf(t, list, limit)
		most, sum := 0, 0
		const rounds = 30
		for range rounds {
			i := rng.IntN(len(list))
			now := shardsOf(t, slices.Insert(slices.Clone(list), i, list[i]+"x"), limit)
			changed := 0
			for _, s := range now {
				if !slices.Contains(was, s) {
					changed++
				}
			}
			most, sum = max(most, changed), sum+changed
		}
		t.Logf("limit %d: %d shards of %.0f%% of it; an image more writes %.2f, at most %d", limit, len(was),
			100*float64(len(list))/float64(len(was)*limit), float64(sum)/rounds, most)
		if limit >= 5 && float64(sum)/rounds > 3 || most > 12 {
			t.Errorf("limit %d: an image more writes %.2f shards on average, at most %d of %d", limit, float64(sum)/rounds, most, len(was))
		}
	}
}

func TestCutsOfShortLists(t *testing.T) {
	for n := 1; n < 40; n++ {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprint("x", i)
		}
		if got := shardsOf(t, list, 12); n <= 12 && len(got) != 1 {
			t.Errorf("%d images make %d shards", n, len(got))
		}
	}
}
