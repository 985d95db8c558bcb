package datasets

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/internal/matfile"
	"vzsl/internal/wholefile"
)

// ExportXLSA17Options say what is written as a folder of xlsa17.
type ExportXLSA17Options struct {
	Features *features.Cache
	Classes  *features.ClassTable
	Roles    *features.Roles
	Dir      string
	Force    bool // replace what is there
	Progress func(done, total int)
}

// Exported says what was written.
type Exported struct {
	Files   []string
	Counts  map[string]int // of trainval_loc and the others
	Missing int            // attribute values that are missing, written as -1
	// Ambiguous tells that there are negative values beside the missing ones, or a -1 that is none: only who reads the variable
	// XLSA17Missing tells them apart.
	Ambiguous bool
}

// XLSA17Missing is the matrix, 1 where the value of original_att is missing, that is written where -1 does not tell by itself. It
// is this program's own; attributes.ReadXLSA17 reads it.
const XLSA17Missing = "original_att_missing"

// ExportXLSA17 writes a dataset in the files that the published code of others reads: res101.mat (features, a column per
// image; labels; image_files), att_splits.mat (original_att as in the class table, -1 where missing; att, its columns scaled to
// unit length, the -1 among them as in the published files; allclasses_names; the roles as places from 1) and the class lists
// in text. train_loc and val_loc are the split's training and validation images, so they never hold what is tested on.
func ExportXLSA17(ctx context.Context, o ExportXLSA17Options) (*Exported, error) {
	e := &Exported{Counts: map[string]int{}}
	if len(o.Classes.Attributes) == 0 {
		return nil, fmt.Errorf("the class table holds no attributes")
	}
	for _, name := range []string{XLSA17Features, XLSA17Splits} {
		path := filepath.Join(o.Dir, name)
		if there, err := lookup.Exists(path); err != nil {
			return nil, err
		} else if there && !o.Force {
			return nil, fmt.Errorf("%s is there already; choose another folder, or --force to replace it", path)
		}
	}
	labels, err := o.labels()
	if err != nil {
		return nil, err
	}
	locs := o.places()
	if len(locs["trainval_loc"]) == 0 || len(locs["test_unseen_loc"]) == 0 {
		return nil, fmt.Errorf("split %s: %d images to train on and %d of unseen classes among the features: both are needed",
			o.Roles.Name, len(locs["trainval_loc"]), len(locs["test_unseen_loc"]))
	}
	write := func(name string, fill func(w *matfile.Writer) error) error {
		path := filepath.Join(o.Dir, name)
		e.Files = append(e.Files, path)
		return wholefile.Write(path, func(f io.WriteSeeker) error {
			w, err := matfile.NewWriter(f, "xlsa17 layout, "+o.Features.Source().Dataset)
			if err != nil {
				return err
			}
			return fill(w)
		})
	}
	if err := write(XLSA17Features, func(w *matfile.Writer) error { return o.features(ctx, w, labels) }); err != nil {
		return nil, err
	}
	if err := write(XLSA17Splits, func(w *matfile.Writer) error { return o.splits(w, locs, e) }); err != nil {
		return nil, err
	}
	return e, o.lists(e)
}

// labels are the images' rows of the class table, from 1.
func (o *ExportXLSA17Options) labels() ([]float64, error) {
	labels := make([]float64, o.Features.Rows())
	for i, l := range o.Features.Labels() {
		if int(l) >= len(o.Classes.Classes) || o.Classes.Classes[l] != o.Features.Classes()[i] {
			return nil, fmt.Errorf("image %q is of class %q, which is not row %d of the class table: features and class table are of different datasets",
				o.Features.Images()[i], o.Features.Classes()[i], l)
		}
		labels[i] = float64(l) + 1
	}
	return labels, nil
}

