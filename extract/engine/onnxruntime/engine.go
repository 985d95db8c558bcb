//go:build onnxruntime && cgo

package onnxruntime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/edsrzf/mmap-go"
	ort "github.com/yalue/onnxruntime_go"

	"vzsl/extract/onnx"
)

// Engine computes a layer's features in ONNX Runtime. Calls of Run wait for each other.
type Engine struct {
	mu      sync.Mutex
	session *ort.DynamicAdvancedSession
	dims    []int64 // of one image
	in, dim int
	batch   int // that the network takes; 0: any
	network string
	pool    onnx.Pooling
	own     []int // the layer's shape for one image
}

// New hands ONNX Runtime the part of net that leads to layer, for images of h x w. What the layer's values are
// like is what ONNX Runtime makes of blank images, so that a network need not be one that the native engine can run.
func New(net *onnx.Network, layer onnx.Layer, h, w int, o Options) (*Engine, error) {
	in := net.Input()
	if in.Height > 0 && h != in.Height || in.Width > 0 && w != in.Width {
		return nil, fmt.Errorf("%s requires images of %d x %d, not %d x %d: choose a recipe of that size", net.Path(), in.Height, in.Width, h, w)
	}
	if err := load(o.Library); err != nil {
		return nil, err
	}
	c := in.Channels
	if c == 0 {
		c = 3
	}
	e := &Engine{in: c * h * w, network: net.Path(), pool: layer.Pool, dims: []int64{1, int64(c), int64(h), int64(w)}}
	if in.NHWC {
		e.dims = []int64{1, int64(h), int64(w), int64(c)}
	}
	fed := in.Name
	if in.Element != "" {
		fed = images
	}
	structure, folder, err := e.cut(net, layer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", net.Path(), err)
	}
	so, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("ONNX Runtime: %w", err)
	}
	defer func() { _ = so.Destroy() }()
	if err := errors.Join(
		so.SetIntraOpNumThreads(runtime.GOMAXPROCS(0)),
		so.SetInterOpNumThreads(1),
		so.SetLogSeverityLevel(ort.LoggingLevelFatal),
		so.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", folder),
	); err != nil {
		return nil, fmt.Errorf("ONNX Runtime: %w", err)
	}
	if err := provide(so, o.Provider); err != nil {
		return nil, err
	}
	e.session, err = ort.NewDynamicAdvancedSessionWithONNXData(structure, []string{fed}, []string{features}, so)
	if err != nil {
		return nil, fmt.Errorf("%s: ONNX Runtime cannot load it: %w", net.Path(), err)
	}
	if err := e.measure(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	if layer.Dim > 0 && layer.Dim != e.dim && in.Height > 0 && in.Width > 0 {
		return nil, errors.Join(fmt.Errorf("%s: ONNX Runtime gives features of %d values at %q, the file's operators give %d", net.Path(), e.dim, layer.Tensor, layer.Dim), e.Close())
	}
	return e, nil
}

// measure learns the number of features and whether images can be run several at a time: the result of two
// has to be that of one, twice along its first axis. Networks that move the batch axis elsewhere run image by image.
func (e *Engine) measure() error {
	n := max(1, e.batch)
	shape, v, err := e.call(make([]float32, n*e.in), n)
	if err != nil {
		return err
	}
	if e.batch > 1 && (len(shape) == 0 || shape[0]%int64(n) != 0) {
		return fmt.Errorf("%s: the layer's shape %v does not separate the %d images of the file's fixed batch", e.network, shape, n)
	}
	e.own = make([]int, len(shape))
	for i, d := range shape {
		e.own[i] = int(d)
	}
	if e.batch > 1 {
		e.own[0] /= n
	}
	one, err := e.pooled(v[:len(v)/n])
	if err != nil {
		return fmt.Errorf("%s: %w", e.network, err)
	}
	if e.dim = len(one); e.dim == 0 {
		return fmt.Errorf("%s: the layer holds no values (shape %v)", e.network, shape)
	}
	if e.batch == 0 {
		two, w, err := e.call(make([]float32, 2*e.in), 2)
		if err != nil || len(two) == 0 || two[0] != 2 || len(w) != 2*len(v) || shape[0] != 1 {
			e.batch = 1
		}
	}
	return nil
}

// pooled makes the feature of one image's values.
func (e *Engine) pooled(v []float32) ([]float32, error) {
	if e.pool == "" {
		return v, nil
	}
	return e.pool.Apply(e.own, v)
}

// farWeight is the size in bytes from which on weights are external data. What is smaller may be a
// shape, which ONNX Runtime reads before it has the weights.
const farWeight = 16 << 10

// cut returns the structure to run and the folder of its weights.
func (e *Engine) cut(net *onnx.Network, layer onnx.Layer) (structure []byte, folder string, err error) {
	path := net.Path()
	at := place{filepath.Base(path), filepath.Dir(path), farWeight}
	if real, err := filepath.EvalSymlinks(path); err != nil || filepath.Base(real) != at.name || !sameFolder(real, path) {
		at.name = "" // ONNX Runtime refuses data behind links that lead elsewhere
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	model, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, model.Unmap()) }()
	structure, e.batch, err = cut(model, net.Input().Name, layer.Tensor, at)
	return structure, at.folder, err
}

