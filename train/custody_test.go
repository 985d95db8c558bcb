package train

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/internal/filetest"
	"vzsl/train/internal/traintest"
	"vzsl/train/runs"
)

// recorded gives options their record.
func recorded(t *testing.T, o Options) Options {
	t.Helper()
	var err error
	if o.Inputs, err = features.NewRecord(t.Context(), &features.Inputs{Classes: o.Classes, Roles: o.Roles, Features: o.Features}); err != nil {
		t.Fatal(err)
	}
	return o
}

// reordered are the same inputs with rows, columns, classes and lists in another order.
func reordered(t *testing.T, o Options, rng *rand.Rand) Options {
	t.Helper()
	f := o.Features.(*traintest.Features)
	table := *o.Classes
	table.Classes, table.Attributes, table.Values = nil, nil, nil
	label := map[string]int32{}
	columns := rng.Perm(len(o.Classes.Attributes))
	for _, j := range columns {
		table.Attributes = append(table.Attributes, o.Classes.Attributes[j])
	}
	for _, k := range rng.Perm(len(o.Classes.Classes)) {
		label[o.Classes.Classes[k]] = int32(len(table.Classes))
		var row []float32
		for _, j := range columns {
			row = append(row, o.Classes.Values[k][j])
		}
		table.Classes, table.Values = append(table.Classes, o.Classes.Classes[k]), append(table.Values, row)
	}
	g := &traintest.Features{ClassNames: table.Classes}
	for _, i := range rng.Perm(f.Rows()) {
		g.ImageNames, g.LabelOf, g.X = append(g.ImageNames, f.ImageNames[i]), append(g.LabelOf, label[f.Classes()[i]]), append(g.X, f.X[i])
	}
	roles := *o.Roles
	roles.Images, roles.Roles = nil, nil
	for _, i := range rng.Perm(len(o.Roles.Images)) {
		roles.Images, roles.Roles = append(roles.Images, o.Roles.Images[i]), append(roles.Roles, o.Roles.Roles[i])
	}
	for _, list := range []*[]string{&roles.Seen, &roles.Validation, &roles.Unseen} {
		*list = append([]string{}, *list...)
		rng.Shuffle(len(*list), func(i, j int) { (*list)[i], (*list)[j] = (*list)[j], (*list)[i] })
	}
	o.Features, o.Classes, o.Roles = g, &table, &roles
	return recorded(t, o)
}

// TestResumedInAnotherOrder: a run that is resumed with its inputs in another order ends with the same bytes; with other
// inputs it is refused and left as it was.
func TestResumedInAnotherOrder(t *testing.T) {
	filetest.Slow(t)
	rng := rand.New(rand.NewPCG(8, 9))
	o := options(t, t.TempDir())
	traintest.VZSL(&o.Settings).Epochs, o.CheckpointEvery = 4, -1
	o = recorded(t, o)
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want, config := digest(t, res.Model), digest(t, filepath.Join(o.Dir, runs.ConfigFile))
	dir := t.TempDir()
	for try := 1; ; try++ {
		if try > 60 {
			t.Fatal("no end")
		}
		now := o
		if try > 1 {
			now = reordered(t, o, rng)
		}
		now.Dir = dir
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		now.Progress = func(string, int, int) {
			if n++; n == 9 {
				cancel()
			}
		}
		_, err := Run(ctx, now)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		// Another value in between.
		other := now
		table := *now.Classes
		table.Values = append([][]float32{}, table.Values...)
		row := append([]float32{}, table.Values[3]...)
		row[0]++
		table.Values[3] = row
		other.Classes = &table
		if _, err := Run(t.Context(), recorded(t, other)); !errors.Is(err, runs.ErrOtherRun) || !strings.Contains(err.Error(), table.Classes[3]) {
			t.Fatalf("with another value: %v", err)
		}
	}
	if digest(t, filepath.Join(dir, runs.ModelFile)) != want || digest(t, filepath.Join(dir, runs.ConfigFile)) != config {
		t.Error("another model, or other settings, after inputs in other orders")
	}
}

// TestSealed: a training that was killed between its model and the model's checksum is completed by the next call.
func TestSealed(t *testing.T) {
	o := options(t, t.TempDir())
	traintest.VZSL(&o.Settings).Epochs = 1
	o = recorded(t, o)
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.Dir, runs.ConfigFile)
	sealed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := runs.ReadRecord(sealed)
	if err != nil || r.Model == nil || r.Model.SHA256 != digest(t, res.Model) {
		t.Fatalf("%+v %v", r.Model, err)
	}
	r.Model = nil
	text, err := r.Text()
	if err != nil {
		t.Fatal(err)
	}
	if err := custody.WriteAll(t.Context(), o.Dir, custody.Bytes(runs.ConfigFile, text)); err != nil {
		t.Fatal(err)
	}
	if _, err := runs.Load(o.Dir); err != nil {
		t.Error(err)
	}
	if res, err := Run(t.Context(), o); err != nil || !res.Reused {
		t.Errorf("%+v %v", res, err)
	}
	if again, err := os.ReadFile(path); err != nil || string(again) != string(sealed) {
		t.Errorf("%s\nnot\n%s", again, sealed)
	}
	// Garbage in config.toml, or none, is not gone along with.
	for name, text := range map[string]string{"cut": string(sealed[:len(sealed)/2]), "garbage": "\x00\x01", "empty": "", "other": strings.Replace(string(sealed), "seed = 1", "seed = 2", 1)} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := runs.Load(o.Dir); err == nil {
			t.Errorf("%s: it loads", name)
		}
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%s: it goes on", name)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := runs.Load(o.Dir); err == nil || !strings.Contains(err.Error(), runs.ConfigFile) {
		t.Errorf("without config.toml: %v", err)
	}
}
