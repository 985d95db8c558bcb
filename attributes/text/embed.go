package text

import (
	"context"
	"fmt"
	"math"
	"strings"

	"vzsl/attributes"
	"vzsl/features"
	"vzsl/internal/spelling"
)

// Encoder turns texts into vectors.
type Encoder interface {
	// Encode gives a vector of each text. progress may be nil.
	Encode(ctx context.Context, texts []string, progress func(done, total int)) (*Vectors, error)
}

// Vectors are those of texts, in their order.
type Vectors struct {
	Rows    [][]float32
	Cut     []int // of each text: its tokens beyond what the model takes
	Unknown []int // of each text: its tokens that the vocabulary does not have
	Spelled []int // of each text: its tokens, where they are more than one and a half for a letter, so that bytes stand for most; else 0. nil: none are
}

// Embed gives each class the vector of its texts in the templates: each is brought to length 1, the mean taken, and that brought
// to length 1. The attributes are called prefix_001 and so on.
func Embed(ctx context.Context, d *Descriptions, templates []string, e Encoder, prefix string, progress func(done, total int)) (*attributes.Table, error) {
	var list []string
	at := map[string]int{} // texts that several classes have are encoded once
	filled := make([][]int, len(d.Classes))
	for c, texts := range d.Texts {
		for _, s := range fill(templates, texts) {
			i, ok := at[s]
			if !ok {
				i = len(list)
				at[s] = i
				list = append(list, s)
			}
			filled[c] = append(filled[c], i)
		}
		if len(filled[c]) == 0 {
			return nil, fmt.Errorf("class %q has no text", d.Classes[c])
		}
	}
	v, err := e.Encode(ctx, list, progress)
	if err != nil {
		return nil, err
	}
	if len(v.Rows) != len(list) || len(v.Cut) != len(list) || len(v.Unknown) != len(list) {
		return nil, fmt.Errorf("%d vectors of %d texts", len(v.Rows), len(list))
	}
	units := make([][]float64, len(list))
	for i, row := range v.Rows {
		if units[i], err = unit(row); err != nil {
			return nil, fmt.Errorf("the vector of the text %q %w", list[i], err)
		}
	}
	t := &attributes.Table{Classes: d.Classes, Source: d.Source, Kind: features.KindText, Notes: append([]string{}, d.Notes...)}
	for c, texts := range filled {
		sum := make([]float64, len(units[0]))
		for _, i := range texts {
			if len(units[i]) != len(sum) {
				return nil, fmt.Errorf("vectors of %d and %d values", len(sum), len(units[i]))
			}
			for k, x := range units[i] {
				sum[k] += x
			}
		}
		mean, err := unit(sum)
		if err != nil {
			return nil, fmt.Errorf("the mean of the texts of class %q %w", d.Classes[c], err)
		}
		row := make([]float32, len(mean))
		for k, x := range mean {
			row[k] = float32(x)
		}
		t.Values = append(t.Values, row)
	}
	for _, texts := range d.Texts {
		t.Texts = append(t.Texts, strings.Join(texts, "\n"))
	}
	for k := range t.Values[0] {
		t.Names = append(t.Names, fmt.Sprintf("%s_%03d", prefix, k+1))
	}
	note := func(counts []int, what string) {
		var odd []string
		for i, n := range counts {
			if n > 0 {
				odd = append(odd, fmt.Sprintf("%q (%d)", clipped(list[i]), n))
			}
		}
		if len(odd) > 0 {
			t.Notes = append(t.Notes, fmt.Sprintf("%d of %d texts %s: %s", len(odd), len(list), what, spelling.First(odd, listed)))
		}
	}
	note(v.Cut, "are longer than the text model allows; their last tokens were cut off")
	note(v.Unknown, "have tokens that the text model does not know, such as characters of another script")
	note(v.Spelled, "are in a script that the text model has no words for: most of their characters are split into bytes, and their vectors mean little")
	same(t)
	return t, nil
}

// same notes classes whose vectors do not differ: a model cannot tell them apart.
func same(t *attributes.Table) {
	first := map[string]string{}
	var twins []string
	for c, row := range t.Values {
		key := fmt.Sprint(row)
		if other, ok := first[key]; ok {
			twins = append(twins, t.Classes[c]+" as "+other)
		} else {
			first[key] = t.Classes[c]
		}
	}
	if len(twins) > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d classes have the same vector as another, so no model can distinguish them: %s", len(twins), spelling.First(twins, listed)))
	}
}

func unit[T float32 | float64](row []T) ([]float64, error) {
	sum := 0.0
	for _, x := range row {
		sum += float64(x) * float64(x)
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("has the length %v: the text model is damaged, or this is another kind of network", math.Sqrt(sum))
	}
	out := make([]float64, len(row))
	for k, x := range row {
		out[k] = float64(x) / math.Sqrt(sum)
	}
	return out, nil
}

// clipped shortens a text for a message.
func clipped(s string) string {
	const most = 60
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > most {
		return string(r[:most]) + "..."
	}
	return string(r)
}