// sameFolder reports whether two files lie in the same folder.
func sameFolder(a, b string) bool {
	x, err1 := os.Stat(filepath.Dir(a))
	y, err2 := os.Stat(filepath.Dir(b))
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// library is the one that is loaded: a process has one.
var library struct {
	sync.Mutex
	path string
}

const whereToGet = "get it from https://github.com/microsoft/onnxruntime/releases (1.24 or newer; libonnxruntime.so, .dylib or onnxruntime.dll in its lib folder) and name the file with --ort-library or in " + LibraryVariable

// load opens ONNX Runtime's library, once.
func load(path string) error {
	if path == "" {
		path = os.Getenv(LibraryVariable)
	}
	if path == "" {
		return errors.New("the onnxruntime engine needs ONNX Runtime's shared library: " + whereToGet)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("the onnxruntime engine needs ONNX Runtime's shared library, and %w: %s", err, whereToGet)
	}
	library.Lock()
	defer library.Unlock()
	if library.path != "" {
		if library.path != path {
			return fmt.Errorf("ONNX Runtime is already loaded from %s and cannot be loaded from %s as well", library.path, path)
		}
		return nil
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return fmt.Errorf("%s cannot be used as ONNX Runtime's library (%w): %s", path, err, whereToGet)
	}
	library.path = path
	return nil
}

// provide adds an execution provider. What it cannot run falls to the CPU.
func provide(so *ort.SessionOptions, name string) (err error) {
	if name == "" {
		name = "cpu"
	}
	switch name {
	case "cpu":
	case "cuda":
		err = provideCUDA(so)
	case "tensorrt":
		var o *ort.TensorRTProviderOptions
		if o, err = ort.NewTensorRTProviderOptions(); err == nil {
			defer func() { _ = o.Destroy() }()
			err = so.AppendExecutionProviderTensorRT(o)
		}
		if err == nil { // for what TensorRT lacks
			err = provideCUDA(so)
		}
	case "coreml":
		err = so.AppendExecutionProviderCoreMLV2(map[string]string{})
	default:
		return fmt.Errorf("unknown execution provider %q: choose one of %s", name, strings.Join(Providers(), ", "))
	}
	if err != nil {
		return fmt.Errorf("ONNX Runtime's execution provider %s cannot be used: %w; it needs a build of the library with that provider, beside it the provider's own library, and the vendor's drivers", name, err)
	}
	return nil
}

func provideCUDA(so *ort.SessionOptions) error {
	o, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer func() { _ = o.Destroy() }()
	if err := o.Update(map[string]string{"use_tf32": "0"}); err != nil { // float32 means float32
		return err
	}
	return so.AppendExecutionProviderCUDA(o)
}

// Dim is the number of features per image.
func (e *Engine) Dim() int { return e.dim }

// Run computes the features of n images. images holds them one after another in the network's own
// layout, channels first or last; features takes n*Dim() values. A network that is written for a
// fixed number of images gets so many at a time, the last ones filled up with the last image.
func (e *Engine) Run(images []float32, n int, features []float32) error {
	if n < 0 || len(images) != n*e.in || len(features) != n*e.dim {
		return fmt.Errorf("onnxruntime: %d images of %d values and %d features given %d and %d values", n, e.in, e.dim, len(images), len(features))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.session == nil {
		return errors.New("onnxruntime: the engine is closed")
	}
	for lo := 0; lo < n; {
		k := n - lo
		if e.batch > 0 {
			k = min(k, e.batch)
		}
		if err := e.some(images[lo*e.in:(lo+k)*e.in], k, features[lo*e.dim:(lo+k)*e.dim]); err != nil {
			return err
		}
		lo += k
	}
	return nil
}

// some runs as many images as the network takes at a time, or fewer.
func (e *Engine) some(images []float32, n int, features []float32) error {
	size := n
	if e.batch > n {
		size = e.batch
		full := slices.Grow(slices.Clone(images), (size-n)*e.in)
		for range size - n {
			full = append(full, images[(n-1)*e.in:]...)
		}
		images = full
	}
	_, v, err := e.call(images, size)
	if err != nil {
		hint := ""
		if n > 1 && e.batch == 0 {
			hint = "; if its batch is fixed at one image, use --batch 1"
		}
		return fmt.Errorf("%w%s", err, hint)
	}
	if len(v)%size != 0 {
		return fmt.Errorf("%s: ONNX Runtime gives %d values for %d images", e.network, len(v), size)
	}
	per := len(v) / size
	for i := range n {
		f, err := e.pooled(v[i*per : (i+1)*per])
		if err != nil {
			return fmt.Errorf("%s: %w", e.network, err)
		}
		if len(f) != e.dim {
			return fmt.Errorf("%s: ONNX Runtime gives %d values for an image, expected %d", e.network, len(f), e.dim)
		}
		copy(features[i*e.dim:(i+1)*e.dim], f)
	}
	return nil
}

// call runs n images and gives the layer's shape and values.
func (e *Engine) call(images []float32, n int) (shape []int64, values []float32, err error) {
	dims := slices.Clone(e.dims)
	dims[0] = int64(n)
	in, err := ort.NewTensor(ort.NewShape(dims...), images)
	if err != nil {
		return nil, nil, fmt.Errorf("onnxruntime: %w", err)
	}
	defer func() { _ = in.Destroy() }()
	out := []ort.Value{nil} // made by the run
	if err := e.session.Run([]ort.Value{in}, out); err != nil {
		return nil, nil, fmt.Errorf("%s: ONNX Runtime fails on %d images: %w", e.network, n, err)
	}
	defer func() { _ = out[0].Destroy() }()
	t, ok := out[0].(*ort.Tensor[float32])
	if !ok {
		return nil, nil, fmt.Errorf("%s: ONNX Runtime gives %T, expected float32 features", e.network, out[0])
	}
	return t.GetShape(), slices.Clone(t.GetData()), nil
}

// Close ends the session. The library stays loaded.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.session == nil {
		return nil
	}
	err := e.session.Destroy()
	e.session = nil
	return err
}
