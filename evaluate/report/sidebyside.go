package report

import (
	"fmt"
	"slices"

	"vzsl/evaluate"
	"vzsl/internal/readable"
)

const (
	maxPairs  = 6  // of runs that are compared image by image
	maxListed = 25 // images shown that only one of two runs classifies correctly
)

// sideBySide compares runs on the same images and candidates in pairs: how many images both, one or neither classifies
// correctly. For a run with several seeds the first is taken. Runs without predictions are left out.
func sideBySide(runs []Compared) []Table {
	overview := Table{Caption: "Image by image: how many images both, one or neither of two runs classifies correctly; the difference in mean per-class top-1, in percentage points, with its 95 % interval over the same images (paired bootstrap)",
		Words: 1, Head: []string{"First run", "Second run", "Both correct", "First only", "Second only", "Neither", "Second minus first"}}
	var lists []Table
	for i := range runs {
		for j := i + 1; j < len(runs) && len(overview.Rows) < maxPairs; j++ {
			a, b := runs[i].Seeds[0].Result, runs[j].Seeds[0].Result
			if len(a.Predictions) == 0 || len(b.Predictions) == 0 || a.Dataset != b.Dataset || a.Split != b.Split {
				continue
			}
			d, err := evaluate.Difference(a, b)
			if err != nil {
				continue // other images or candidates
			}
			var both, neither int
			var only [2][]int
			for k := range a.Predictions {
				switch p, q := a.Predictions[k].Correct(), b.Predictions[k].Correct(); {
				case p && q:
					both++
				case p:
					only[0] = append(only[0], k)
				case q:
					only[1] = append(only[1], k)
				default:
					neither++
				}
			}
			sign := ""
			if d.Value > 0 {
				sign = "+"
			}
			overview.Rows = append(overview.Rows, []TableCell{{Text: runs[i].Name}, {Text: runs[j].Name}, {Text: count(both)}, {Text: count(len(only[0]))}, {Text: count(len(only[1]))}, {Text: count(neither)},
				{Text: sign + fmt.Sprintf("%.1f", 100*d.Value), Small: fmt.Sprintf("%.1f to %.1f", 100*d.OverImages.Low, 100*d.OverImages.High)}})
			for k, names := range [2][2]string{{runs[i].Name, runs[j].Name}, {runs[j].Name, runs[i].Name}} {
				if t := onlyRight(names, [2]*evaluate.Result{a, b}, k, only[k], runs[i].pics); t != nil {
					lists = append(lists, *t)
				}
			}
		}
	}
	if len(overview.Rows) == 0 {
		return nil
	}
	return append([]Table{overview}, lists...)
}

// onlyRight lists images that the first of two runs classifies correctly and the second does not, evenly over the
// classes; nil: there are none.
func onlyRight(names [2]string, results [2]*evaluate.Result, first int, images []int, pics *pictures) *Table {
	if len(images) == 0 {
		return nil
	}
	own, other := results[first], results[1-first]
	shown := readable.Classes(own.Candidates)
	slices.SortStableFunc(images, func(x, y int) int { return own.Predictions[x].Class - own.Predictions[y].Class })
	t := &Table{Words: 3, Head: []string{"Image", "True class", names[1] + " says", "File"}}
	t.Caption = fmt.Sprintf("Correct in %s, wrong in %s: %s", names[0], names[1], countedImages(len(images)))
	if len(images) > maxListed {
		t.Caption += fmt.Sprintf("; %d are shown, evenly by class", maxListed)
	}
	for _, i := range evaluate.EvenlySpaced(images, maxListed) {
		p, q := &own.Predictions[i], &other.Predictions[i]
		cell := TableCell{Text: "–"}
		if uri, _, _ := pics.thumbnail(p.Image, 88); uri != "" {
			cell = TableCell{Picture: uri}
		}
		t.Rows = append(t.Rows, []TableCell{cell, {Text: shown[p.Class]}, {Text: shown[q.Top[0].Class], Small: fmt.Sprintf("true class ranked %s", ordinal(q.Rank))}, {Text: p.Image}})
	}
	return t
}

func countedImages(n int) string { return count(n) + " " + plural(n, "image", "images") }
