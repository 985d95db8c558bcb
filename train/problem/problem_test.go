package problem

import (
	"bytes"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"vzsl/attributes"
	"vzsl/train/internal/traintest"
	"vzsl/train/settings"
)

func builder(t *testing.T, transductive bool) (*Builder, settings.Settings) {
	t.Helper()
	f, table, roles := traintest.Drawn(10)
	b, err := New(f, table, roles, transductive)
	if err != nil {
		t.Fatal(err)
	}
	return b, traintest.Settings()
}

// TestFolds: every seen class is in one part, the parts are of nearly one size, and the seed alone decides which.
func TestFolds(t *testing.T) {
	b, _ := builder(t, false)
	first, err := b.Folds(7, 1)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, fold := range first {
		if len(fold) < 40/7 || len(fold) > 40/7+1 {
			t.Errorf("a part of %d classes", len(fold))
		}
		all = append(all, fold...)
	}
	slices.Sort(all)
	want := slices.Sorted(slices.Values(b.roles.Seen))
	if !slices.Equal(all, want) {
		t.Errorf("%d classes in the parts", len(all))
	}
	again, _ := b.Folds(7, 1)
	other, _ := b.Folds(7, 2)
	same := func(a, b [][]string) bool { return slices.EqualFunc(a, b, slices.Equal[[]string]) }
	if !same(first, again) || same(first, other) {
		t.Error("the seed does not decide the parts")
	}
	if _, err := b.Folds(21, 1); err == nil || !strings.Contains(err.Error(), "fewer folds") {
		t.Errorf("21 parts of 40 classes: %v", err)
	}
}

// TestHoldOut: a share of each class's images, which is then trained on no more; a class keeps one at least.
func TestHoldOut(t *testing.T) {
	b, s := builder(t, false)
	p, err := b.Build(&s, b.roles.Validation)
	if err != nil {
		t.Fatal(err)
	}
	n, classes := p.Train.Len(), len(p.Train.Attributes)
	all := slices.Clone(p.Train.Samples.(*samples).rows)
	held := p.HoldOut(0.25, 3)
	count := make([]int, classes)
	for i := range held.Len() {
		count[held.Label(i)]++
	}
	for c, k := range count {
		if k != 2 { // of 10
			t.Errorf("class %d: %d held out", c, k)
		}
	}
	rows := slices.Concat(p.Train.Samples.(*samples).rows, held.Samples.(*samples).rows)
	slices.Sort(rows)
	slices.Sort(all)
	if held.Len()+p.Train.Len() != n || !slices.Equal(rows, all) {
		t.Errorf("%d held out, %d left, of %d", held.Len(), p.Train.Len(), n)
	}
}

// TestComplete: a description with gaps is refused for a class that is trained on: a seen one, and an unseen one where its images
// take part; else an unseen one is told of.
func TestComplete(t *testing.T) {
	for _, x := range []struct {
		class        string
		transductive bool
		missing      string
		fails, warns bool
	}{
		{"class00", false, attributes.MissingError, true, false},
		{"class04", false, attributes.MissingError, false, true},
		{"class04", true, attributes.MissingError, true, false},
		{"class00", false, attributes.MissingClassMean, false, false},
		{"class04", true, attributes.MissingClassMean, false, false},
	} {
		f, table, roles := traintest.Drawn(10)
		table.Values[slices.Index(table.Classes, x.class)][3] = float32(math.NaN())
		b, err := New(f, table, roles, x.transductive)
		if err != nil {
			t.Fatal(err)
		}
		s := traintest.Settings()
		s.Transductive, s.Missing = x.transductive, x.missing
		var log bytes.Buffer
		err = b.Complete(&s, table, slog.New(slog.NewTextHandler(&log, nil)))
		if (err != nil) != x.fails || err != nil && !strings.Contains(err.Error(), x.class) || strings.Contains(log.String(), x.class) != x.warns {
			t.Errorf("%+v: %v\n%s", x, err, log.String())
		}
	}
}
