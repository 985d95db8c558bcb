// Package method says what a method of zero-shot recognition is to training: something that fits a model to labelled
// features of seen classes and scores features against any classes given as attribute vectors. Package train runs
// every method through it, and neither run folders nor evaluation know which one it is.
//
// Features and attributes are already normalised here; labels count the classes of the problem from zero.
package method

import (
	"context"
	"log/slog"
	"time"

	"vzsl/onnxfile"
	"vzsl/train/safetensors"
)

// Features are normalised features.
type Features interface {
	Len() int
	Dim() int
	// Row writes the normalised feature of sample i to dst (Dim values). Safe for concurrent use.
	Row(i int, dst []float32)
}

// Samples are labelled features.
type Samples interface {
	Features
	// Label is the sample's row in the classes.
	Label(i int) int
}

// Data are samples and the normalised attribute vectors of their classes.
type Data struct {
	Samples
	Attributes [][]float32
}

// Unlabelled are features of images whose classes are not known, but for that each is one of those with these
// normalised attribute vectors: what the transductive setting adds.
type Unlabelled struct {
	Features
	Attributes [][]float32
}

// Problem is what a method is fitted to. Validation classes are seen classes held out of Train.
type Problem struct {
	Train      Data
	Validation *Data       // nil: nothing to choose by
	Unlabelled *Unlabelled // nil: the inductive setting
	// Few tells for each class of Train whether it is known by a few images only: the few-shot setting's unseen classes or,
	// among validation classes, those that play them. Nil: zero-shot.
	Few  []bool
	Seed uint64
	// Views is the number of equal parts of every attribute vector, each a normalisation of all attributes; 0 is 1.
	Views int
}

// Choice is what a method chose by validation, by name: epochs, or the coefficients of a grid.
type Choice map[string]float64

// Point is one line of progress: an epoch, or a point of a grid.
type Point struct {
	Done, Total int
	// Values are the point's figures by name, such as loss, kl, margin, reconstruction.
	Values map[string]float64
	// Choice is what choosing this point would be: its epoch, or its coefficients.
	Choice Choice
	// Measured are numbers that belong to the choice but are measured, not chosen: over several folds they are averaged.
	Measured Choice
	// Accuracy is the mean per-class top-1 accuracy among the validation classes, 0..1; meaningful if Validated.
	Accuracy  float64
	Validated bool
	// Wait is the time since the last point in which training waited for data.
	Wait time.Duration
}

// State is a fit interrupted between two steps: all that is needed to continue to the same result.
type State struct {
	Tensors []safetensors.Tensor
	Values  map[string]string
}

// Session connects a fit to the run around it. All fields may be zero.
type Session struct {
	// Choice, if not nil, was made by an earlier fit on validation classes: a method uses it and does not validate.
	Choice Choice
	// Resume is the state to continue from, ResumeBest the best parameters last saved.
	Resume, ResumeBest *State
	// Due is asked after every step whether to save; Save keeps the state, and best if it is not nil: the best
	// parameters so far. Neither may be used after Save returns.
	Due  func() bool
	Save func(state *State, best *State) error
	// Step reports a step of the fit, Point a whole epoch or grid point.
	Step  func(done, total int)
	Point func(Point) error
	Log   *slog.Logger
}

// Outcome is a finished fit.
type Outcome struct {
	Model    Model
	Choice   Choice
	Accuracy float64 // on the validation classes, of the choice
	// Notes are sentences that a reader of the results should know, such as a choice at the edge of its grid.
	Notes []string
}

// Config is a method with its settings: a pointer to a struct of fields with the tags toml (the setting's name) and comment
// (its help).
type Config interface {
	// Validate explains the first setting that cannot work.
	Validate() error
	// Fit fits a model with these settings.
	Fit(ctx context.Context, p *Problem, s *Session) (*Outcome, error)
	// Load makes a model of what Model.Tensors gave.
	Load(f *safetensors.File) (Model, error)
	// Space is what tuning searches beside the normalisations. A coefficient whose whole grid costs one fit stands in
	// the settings as a list and not here: Fit goes over it and gives each value as a Point.
	Space() []Dimension
}

// Dated is a Config whose defaults have changed: an older record lacks the settings that came with the change.
type Dated interface {
	Config
	// Absent gives settings that a record lacks the values they stand for there. It is called before those that it has are
	// read.
	Absent(lacks func(setting string) bool)
}

// Transductive is a Config of a method that takes Problem.Unlabelled.
type Transductive interface {
	Config
	// TransductiveSpace is what tuning searches in the transductive setting, from a tuned inductive model's settings on.
	TransductiveSpace() []Dimension
}

// Dimension is a setting and the values that tuning may give it.
type Dimension struct {
	Setting string // its toml name; features and attributes are the normalisations
	// Values are all there are; nil: numbers from Low to High, evenly or, with Log, evenly in their logarithms. The
	// setting's type says whether they are whole.
	Values    []any
	Low, High float64
	Log       bool
}

// Model scores samples against classes. It is safe for concurrent use.
type Model interface {
	// Score returns n rows of one value for each class, higher is better. features holds n normalised rows.
	Score(features []float32, n int, attributes [][]float32) ([]float32, error)
	// Dims are the lengths of a feature and of an attribute vector.
	Dims() (feature, attribute int)
	Tensors() []safetensors.Tensor
}

// Learner is a Model that learns from images of a class at once.
type Learner interface {
	// Learn gives the model that has seen n more images, as normalised features, of the class of a normalised attribute
	// vector. The model itself stays as it is.
	Learn(attributes, features []float32, n int) (Model, error)
}

// Describer is a Model that says what it sees in a sample in terms of attributes.
type Describer interface {
	// Describe estimates the normalised attribute vectors of n samples, or how much speaks for each attribute. Its product
	// with a class's vector, attribute by attribute, says which of them speak for the class.
	Describe(features []float32, n int) ([]float32, error)
}

// Viewer is a Describer whose estimate is of one view of the attributes where a vector holds several.
type Viewer interface {
	// View gives the part of a normalised vector that Describe's product is with.
	View(vector []float32) []float32
}

// Binary is a Describer that knows a class by which attributes it has.
type Binary interface {
	// Binary gives 1 for each attribute that the class of a normalised vector has, else 0: what Describe's product is with.
	Binary(vector []float32) []float32
}

// Grapher is a Model that can be written as an ONNX graph.
type Grapher interface {
	// Graph adds Score: features and attributes are the names of its inputs, float32 and normalised, n x feature and
	// c x attribute; the result is that of the scores, n x c.
	Graph(g *onnxfile.Graph, features, attributes string) (scores string)
}
