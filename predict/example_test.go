package predict_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"vzsl/predict"
)

// linear is a model whose features are the attributes; that of a run is a *runs.Predictor.
type linear struct{}

func (linear) Temperature() float64                                  { return 0.5 }
func (linear) Attributes() []string                                  { return []string{"stripes", "hooves"} }
func (linear) FeatureDim() int                                       { return 2 }
func (linear) Describe(features []float32, n int) ([]float32, error) { return features, nil }
func (linear) DescribedClass(raw []float32) ([]float32, error)       { return raw, nil }
func (linear) NormaliseClass(raw []float32) ([]float32, error)       { return raw, nil }
func (linear) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	var scores []float32
	for i := range n {
		for _, a := range classes {
			scores = append(scores, features[2*i]*a[0]+features[2*i+1]*a[1])
		}
	}
	return scores, nil
}

// The classes may be new ones: a description is all that a class takes.
func ExampleRank() {
	classes := &predict.Classes{Names: []string{"zebra", "horse", "tiger"}, Vectors: [][]float32{{1, 1}, {-1, 1}, {1, -1}}}
	features := []float32{0.8, 0.3, -0.2, 0.1} // of two images
	all, err := predict.Rank(context.Background(), linear{}, features, 2, classes, predict.Options{Top: 2, NoneBelow: 0.6, Explain: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range all {
		fmt.Printf("%q %.2f, then %s; for it %s\n", p.Class, p.Probability, p.Top[1].Class, p.Explanation.For[0].Attribute)
	}

	_, err = predict.Rank(context.Background(), linear{}, features, 2, &predict.Classes{}, predict.Options{})
	fmt.Println(errors.Is(err, predict.ErrNoClasses))
	// Output:
	// "zebra" 0.75, then tiger; for it stripes
	// "" 0.57, then zebra; for it stripes
	// true
}

func ExampleWriteCSV() {
	all := []predict.ImagePrediction{
		{Image: "1.jpg", Prediction: &predict.Prediction{Class: "zebra", Probability: 0.75, Top: []predict.Candidate{{Class: "zebra", Probability: 0.75, Score: 1.5}}}},
		{Image: "2.jpg", Error: "the file is truncated"},
	}
	if err := predict.WriteCSV(os.Stdout, all); err != nil {
		fmt.Println(err)
	}
	// Output:
	// image,predicted,probability,top1,probability1,score1,error
	// 1.jpg,zebra,0.75,zebra,0.75,1.5,
	// 2.jpg,,,,,,the file is truncated
}
