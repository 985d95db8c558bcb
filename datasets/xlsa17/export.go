package xlsa17

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/internal/matfile"
	"vzsl/internal/wholefile"
)

// Export says what is written as a folder of xlsa17.
type Export struct {
	Features *features.Cache
	Classes  *features.ClassTable
	Roles    *features.Split
	Dir      string
	Force    bool // replace what is there
	Progress func(done, total int)
}

// Exported says what was written.
type Exported struct {
	Files     []string
	Counts    map[string]int // of trainval_loc and the others
	Missing   int            // attribute values that are missing
	MissingAs string         // how those are written: "-1", as in the published files, or "NaN" where other values are negative
	Shots     int            // images that xlsa17 has no place for: the shots of unseen classes
}

// Variables of our own exports beside xlsa17's, which others' code does not look at. With them an import gives back what was
// exported: image names and WordNet ids here, the others in attributes.ReadXLSA17.
const (
	matExact = "image_names_exact" // 1: image_files are the images' names as they are
	matWNIDs = "allclasses_wnids"  // WordNet ids
)

// Write writes a dataset in the files that the published code of others reads: res101.mat (features, a column per
// image; labels; image_files), att_splits.mat (original_att as in the class table; att, its columns scaled to unit length;
// allclasses_names; the roles as places from 1) and the class lists in text. A missing value is -1 in both matrices, as in the
// published files, and NaN where the table holds other negative values: -1 would pass for one of them. train_loc and val_loc are the split's training and validation images, so they never hold what is tested on.
func (o Export) Write(ctx context.Context) (*Exported, error) {
	e := &Exported{Counts: map[string]int{}}
	if len(o.Classes.Attributes) == 0 {
		return nil, fmt.Errorf("the class table holds no attributes")
	}
	for _, c := range o.Classes.Classes {
		if c != strings.TrimSpace(c) || strings.ContainsAny(c, "\r\n") || datasets.IsComment(c) {
			return nil, fmt.Errorf("class %q cannot be written to a text class list (allclasses.txt), where each line is a name, blanks around it are ignored and \"# \" begins a comment; rename it", c)
		}
	}
	for _, name := range []string{FeaturesFile, SplitsFile} {
		path := filepath.Join(o.Dir, name)
		if there, err := lookup.Exists(path); err != nil {
			return nil, err
		} else if there && !o.Force {
			return nil, fmt.Errorf("%s already exists; choose another folder, or --force to replace it", path)
		}
	}
	labels, err := o.labels()
	if err != nil {
		return nil, err
	}
	locs, shots := o.places()
	e.Shots = shots
	if len(locs["trainval_loc"]) == 0 || len(locs["test_unseen_loc"]) == 0 {
		return nil, fmt.Errorf("split %s: %d training images and %d images of unseen classes among the features: both are needed",
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
	if err := write(FeaturesFile, func(w *matfile.Writer) error { return o.features(ctx, w, labels) }); err != nil {
		return nil, err
	}
	if err := write(SplitsFile, func(w *matfile.Writer) error { return o.splits(w, locs, e) }); err != nil {
		return nil, err
	}
	return e, o.lists(e)
}

// labels are the images' rows of the class table, from 1, by the names of their classes.
func (o *Export) labels() ([]float64, error) {
	row := make(map[string]int, len(o.Classes.Classes))
	for i, c := range o.Classes.Classes {
		row[c] = i + 1
	}
	labels := make([]float64, o.Features.Rows())
	for i, class := range o.Features.Classes() {
		l, ok := row[class]
		if !ok {
			return nil, fmt.Errorf("image %q is of class %q, which the class table does not have: they are of different datasets, or run attributes again", o.Features.Images()[i], class)
		}
		labels[i] = float64(l)
	}
	return labels, nil
}

// places are the images of each role by their places in the features, from 1, but for the shots, which xlsa17 has no place for.
func (o *Export) places() (locs map[string][]float64, shots int) {
	role := make(map[string]features.Role, len(o.Roles.Images))
	for i, image := range o.Roles.Images {
		role[image] = o.Roles.Roles[i]
	}
	locs = map[string][]float64{}
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
		case features.RoleShot:
			shots++
		}
	}
	return locs, shots
}

func (o *Export) features(ctx context.Context, w *matfile.Writer, labels []float64) error {
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
	if err := w.Texts("image_files", o.Features.Images()); err != nil {
		return err
	}
	return w.Doubles(matExact, 1, 1, []float64{1})
}

func (o *Export) splits(w *matfile.Writer, locs map[string][]float64, e *Exported) error {
	a, c := len(o.Classes.Attributes), len(o.Classes.Classes)
	original, unit, missing := o.matrices(e)
	if err := w.Doubles("att", a, c, unit); err != nil {
		return err
	}
	if err := w.Doubles("original_att", a, c, original); err != nil {
		return err
	}
	if err := w.Doubles(attributes.XLSA17Missing, len(missing), 1, missing); err != nil {
		return err
	}
	if err := w.Texts(attributes.XLSA17Attributes, o.Classes.Attributes); err != nil {
		return err
	}
	if len(o.Classes.Blocks) > 0 {
		var names []string
		var widths []float64
		for _, b := range o.Classes.Blocks {
			names, widths = append(names, b.Name), append(widths, float64(b.Width))
		}
		if err := w.Texts(attributes.XLSA17Blocks, names); err != nil {
			return err
		}
		if err := w.Doubles(attributes.XLSA17Widths, len(widths), 1, widths); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(o.Classes.WNIDs, func(w string) bool { return w != "" }) {
		if err := w.Texts(matWNIDs, o.Classes.WNIDs); err != nil {
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

// matrices are the attributes, a column per class, as they are and scaled to unit length, and the places of the missing ones.
func (o *Export) matrices(e *Exported) (original, unit, missing []float64) {
	mark := -1.0
	e.MissingAs = "-1"
	for _, row := range o.Classes.Values {
		if slices.ContainsFunc(row, func(v float32) bool { return v < 0 }) {
			mark, e.MissingAs = math.NaN(), "NaN"
		}
	}
	for _, row := range o.Classes.Values {
		squares := 0.0
		for _, v := range row {
			x := float64(v)
			if v != v {
				x = mark
				missing = append(missing, float64(len(original)+1))
			}
			original = append(original, x)
			if x == x {
				squares += x * x
			}
		}
		for _, x := range original[len(original)-len(row):] {
			if squares > 0 {
				x /= math.Sqrt(squares)
			}
			unit = append(unit, x)
		}
	}
	e.Missing = len(missing)
	return original, unit, missing
}

// lists writes the class lists.
func (o *Export) lists(e *Exported) error {
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
