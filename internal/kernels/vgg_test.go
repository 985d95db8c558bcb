package kernels

import (
	"fmt"
	"testing"
)

// VGG-19's convolutions and its two wide linear layers, on random weights: what
// an engine over these kernels cannot beat.
func BenchmarkVGG19(b *testing.B) {
	for _, batch := range []int{1, 8, 16} {
		b.Run(fmt.Sprintf("batch%d", batch), func(b *testing.B) {
			benchLevels(b, func(b *testing.B) {
				if Level() == "go" {
					b.Skip("minutes")
				}
				v := newVGG19(b, batch)
				defer v.free()
				v.run()
				start := cpuSeconds()
				for b.Loop() {
					v.run()
				}
				b.ReportMetric((cpuSeconds()-start)/float64(b.N*batch)*1e3, "cpu-ms/image")
				b.ReportMetric(b.Elapsed().Seconds()/float64(b.N*batch)*1e3, "ms/image")
				rate(b, 39.3e9*float64(batch), 2)
			})
		})
	}
}

type vgg19 struct {
	batch    int
	convs    []*Conv
	pooled   []bool
	acts     []*Act // the input, then each convolution's result
	buffers  []*Buffer
	fc6, fc7 *Linear
	flat     []float32
	y6, y7   []float32
}

func newVGG19(b *testing.B, batch int) *vgg19 {
	v := &vgg19{batch: batch}
	in, size := 3, 224
	var halos []Halo
	sizes, chans := []int{224}, []int{3}
	for _, stage := range [][]int{{64, 64}, {128, 128}, {256, 256, 256, 256}, {512, 512, 512, 512}, {512, 512, 512, 512}} {
		for i, out := range stage {
			g := Conv2D{In: in, Out: out, KernelH: 3, KernelW: 3, Top: 1, Left: 1, Bottom: 1, Right: 1}
			w := randoms[float32](g.Weights())
			for i := range w {
				w[i] *= 0.05
			}
			c, err := PrepareConv(g, w, nil, ReLU)
			if err != nil {
				b.Fatal(err)
			}
			halos = append(halos, c.Halo(size, size))
			v.convs = append(v.convs, c)
			last := i == len(stage)-1
			v.pooled = append(v.pooled, last)
			if last {
				size /= 2
			}
			in = out
			sizes, chans = append(sizes, size), append(chans, out)
		}
	}
	halos = append(halos, Halo{})
	for i, h := range halos {
		buf := NewBuffer(ActLen(batch, sizes[i], sizes[i], chans[i], h))
		v.buffers = append(v.buffers, buf)
		v.acts = append(v.acts, NewAct(batch, sizes[i], sizes[i], chans[i], h, buf.Data))
	}
	v.acts[0].FromNCHW(randoms[float32](batch * 3 * 224 * 224))
	var err error
	if v.fc6, err = PrepareLinear(true, 4096, 25088, randoms[float32](4096*25088), 25088, nil, ReLU); err != nil {
		b.Fatal(err)
	}
	if v.fc7, err = PrepareLinear(true, 4096, 4096, randoms[float32](4096*4096), 4096, nil, ReLU); err != nil {
		b.Fatal(err)
	}
	v.flat, v.y6, v.y7 = make([]float32, batch*25088), make([]float32, batch*4096), make([]float32, batch*4096)
	return v
}

// run takes the first convolutions, whose maps are larger than the caches,
// image by image.
func (v *vgg19) run() {
	const early = 4
	for n := range v.batch {
		for i := range early {
			v.conv(i, v.acts[i].Images(n, n+1), v.acts[i+1].Images(n, n+1))
		}
	}
	for i := early; i < len(v.convs); i++ {
		v.conv(i, v.acts[i], v.acts[i+1])
	}
	v.acts[len(v.acts)-1].ToNCHW(v.flat)
	v.fc6.run(v.batch, v.flat, 25088, v.y6, 4096)
	v.fc7.run(v.batch, v.y6, 4096, v.y7, 4096)
}

func (v *vgg19) conv(i int, in, out *Act) {
	if v.pooled[i] {
		v.convs[i].RunMaxPool2(in, out)
	} else {
		v.convs[i].run(in, out)
	}
}

func (v *vgg19) free() {
	for _, c := range v.convs {
		c.Free()
	}
	for _, b := range v.buffers {
		b.Free()
	}
	v.fc6.Free()
	v.fc7.Free()
}
