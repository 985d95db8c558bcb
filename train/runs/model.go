package runs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"

	"vzsl/internal/rejection"
	"vzsl/train/method"
	"vzsl/train/problem"
	"vzsl/train/safetensors"
)

// Result is a finished run.
type Result struct {
	Model    string // path of model.safetensors
	Method   string
	Choice   map[string]float64 // what validation chose: epochs, or gamma and lambda
	Accuracy float64            // mean per-class top-1 among the validation classes, 0..1, of the choice
	// ValidationClasses is the number of classes Accuracy is over; 0: nothing was chosen.
	ValidationClasses int
	// Temperature makes probabilities of scores: softmax(score / Temperature). It is fitted on the validation classes with
	// the model that was not trained on them; 0: there were none.
	Temperature float64
	// Constant is that of calibrated stacking, subtracted from the scores of seen classes; nil where the split tests none of
	// their images or nothing was chosen.
	Constant *float64
	// Rejection are thresholds of the excess of the best candidate's score below which an image is of none of the candidates, by the number
	// of these. They are selected where the temperature is fitted; nil: there were too few validation classes.
	Rejection []rejection.Point
	Refit     bool // the model is trained on the validation classes too
	Shots     int  // of the few-shot setting: labelled images of each unseen class; 0: zero-shot
	Classes   int  // the model is trained on
	Images    int
	Seconds   float64  // of this call
	DataWait  float64  // the fraction of the epochs' time in which training waited for data, in this call
	Notes     []string // what a reader of the results should know of the choice
	Reused    bool     // the folder held this run, complete; nothing was trained
}

// The model file's metadata.
const (
	modelFormat   = "vzsl-model/1"
	keyFormat     = "format"
	keyMethod     = "method"
	keyConfig     = "config"
	keyNormaliser = "attribute_normaliser"
	keyAttributes = "attribute_names"
	keySeen       = "trained_classes"
	keyChoice     = "choice"
	keyAccuracy   = "validation_accuracy"
	keyClasses    = "validation_classes"
	keyRefit      = "refit"
	keyImages     = "trained_images"
	keyTemp       = "temperature"
	keyShots      = "shots" // left out where there are none
	keyConstant   = "seen_constant"
	keyReject     = "rejection_of_excess"  // left out where there is none
	backgroundKey = "rejection.background" // a tensor: the vectors of rejection.Background
	keyNotes      = "notes"                // left out where there are none
)

// Finish leaves model.safetensors, all that prediction needs, of a model fitted to a problem whose attributes have these names.
func (f *Folder) Finish(r *Record, p *problem.Problem, m method.Model, attributes []string, res *Result) error {
	meta := map[string]string{
		keyFormat: modelFormat, keyMethod: r.Method, keyConfig: string(f.config),
		keyAccuracy: exact(res.Accuracy), keyClasses: strconv.Itoa(res.ValidationClasses),
		keyRefit: strconv.FormatBool(res.Refit), keyImages: strconv.Itoa(res.Images),
		keyTemp: exact(res.Temperature),
	}
	if res.Shots > 0 {
		meta[keyShots] = strconv.Itoa(res.Shots)
	}
	if res.Constant != nil {
		meta[keyConstant] = exact(*res.Constant)
	}
	if len(res.Rejection) > 0 {
		text, err := json.Marshal(res.Rejection)
		if err != nil {
			return fmt.Errorf("model: %w", err)
		}
		meta[keyReject] = string(text)
	}
	if len(res.Notes) > 0 {
		meta[keyNotes] = strings.Join(res.Notes, "\n")
	}
	for key, v := range map[string]any{keyNormaliser: p.Normaliser, keyAttributes: attributes, keySeen: p.Classes, keyChoice: maps.Clone(f.Choice)} {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("model: %w", err)
		}
		meta[key] = string(text)
	}
	file := &safetensors.File{Tensors: m.Tensors(), Metadata: meta}
	if len(res.Rejection) > 0 {
		file.Tensors = append(file.Tensors, background(p))
	}
	if f.dir == "" {
		f.model = file
		return nil
	}
	h := sha256.New()
	if err := safetensors.Encode(h, file); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	config, err := sealed(r, hex.EncodeToString(h.Sum(nil)))
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := f.hold.List(MetricsFile); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return f.hold.Write(tensors(ModelFile, file), config)
}

// background is the tensor of the descriptions that thresholds are taken over.
func background(p *problem.Problem) safetensors.Tensor {
	var seen [][]float32
	for i, v := range p.Train.Attributes {
		if p.Few == nil || !p.Few[i] {
			seen = append(seen, v)
		}
	}
	t := safetensors.Tensor{Name: backgroundKey}
	all := rejection.Background(seen)
	for _, v := range all {
		t.F32 = append(t.F32, v...)
	}
	t.Shape = []int{len(all), len(t.F32) / max(1, len(all))}
	return t
}

// exact writes a number with as many digits as give it back.
func exact(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// parseConstant reads one as exact writes it; "" is none.
func parseConstant(s string) (*float64, error) {
	if s == "" {
		return nil, nil
	}
	c, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(c) {
		return nil, fmt.Errorf("a constant of %q", s)
	}
	return &c, nil
}

// parseTemperature reads one as exact writes it; "" (a model from before there were any) is none.
func parseTemperature(s string) (float64, error) {
	if s == "" {
		return 0, nil
	}
	t, err := strconv.ParseFloat(s, 64)
	if err != nil || !(t >= 0) || math.IsInf(t, 0) {
		return 0, fmt.Errorf("a temperature of %q", s)
	}
	return t, nil
}
