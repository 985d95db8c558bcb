package tuning

import (
	"maps"
	"math"

	"vzsl/train/method"
)

// judge finds the choice that is best in the mean over the folds; of equal ones the first.
func (t *tuning) judge(n, folds int) Trial {
	out := Trial{Number: n, Folds: folds}
	out.Searched, _ = values(&t.settings[n], t.space) // the draw has found all of them
	at, measured := map[string][]float64{}, map[string][]method.Choice{}
	for fold := range folds {
		f := t.fits[fitKey{n, fold}]
		if f == nil {
			continue // cut off by the budget
		}
		out.Seconds += f.Seconds
		if f.Failed != "" {
			out.Failed = f.Failed
			return out
		}
		for _, p := range f.Points {
			c := choiceText(p.Choice)
			at[c] = append(at[c], p.Accuracy)
			measured[c] = append(measured[c], p.Measured)
		}
	}
	first := t.fits[fitKey{n, 0}]
	if first == nil {
		return out
	}
	for _, p := range first.Points {
		a := at[choiceText(p.Choice)]
		if len(a) < folds {
			continue
		}
		if m := mean(a); out.Choice == nil || m > out.Accuracy {
			out.Choice, out.Accuracy, out.Deviation = p.Choice, m, deviation(a)
		}
	}
	if means := geometric(measured[choiceText(out.Choice)]); means != nil {
		out.Choice = maps.Clone(out.Choice)
		maps.Copy(out.Choice, means)
	}
	return out
}

// geometric are the geometric means of what was measured on each fold: deviations, of which ratios count.
func geometric(all []method.Choice) method.Choice {
	if len(all) == 0 || all[0] == nil {
		return nil
	}
	means := method.Choice{}
	for k := range all[0] {
		sum := 0.0
		for _, m := range all {
			sum += math.Log(m[k]) / float64(len(all))
		}
		means[k] = math.Exp(sum)
	}
	return means
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func deviation(v []float64) float64 {
	if len(v) < 2 {
		return 0
	}
	m, sum := mean(v), 0.0
	for _, x := range v {
		sum += (x - m) * (x - m)
	}
	return math.Sqrt(sum / float64(len(v)-1))
}
