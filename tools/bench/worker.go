package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	gonum "gonum.org/v1/gonum/blas/gonum"
	G "gorgonia.org/gorgonia"

	"vzsl/extract"
	"vzsl/extract/engine/gorgonia"
	"vzsl/extract/engine/native"
	"vzsl/extract/onnx"
	"vzsl/internal/kernels"
	"vzsl/train/method"
	"vzsl/train/methods/vzsl"
)

// side is what a worker process does.
type side interface {
	run(batch int) error
	features(count int) ([]float32, error)
}

// work is the main function of a worker process: one of this project's engines as a peer.
//
//	native|gorgonia NETWORK SHAPE IMAGES [LAYER]
//	train HIDDEN,...
func work(args []string, in io.Reader, out io.Writer) error {
	if err := kernels.LevelError(); err != nil {
		return err
	}
	var s side
	var err error
	switch {
	case len(args) == 4:
		s, err = newExtractor(args[0], args[1], args[2], args[3], "")
	case len(args) == 5:
		s, err = newExtractor(args[0], args[1], args[2], args[3], args[4])
	case len(args) == 2 && args[0] == "train":
		s, err = newTrainer(args[1])
	default:
		err = fmt.Errorf("worker %q", args)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "ready", kernels.Level())
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var batch, times int
		var path string
		if _, err := fmt.Sscanf(lines.Text(), "run %d %d", &batch, &times); err == nil {
			for i := range times {
				start := time.Now()
				if err := s.run(batch); err != nil {
					return err
				}
				if i > 0 {
					fmt.Fprint(out, " ")
				}
				fmt.Fprint(out, time.Since(start).Seconds())
			}
			fmt.Fprintln(out)
			continue
		}
		if _, err := fmt.Sscanf(lines.Text(), "features %d %s", &batch, &path); err != nil {
			return fmt.Errorf("the request %q", lines.Text())
		}
		f, err := s.features(batch)
		if err != nil {
			return err
		}
		var b []byte
		for _, v := range f {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(out, "done")
	}
	return lines.Err()
}

// extractor runs an engine over the images of a file.
type extractor struct {
	engine   extract.Engine
	images   []float32
	per      int
	computed []float32
}

func newExtractor(engine, path, shape, images, name string) (*extractor, error) {
	channels, h, w, err := parseShape(shape)
	if err != nil {
		return nil, err
	}
	net, err := onnx.Open(path)
	if err != nil {
		return nil, err
	}
	layer, err := net.Layer(name)
	if err != nil {
		return nil, err
	}
	e := &extractor{per: channels * h * w}
	switch engine {
	case "native":
		e.engine, err = native.New(net, layer, h, w)
	case "gorgonia":
		e.engine, err = gorgonia.New(net, layer, h, w)
		G.Use(gonum.Implementation{}) // as Gorgonia comes
	default:
		err = fmt.Errorf("no engine %q", engine)
	}
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(images)
	if err != nil {
		return nil, err
	}
	e.images = make([]float32, len(b)/4)
	for i := range e.images {
		e.images[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	e.computed = make([]float32, maxBatch*e.engine.Dim())
	return e, nil
}

func (e *extractor) run(batch int) error {
	return e.engine.Run(e.images[:batch*e.per], batch, e.computed[:batch*e.engine.Dim()])
}

func (e *extractor) features(count int) ([]float32, error) {
	return e.computed[:count*e.engine.Dim()], e.run(count)
}

// The problem of a training step: CUB's seen classes and attributes, fc7 features.
const (
	trainSamples    = 6400
	trainFeatures   = 4096
	trainClasses    = 150
	trainAttributes = 312
	trainBatch      = 64
)

// trainer holds a training between two steps.
type trainer struct {
	done   chan error // a step is done, or the training has ended
	permit chan struct{}
}

func newTrainer(hidden string) (*trainer, error) {
	c := vzsl.Paper()
	c.Hidden = nil
	for h := range strings.SplitSeq(hidden, ",") {
		n, err := strconv.Atoi(h)
		if err != nil {
			return nil, err
		}
		c.Hidden = append(c.Hidden, n)
	}
	c.Batch, c.Epochs, c.Warmup = trainBatch, 10000, 0
	r := rand.New(rand.NewPCG(5, 5))
	// Not negative and of length 1, as features and attributes are.
	unit := func(n int) []float32 {
		v, sum := make([]float32, n), 0.0
		for i := range v {
			v[i] = max(0, float32(r.NormFloat64()))
			sum += float64(v[i]) * float64(v[i])
		}
		for i := range v {
			v[i] /= float32(math.Sqrt(sum))
		}
		return v
	}
	d := &randomData{}
	for range trainSamples {
		d.rows = append(d.rows, unit(trainFeatures))
	}
	p := &method.Problem{Train: method.Data{Samples: d}, Seed: 1}
	for range trainClasses {
		p.Train.Attributes = append(p.Train.Attributes, unit(trainAttributes))
	}
	t := &trainer{done: make(chan error), permit: make(chan struct{})}
	go func() {
		_, err := c.Fit(context.Background(), p, &method.Session{Step: func(int, int) {
			t.done <- nil
			<-t.permit
		}})
		if err == nil {
			err = fmt.Errorf("the training is over")
		}
		t.done <- err
	}()
	return t, <-t.done
}

func (t *trainer) run(batch int) error {
	if batch != trainBatch {
		return fmt.Errorf("a batch of %d", batch)
	}
	t.permit <- struct{}{}
	return <-t.done
}

func (t *trainer) features(int) ([]float32, error) {
	return nil, fmt.Errorf("a training has no features")
}

// randomData are random samples in memory.
type randomData struct{ rows [][]float32 }

func (d *randomData) Len() int                 { return len(d.rows) }
func (d *randomData) Dim() int                 { return len(d.rows[0]) }
func (d *randomData) Row(i int, dst []float32) { copy(dst, d.rows[i]) }
func (d *randomData) Label(i int) int          { return i % trainClasses }
