package method

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
)

// Axis is a coefficient and the values it takes in a grid.
type Axis struct {
	Name   string
	Values []float64
}

// How often a grid grows beyond an end of an axis.
const (
	Fixed   = -1 // nothing validates: no edge is looked for
	Told    = 0  // a best point on an edge is told of
	Widened = 3
)

// Search tries every point of a grid, the first axis varying slowest, and keeps the one of the largest accuracy, the first of equal
// ones. Where that one lies on the edge of an axis with several values the grid grows, by the ratio of the two values there, as often
// as grow says, the other coefficients staying as they are. What is still on an edge then is told, in the log and by notes.
func Search(axes []Axis, grow int, log *slog.Logger, try func(c Choice, done, total int) (accuracy float64, err error)) (notes []string, err error) {
	var best Choice
	most, done, total := 0.0, 0, 1
	for _, a := range axes {
		total *= len(a.Values)
	}
	at := func(c Choice) error {
		done++
		total = max(total, done)
		accuracy, err := try(c, done, total)
		if err == nil && (best == nil || accuracy > most) {
			best, most = c, accuracy
		}
		return err
	}
	for i := range total {
		c, rest := Choice{}, i
		for _, a := range slices.Backward(axes) {
			c[a.Name] = a.Values[rest%len(a.Values)]
			rest /= len(a.Values)
		}
		if err := at(c); err != nil {
			return nil, err
		}
	}
	if grow == Fixed {
		return nil, nil
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	tried := make([][]float64, len(axes))
	left := make([][2]int, len(axes)) // widenings, downwards and upwards
	for i, a := range axes {
		tried[i] = slices.Sorted(slices.Values(a.Values))
		left[i] = [2]int{grow, grow}
	}
	for moved := true; moved; {
		moved = false
		for i, a := range axes {
			for up := range 2 {
				next, ok := beyond(tried[i], best[a.Name], up == 1)
				if !ok || left[i][up] == 0 {
					continue
				}
				left[i][up]--
				tried[i] = append(tried[i], next)
				slices.Sort(tried[i])
				log.Info("the best point is at the boundary of the grid, which is extended", "coefficient", a.Name, "best", best[a.Name], "tried", next)
				c, was := Choice{}, best
				for k, v := range best {
					c[k] = v
				}
				c[a.Name] = next
				if err := at(c); err != nil {
					return nil, err
				}
				if best[a.Name] != was[a.Name] {
					moved = true
				}
			}
		}
	}
	for i, a := range axes {
		for up := range 2 {
			if _, ok := beyond(tried[i], best[a.Name], up == 1); ok {
				note := fmt.Sprintf("The best %s, %g, is at the boundary of the grid, %g to %g: a wider grid may contain a better value.", a.Name, best[a.Name], tried[i][0], tried[i][len(tried[i])-1])
				log.Warn(note)
				notes = append(notes, note)
			}
		}
	}
	return notes, nil
}

// beyond is the value that continues an axis upwards or downwards from best, where that is its end.
func beyond(sorted []float64, best float64, up bool) (float64, bool) {
	n := len(sorted)
	if n < 2 {
		return 0, false
	}
	end, before := sorted[0], sorted[1]
	if up {
		end, before = sorted[n-1], sorted[n-2]
	}
	if best != end || !(before > 0) || !(end > 0) || end == before {
		return 0, false
	}
	next, _ := strconv.ParseFloat(strconv.FormatFloat(end*(end/before), 'g', 3, 64), 64) // as it is read off a report
	return next, true
}
