package kernels

import "testing"

// Convolutions as the usual networks have them, eight images at a time.
func BenchmarkConv(b *testing.B) {
	const batch = 8
	for _, s := range []struct {
		what string
		g    Conv2D
		size int
	}{
		{"vgg-1_1", Conv2D{In: 3, Out: 64, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}, 224},
		{"vgg-1_2", Conv2D{In: 64, Out: 64, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}, 224},
		{"vgg-2_2", Conv2D{In: 128, Out: 128, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}, 112},
		{"vgg-3_2", Conv2D{In: 256, Out: 256, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}, 56},
		{"vgg-4_2", Conv2D{In: 512, Out: 512, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}, 28},
		{"vgg-5_1", Conv2D{In: 512, Out: 512, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}, 14},
		{"squeezenet-1", Conv2D{In: 3, Out: 64, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2}, 224},
		{"squeezenet-squeeze", Conv2D{In: 128, Out: 16, KernelH: 1, KernelW: 1}, 55},
		{"squeezenet-expand1", Conv2D{In: 16, Out: 64, KernelH: 1, KernelW: 1}, 55},
		{"squeezenet-expand3", Conv2D{In: 16, Out: 64, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}, 55},
		{"resnet-1", Conv2D{In: 3, Out: 64, KernelH: 7, KernelW: 7, StrideH: 2, StrideW: 2, Top: 3, Left: 3, Bottom: 3, Right: 3}, 224},
		{"resnet-reduce", Conv2D{In: 1024, Out: 256, KernelH: 1, KernelW: 1}, 14},
		{"resnet-expand", Conv2D{In: 256, Out: 1024, KernelH: 1, KernelW: 1}, 14},
		{"resnet-stride", Conv2D{In: 128, Out: 128, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, Top: 1, Left: 1, Bottom: 1, Right: 1}, 56},
		{"resnet-shortcut", Conv2D{In: 256, Out: 512, KernelH: 1, KernelW: 1, StrideH: 2, StrideW: 2}, 56},
		{"resnet-last", Conv2D{In: 512, Out: 512, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}, 7},
		{"alexnet-1", Conv2D{In: 3, Out: 96, KernelH: 11, KernelW: 11, StrideH: 4, StrideW: 4}, 227},
		{"alexnet-2", Conv2D{In: 96, Out: 256, KernelH: 5, KernelW: 5, Groups: 2, Top: 2, Left: 2, Bottom: 2, Right: 2}, 27},
	} {
		b.Run(s.what, func(b *testing.B) {
			benchLevels(b, func(b *testing.B) {
				if Level() == "go" {
					b.Skip("slow")
				}
				c, err := PrepareConv(s.g, randoms[float32](s.g.Weights()), nil, ReLU)
				if err != nil {
					b.Fatal(err)
				}
				defer c.Free()
				halo := c.Halo(s.size, s.size)
				oh, ow := s.g.OutSize(s.size, s.size)
				x, y := NewBuffer(ActLen(batch, s.size, s.size, s.g.In, halo)), NewBuffer(ActLen(batch, oh, ow, s.g.Out, Halo{1, 1, 1, 1}))
				defer x.Free()
				defer y.Free()
				in, out := NewAct(batch, s.size, s.size, s.g.In, halo, x.Data), NewAct(batch, oh, ow, s.g.Out, Halo{1, 1, 1, 1}, y.Data)
				in.FromNCHW(randoms[float32](batch * s.g.In * s.size * s.size))
				c.run(in, out)
				start := cpuSeconds()
				for b.Loop() {
					c.run(in, out)
				}
				flops := 2 * float64(s.g.Weights()) * float64(oh*ow*batch)
				if cpu := cpuSeconds() - start; cpu > 0 {
					b.ReportMetric(flops*float64(b.N)/cpu/1e9, "GFLOP/cpu-s")
				}
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		})
	}
}
