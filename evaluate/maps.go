package evaluate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"vzsl/datasets/shards"
)

// Latent is a Scorer that knows a latent space in which every class has a Gaussian prior.
type Latent interface {
	// Encode gives the means of q(z|x) of n raw features, row after row; nil where the method has no latent space.
	Encode(features []float32, n int) ([]float32, error)
	// Prior gives the mean and the standard deviations of p(z|a) of a class's raw attribute vector.
	Prior(class []float32) (mean, std []float32, err error)
}

const (
	mapImages   = 1000 // at most, as many of each class as can be
	mapDraws    = 400  // of all priors, at most mapPerPrior of each
	mapClasses  = 50
	mapPerPrior = 30
)

// Maps are t-SNE layouts of test images of unseen classes: images that are near each other are alike, distances between
// groups mean little.
type Maps struct {
	Seed       uint64       `json:"seed"`
	Perplexity float64      `json:"perplexity"` // less where there are few points: a third of them
	Classes    []int        `json:"classes"`    // that are shown: indices into the candidates
	Of         []int        `json:"of"`         // class of each point: an index into the candidates
	Features   [][2]float64 `json:"features"`   // of each point: features of length one
	Latent     [][2]float64 `json:"latent,omitempty"`
	// Priors are those of Classes among Latent, laid out together with it by draws from each.
	Priors []MapPrior `json:"priors,omitempty"`
}

// MapPrior is the mean and the covariance of the draws from a class's prior, as they lie on the map.
type MapPrior struct {
	Mean       [2]float64 `json:"mean"`
	Covariance [3]float64 `json:"covariance"` // xx, xy, yy
}

// NewMaps lays out up to 1,000 test images, evenly by class, of up to 50 unseen classes: their features and, where the model
// is a Latent that has them, their latent codes with the classes' priors.
func NewMaps(ctx context.Context, model Scorer, features Features, table *shards.ClassTable, roles *shards.Roles, seed uint64) (*Maps, error) {
	s, err := open(features, table, roles)
	if err != nil {
		return nil, err
	}
	t, err := s.test(shards.RoleTestUnseen, roles.Unseen)
	if err != nil {
		return nil, err
	}
	vectors, err := s.attributes(roles.Unseen)
	if err != nil {
		return nil, err
	}
	m := &Maps{Seed: seed}
	rows := m.choose(t)
	m.Perplexity = min(tsnePerplexity, float64(len(rows)-1)/3)
	dim := features.Dim()
	raw := make([]float32, 0, len(rows)*dim)
	for _, row := range rows {
		raw = append(raw, features.Feature(row)...)
	}
	if m.Features, err = tsne(ctx, unit(raw, dim), len(rows), dim, seed); err != nil {
		return nil, err
	}
	rounded(m.Features)
	latent, ok := model.(Latent)
	if !ok {
		return m, nil
	}
	codes, err := latent.Encode(raw, len(rows))
	if err != nil || codes == nil {
		return m, err
	}
	return m, m.layLatent(ctx, latent, codes, vectors)
}

// choose picks classes and rows, evenly in the order of the split and of the features.
func (m *Maps) choose(t *testSet) (rows []int) {
	own := make([][]int, len(t.classes))
	for i, row := range t.rows {
		own[t.truth[i]] = append(own[t.truth[i]], row)
	}
	var pictured []int
	for c := range own {
		if len(own[c]) > 0 {
			pictured = append(pictured, c)
		}
	}
	m.Classes = evenly(pictured, mapClasses)
	for _, c := range m.Classes {
		for _, row := range evenly(own[c], mapImages/len(m.Classes)) {
			rows, m.Of = append(rows, row), append(m.Of, c)
		}
	}
	return rows
}

func evenly(all []int, n int) []int {
	if len(all) <= n {
		return all
	}
	some := make([]int, n)
	for i := range some {
		some[i] = all[i*len(all)/n]
	}
	return some
}

// layLatent lays the codes out together with draws from the priors: the map is no function, so a prior has to be among the
// points to have a place on it.
func (m *Maps) layLatent(ctx context.Context, model Latent, codes []float32, vectors [][]float32) error {
	n := len(m.Of)
	dim := len(codes) / n
	draws := min(mapPerPrior, max(3, mapDraws/len(m.Classes)))
	r := rand.New(rand.NewPCG(m.Seed, 0x7072_696f))
	points := codes
	for _, c := range m.Classes {
		mean, std, err := model.Prior(vectors[c])
		if err != nil {
			return err
		}
		if len(mean) != dim || len(std) != dim {
			return fmt.Errorf("a prior of %d and %d values among codes of %d", len(mean), len(std), dim)
		}
		for range draws {
			for k, v := range mean {
				points = append(points, v+std[k]*float32(r.NormFloat64()))
			}
		}
	}
	all, err := tsne(ctx, points, n+draws*len(m.Classes), dim, m.Seed)
	if err != nil {
		return err
	}
	for i := range m.Classes {
		m.Priors = append(m.Priors, moments(all[n+i*draws:n+(i+1)*draws]))
	}
	m.Latent = all[:n]
	rounded(m.Latent)
	return nil
}

func moments(points [][2]float64) (p MapPrior) {
	n := float64(len(points))
	for _, y := range points {
		p.Mean[0] += y[0] / n
		p.Mean[1] += y[1] / n
	}
	for _, y := range points {
		a, b := y[0]-p.Mean[0], y[1]-p.Mean[1]
		p.Covariance[0] += a * a / n
		p.Covariance[1] += a * b / n
		p.Covariance[2] += b * b / n
	}
	return p
}

// unit gives the rows with length one; a row of zeros stays so.
func unit(rows []float32, dim int) []float32 {
	out := make([]float32, len(rows))
	for lo := 0; lo < len(rows); lo += dim {
		sum := 0.0
		for _, v := range rows[lo : lo+dim] {
			sum += float64(v) * float64(v)
		}
		if sum == 0 {
			continue
		}
		for k, v := range rows[lo : lo+dim] {
			out[lo+k] = float32(float64(v) / math.Sqrt(sum))
		}
	}
	return out
}

// rounded keeps three digits after the point, a hundredth of a pixel.
func rounded(points [][2]float64) {
	for i := range points {
		for k, v := range points[i] {
			points[i][k] = math.Round(1000*v) / 1000
		}
	}
}
