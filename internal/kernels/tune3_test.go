package kernels

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

func TestTuneW(t *testing.T) {
	if os.Getenv("TUNE") == "" {
		t.Skip()
	}
	B := 8
	if v, err := strconv.Atoi(os.Getenv("BATCH")); err == nil {
		B = v
	}
	for _, s := range [][3]int{{3, 64, 224}, {64, 64, 224}, {64, 128, 112}, {128, 128, 112}, {128, 256, 56}, {256, 256, 56}, {256, 512, 28}, {512, 512, 28}, {512, 512, 14}} {
		if f := os.Getenv("SHAPE"); f != "" && f != fmt.Sprintf("%d-%d-%d", s[0], s[1], s[2]) {
			continue
		}
		ic, oc, h := s[0], s[1], s[2]
		g := Conv2D{In: ic, Out: oc, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}
		c, err := PrepareConv(g, randoms[float32](g.Weights()), nil, true)
		if err != nil {
			t.Fatal(err)
		}
		halo := c.Halo(h, h)
		in := NewAct(B, h, h, ic, halo, NewBuffer(ActLen(B, h, h, ic, halo)).Data)
		out := NewAct(B, h, h, oc, halo, NewBuffer(ActLen(B, h, h, oc, halo)).Data)
		for i := range in.Data {
			in.Data[i] = float32(i%13) - 6
		}
		in.ClearHalo()
		fl := 2 * 9 * float64(ic) * float64(oc) * float64(h*h*B)
		w, cpu := bestOf(fl, .4, func() { c.Run(in, out) })
		fmt.Printf("%v: eff GFLOP/s best %.0f cpu %.0f; ms/img cpu %.2f\n", s, w, cpu, fl/cpu/1e6/float64(B))
		half := NewAct(B, h/2, h/2, oc, halo, nil)
		w, cpu = bestOf(fl, .4, func() { c.RunMaxPool2(in, half) })
		fmt.Printf("%v pooled: eff GFLOP/s best %.0f cpu %.0f; ms/img cpu %.2f\n", s, w, cpu, fl/cpu/1e6/float64(B))
		c.Free()
	}
}
