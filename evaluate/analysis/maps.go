package analysis

import (
	"context"
	"fmt"
	"math"

	"vzsl/evaluate"
	"vzsl/features"
)

// latent is a Scorer that knows a latent space in which every class has a Gaussian prior.
type latent interface {
	// Encode gives the means of q(z|x) of n raw features, row after row; nil where the method has no latent space.
	Encode(features []float32, n int) ([]float32, error)
	// Prior gives the mean and the standard deviations of p(z|a) of a class's raw attribute vector.
	Prior(class []float32) (mean, std []float32, err error)
}

const (
	mapImages  = 1000 // at most, as many of each class as can be
	mapClasses = 50
)

// reconstructor is a Scorer with a latent space and a decoder.
type reconstructor interface {
	// Reconstruct gives the features, of any length, that the decoder makes of the latent codes of n raw features, row after
	// row; nil where the method has no decoder.
	Reconstruct(features []float32, n int) ([]float32, error)
}

// Maps lays out up to 1,000 test images, evenly by class, of up to 50 unseen classes: their features and, where the model is
// a Latent and a Reconstructor that has them, their latent codes with the classes' priors and their reconstructions. Equal
// arguments give equal maps. nil: there are too few images to lay out.
func Maps(ctx context.Context, r *evaluate.Result, model evaluate.Scorer, images evaluate.Features, table *features.ClassTable, seed uint64) (*evaluate.Maps, error) {
	s, err := newSource(r, images, table)
	if err != nil {
		return nil, err
	}
	m := &evaluate.Maps{Seed: seed}
	chosen := choose(m, r)
	if len(chosen) < tsneLeast {
		return nil, nil
	}
	n, dim := len(chosen), images.Dim()
	m.Perplexity = min(tsnePerplexity, float64(n-1)/3)
	raw, err := s.raw(chosen)
	if err != nil {
		return nil, err
	}
	if m.Features, err = tsne(ctx, unit(raw, dim), n, dim, seed); err != nil {
		return nil, err
	}
	rounded(m.Features)
	if latent, ok := model.(latent); ok {
		codes, err := latent.Encode(raw, n)
		if err != nil {
			return nil, err
		}
		if codes != nil {
			if err := layLatent(ctx, m, latent, codes, s.vectors); err != nil {
				return nil, err
			}
		}
	}
	if decoder, ok := model.(reconstructor); ok {
		again, err := decoder.Reconstruct(raw, n)
		if err != nil || again == nil {
			return m, err
		}
		if m.Reconstructions, err = tsne(ctx, unit(again, dim), n, dim, seed); err != nil {
			return nil, err
		}
		rounded(m.Reconstructions)
	}
	return m, nil
}

// choose picks classes and images, evenly in the order of the split and of the features.
func choose(m *evaluate.Maps, r *evaluate.Result) (images []string) {
	own := make([][]int, len(r.Candidates)) // predictions
	for i := range r.Predictions {
		c := r.Predictions[i].Class
		own[c] = append(own[c], i)
	}
	var pictured []int
	for c := range own {
		if len(own[c]) > 0 {
			pictured = append(pictured, c)
		}
	}
	m.Classes = evaluate.EvenlySpaced(pictured, mapClasses)
	for _, c := range m.Classes {
		for _, i := range evaluate.EvenlySpaced(own[c], mapImages/len(m.Classes)) {
			images, m.Of, m.Images = append(images, r.Predictions[i].Image), append(m.Of, c), append(m.Images, i)
		}
	}
	return images
}

// layLatent lays out the codes and places the priors among them.
func layLatent(ctx context.Context, m *evaluate.Maps, model latent, codes []float32, vectors [][]float32) error {
	n := len(m.Of)
	dim := len(codes) / n
	var err error
	if m.Latent, err = tsne(ctx, codes, n, dim, m.Seed); err != nil {
		return err
	}
	for _, c := range m.Classes {
		mean, std, err := model.Prior(vectors[c])
		if err != nil {
			return err
		}
		if len(mean) != dim || len(std) != dim {
			return fmt.Errorf("a prior with %d means and %d standard deviations does not fit latent codes of %d values", len(mean), len(std), dim)
		}
		m.Priors = append(m.Priors, place(m, codes, mean, std))
	}
	rounded(m.Latent)
	return nil
}

// place puts N(mean, diag(std^2)) on the map of the codes z_j, which lie at y_j. t-SNE is no function of the latent space, so
// its map is continued to all of it by its own neighbourhoods, and the prior by the tangent at its mean:
//
//	f(z) = sum_j w_j y_j;  w_j proportional to exp(-b |z - z_j|^2), b so that their entropy is log(perplexity)
//	J = 2 b sum_j w_j (y_j - f)(z_j - sum_k w_k z_k)';  covariance on the map = J diag(std^2) J'
//
// Draws from the prior among the codes would not do: in hundreds of dimensions two draws are tens of standard deviations
// apart, further than any two classes, and codes are means without such noise.
func place(m *evaluate.Maps, codes, mean, std []float32) (p evaluate.MapPrior) {
	n, dim := len(m.Latent), len(mean)
	d, w, centre := make([]float64, n), make([]float64, n), make([]float64, dim)
	for j := range n {
		for k, v := range codes[j*dim : (j+1)*dim] {
			by := float64(v) - float64(mean[k])
			d[j] += by * by
		}
	}
	b := conditional(w, d, -1, m.Perplexity)
	for j, y := range m.Latent {
		p.Mean[0] += w[j] * y[0]
		p.Mean[1] += w[j] * y[1]
		for k, v := range codes[j*dim : (j+1)*dim] {
			centre[k] += w[j] * float64(v)
		}
	}
	for k := range dim {
		var jacobian [2]float64
		for j, y := range m.Latent {
			by := 2 * b * w[j] * (float64(codes[j*dim+k]) - centre[k]) * float64(std[k])
			jacobian[0] += by * (y[0] - p.Mean[0])
			jacobian[1] += by * (y[1] - p.Mean[1])
		}
		p.Covariance[0] += jacobian[0] * jacobian[0]
		p.Covariance[1] += jacobian[0] * jacobian[1]
		p.Covariance[2] += jacobian[1] * jacobian[1]
	}
	return p
}

// unit returns the rows with length one; a row of zeros stays so.
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