// places are the images of each role by their places in the features, from 1.
func (o *ExportXLSA17Options) places() map[string][]float64 {
	role := make(map[string]features.Role, len(o.Roles.Images))
	for i, image := range o.Roles.Images {
		role[image] = o.Roles.Roles[i]
	}
	locs := map[string][]float64{}
	// xlsa17 has no place for shots: they are left out.
	for i, image := range o.Features.Images() {
		at := float64(i + 1)
		switch role[image] {
		case features.RoleTrain:
			locs["trainval_loc"], locs["train_loc"] = append(locs["trainval_loc"], at), append(locs["train_loc"], at)
		case features.RoleValidation:
			locs["trainval_loc"], locs["val_loc"] = append(locs["trainval_loc"], at), append(locs["val_loc"], at)
		case features.RoleTestSeen:
			locs["test_seen_loc"] = append(locs["test_seen_loc"], at)
		case features.RoleTestUnseen:
			locs["test_unseen_loc"] = append(locs["test_unseen_loc"], at)
		}
	}
	return locs
}

func (o *ExportXLSA17Options) features(ctx context.Context, w *matfile.Writer, labels []float64) error {
	n := o.Features.Rows()
	err := w.Columns("features", o.Features.Dim(), n, func(i int, dst []float64) error {
		for k, v := range o.Features.Feature(i) {
			dst[k] = float64(v)
		}
		if o.Progress != nil {
			o.Progress(i+1, n)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	if err := w.Doubles("labels", n, 1, labels); err != nil {
		return err
	}
	return w.Texts("image_files", o.Features.Images())
}

func (o *ExportXLSA17Options) splits(w *matfile.Writer, locs map[string][]float64, e *Exported) error {
	a, c := len(o.Classes.Attributes), len(o.Classes.Classes)
	original, unit, missing := make([]float64, 0, a*c), make([]float64, 0, a*c), make([]float64, 0, a*c)
	minus, negative := 0, 0 // values that are -1, and others below 0
	for _, row := range o.Classes.Values {
		squares := 0.0
		for _, v := range row {
			x, gone := float64(v), 0.0
			switch {
			case v != v:
				x, gone = -1, 1
				e.Missing++
			case v == -1:
				minus++
			case v < 0:
				negative++
			}
			original, missing = append(original, x), append(missing, gone)
			squares += x * x
		}
		for _, x := range original[len(original)-a:] {
			if squares > 0 {
				x /= math.Sqrt(squares)
			}
			unit = append(unit, x)
		}
	}
	if err := w.Doubles("att", a, c, unit); err != nil {
		return err
	}
	if err := w.Doubles("original_att", a, c, original); err != nil {
		return err
	}
	// A reader takes -1 for missing where nothing else is negative.
	if e.Ambiguous = e.Missing > 0 && minus+negative > 0 || minus > 0 && negative == 0; e.Ambiguous {
		if err := w.Doubles(XLSA17Missing, a, c, missing); err != nil {
			return err
		}
	}
	if err := w.Texts("allclasses_names", o.Classes.Classes); err != nil {
		return err
	}
	for _, name := range []string{"trainval_loc", "train_loc", "val_loc", "test_seen_loc", "test_unseen_loc"} {
		e.Counts[name] = len(locs[name])
		if err := w.Doubles(name, len(locs[name]), 1, locs[name]); err != nil {
			return err
		}
	}
	return nil
}

// lists writes the class lists.
func (o *ExportXLSA17Options) lists(e *Exported) error {
	held := make(map[string]bool, len(o.Roles.Validation))
	for _, c := range o.Roles.Validation {
		held[c] = true
	}
	var train []string
	for _, c := range o.Roles.Seen {
		if !held[c] {
			train = append(train, c)
		}
	}
	for _, l := range []struct {
		name  string
		names []string
	}{
		{"allclasses", o.Classes.Classes}, {"trainvalclasses", o.Roles.Seen}, {"testclasses", o.Roles.Unseen},
		{"trainclasses1", train}, {"valclasses1", o.Roles.Validation},
	} {
		if len(l.names) == 0 {
			continue
		}
		path := filepath.Join(o.Dir, l.name+".txt")
		e.Files = append(e.Files, path)
		err := wholefile.Write(path, func(w io.WriteSeeker) error {
			for _, n := range l.names {
				if _, err := fmt.Fprintln(w, n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
