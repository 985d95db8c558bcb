package evaluate_test

import (
	"context"
	"errors"
	"fmt"

	"vzsl/evaluate"
	"vzsl/features"
)

// images are features of four images, one value each.
type images struct{ classes []string }

func (i images) Rows() int                 { return 4 }
func (i images) Dim() int                  { return 1 }
func (i images) Images() []string          { return []string{"1.jpg", "2.jpg", "3.jpg", "4.jpg"} }
func (i images) Classes() []string         { return i.classes }
func (i images) Feature(row int) []float32 { return []float32{[]float32{0.9, 0.2, -1, -0.8}[row]} }

// product scores by the product of the feature with the class's only attribute.
type product struct{}

func (product) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	var scores []float32
	for _, x := range features {
		for _, a := range classes {
			scores = append(scores, x*a[0])
		}
	}
	return scores, nil
}

// Any model that scores features against attribute vectors can be evaluated; that of a run is a *runs.Predictor, the features
// of a folder are a *features.Cache.
func ExampleZeroShot() {
	table := &features.ClassTable{Dataset: "animals", Attributes: []string{"stripes"},
		Classes: []string{"horse", "zebra", "okapi"}, Values: [][]float32{{0}, {1}, {-1}}}
	split := &features.Split{Name: "own", Dataset: "animals", Seen: []string{"horse"}, Unseen: []string{"zebra", "okapi"},
		Images: images{}.Images(), Roles: []features.Role{features.RoleTestUnseen, features.RoleTestUnseen, features.RoleTestUnseen, features.RoleTestUnseen}}

	f := images{[]string{"zebra", "okapi", "okapi", "okapi"}}
	r, err := evaluate.ZeroShot(context.Background(), product{}, f, table, split, evaluate.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("mean per-class top-1 %.3f, per image %.3f, chance %.3f\n", r.Top1.MeanPerClass.Value, r.Top1.PerImage.Value, r.Chance)
	for _, c := range r.Confusion() {
		fmt.Println(r.Candidates[c.True], "predicted as", r.Candidates[c.Predicted], c.Count)
	}

	split.Images = []string{"5.jpg", "6.jpg", "7.jpg", "8.jpg"} // of another dataset
	_, err = evaluate.ZeroShot(context.Background(), product{}, f, table, split, evaluate.Options{})
	fmt.Println(errors.Is(err, evaluate.ErrNoTestImages))
	// Output:
	// mean per-class top-1 0.833, per image 0.750, chance 0.500
	// zebra predicted as zebra 1
	// okapi predicted as zebra 1
	// okapi predicted as okapi 2
	// true
}

// The spread of a metric over seeds: mean, standard deviation and 95 % interval of the mean (Student's t).
func ExampleNewSpread() {
	s := evaluate.NewSpread("top-1, mean per class", []float64{0.51, 0.53, 0.55})
	fmt.Printf("%.3f ± %.3f [%.3f, %.3f] over %s\n", s.Mean, s.SD, s.Interval.Low, s.Interval.High, s.Over)
	// Output: 0.530 ± 0.020 [0.480, 0.580] over seeds
}
