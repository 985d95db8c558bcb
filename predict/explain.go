package predict

import (
	"fmt"
	"sort"
)

// Explanation lists the attributes that a prediction is based on.
//
// With e the model's estimate of the image's normalised attribute vector, a that of the class and m the mean over the
// candidate classes, e_k (a_k - m_k) is the contribution of attribute k to the class's score relative to the mean score. For a
// bilinear model (x'Va) the contributions sum to that difference.
type Explanation struct {
	Present []Estimate `json:"seen"`    // attributes with the largest estimates (normalised: 0 is the mean of the seen classes), largest first
	For     []Evidence `json:"for"`     // positive contributions, largest first
	Against []Evidence `json:"against"` // negative contributions, largest first
}

// Estimate is an attribute with the model's estimate for an image.
type Estimate struct {
	Attribute string  `json:"attribute"`
	Value     float64 `json:"estimate"` // in the model's normalised values
}

// Evidence is an attribute with its contribution.
type Evidence struct {
	Attribute string   `json:"attribute"`
	Weight    float64  `json:"weight"` // e_k (a_k - m_k)
	Estimate  float64  `json:"estimate"`
	Class     *float32 `json:"class_value"` // the class's raw value; null: missing
}

// explainer holds the classes' normalised attribute vectors.
type explainer struct {
	most    int
	names   []string
	raw     [][]float32
	vectors [][]float32
	mean    []float64
}

func newExplainer(m Model, classes *Classes, most int) (*explainer, error) {
	e := &explainer{most: most, names: m.Attributes(), raw: classes.Vectors}
	for i, c := range classes.Vectors {
		v, err := m.DescribedClass(c)
		if err != nil {
			return nil, fmt.Errorf("class %q: %w", classes.Names[i], err)
		}
		e.vectors = append(e.vectors, v)
	}
	e.mean = make([]float64, len(e.names))
	for _, v := range e.vectors {
		for k, x := range v {
			e.mean[k] += float64(x) / float64(len(e.vectors))
		}
	}
	return e, nil
}

// of explains the prediction of a class for an image with these estimated attributes.
func (e *explainer) of(described []float32, class int) *Explanation {
	weight := make([]float64, len(described))
	order := make([]int, len(described))
	for k := range order {
		order[k] = k
		weight[k] = float64(described[k]) * (float64(e.vectors[class][k]) - e.mean[k])
	}
	x := &Explanation{Present: []Estimate{}, For: []Evidence{}, Against: []Evidence{}}
	by := func(less func(a, b int) bool) []int {
		sort.SliceStable(order, func(i, j int) bool { return less(order[i], order[j]) })
		return order[:min(e.most, len(order))]
	}
	evidence := func(k int) Evidence {
		v := Evidence{Attribute: e.names[k], Weight: weight[k], Estimate: float64(described[k])}
		if raw := e.raw[class][k]; raw == raw {
			v.Class = &raw
		}
		return v
	}
	for _, k := range by(func(a, b int) bool { return weight[a] > weight[b] }) {
		if weight[k] > 0 {
			x.For = append(x.For, evidence(k))
		}
	}
	for _, k := range by(func(a, b int) bool { return weight[a] < weight[b] }) {
		if weight[k] < 0 {
			x.Against = append(x.Against, evidence(k))
		}
	}
	for _, k := range by(func(a, b int) bool { return described[a] > described[b] }) {
		x.Present = append(x.Present, Estimate{e.names[k], float64(described[k])})
	}
	return x
}
