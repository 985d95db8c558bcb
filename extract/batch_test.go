package extract

import (
	"runtime"
	"testing"
)

type sizedEngine struct {
	Engine
	bytes int
}

func (e sizedEngine) BytesPerImage() int { return e.bytes }

func TestChooseBatch(t *testing.T) {
	const values = 1 << 18 // with the two decoded ahead 3 MiB an image
	for _, tc := range []struct {
		engine    Engine
		available int64
		want      int
	}{
		{sizedEngine{nil, 1 << 20}, 0, usualBatch},
		{sizedEngine{nil, 1 << 20}, 64 << 30, usualBatch},
		{sizedEngine{nil, 1 << 20}, 80 << 20, 5},
		{sizedEngine{nil, 125 << 20}, 1 << 30, 2},
		{sizedEngine{nil, 1 << 40}, 1 << 30, 1},
		{sizedEngine{nil, 0}, 1, 1},
		{struct{ Engine }{}, 64 << 30, unknownBatch},
	} {
		if got := chooseBatch(tc.engine, values, tc.available); got != tc.want {
			t.Errorf("engine %+v, %d bytes: %d, want %d", tc.engine, tc.available, got, tc.want)
		}
	}
}

func TestAvailableMemory(t *testing.T) {
	switch n := availableMemory(); {
	case runtime.GOOS == "linux" && n < 1<<20, n < 0, n > 1<<50:
		t.Errorf("%d bytes", n)
	}
}
