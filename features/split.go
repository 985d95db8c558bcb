package features

import (
	"fmt"
	"strconv"
)

const (
	keyLeftOut = keyPrefix + "left_out"
	keyCommand = keyPrefix + "command"
)

// Role is what an image is for in a split.
type Role string

const (
	RoleTrain      Role = "train"
	RoleValidation Role = "validation"
	RoleTestSeen   Role = "test_seen"
	RoleTestUnseen Role = "test_unseen"
	RoleShot       Role = "shot" // a labelled image of an unseen class, to train on in the few-shot setting
)

// Split assigns a role to each image that takes part, and has the class lists that it was made from. Validation classes are among
// the seen ones.
type Split struct {
	Name, Dataset, Provenance string
	Seen, Validation, Unseen  []string
	Images                    []string
	Roles                     []Role // of Images
	// LeftOut is the number of images of these classes that had features and were given no role on purpose: a pool of shots, an
	// own table of images.
	LeftOut int
	Command string // that made the split; "": unknown
}

// Unassigned are the images of the split's classes that have no role in it, where they are more than were left out on purpose:
// images added since the split was made are among them.
func (r *Split) Unassigned(images, classes []string) []string {
	mine := make(map[string]bool, len(r.Seen)+len(r.Unseen))
	for _, list := range [][]string{r.Seen, r.Unseen} {
		for _, c := range list {
			mine[c] = true
		}
	}
	has := make(map[string]bool, len(r.Images))
	for _, image := range r.Images {
		has[image] = true
	}
	var without []string
	for i, image := range images {
		if mine[classes[i]] && !has[image] {
			without = append(without, image)
		}
	}
	if len(without) <= r.LeftOut {
		return nil
	}
	return without
}

func (r *Split) check() error {
	if len(r.Images) != len(r.Roles) {
		return fmt.Errorf("%d images, %d roles", len(r.Images), len(r.Roles))
	}
	for i, role := range r.Roles {
		switch role {
		case RoleTrain, RoleValidation, RoleTestSeen, RoleTestUnseen, RoleShot:
		default:
			return fmt.Errorf("image %q has the unknown role %q", r.Images[i], role)
		}
	}
	for _, l := range []struct {
		what string
		list []string
	}{{"seen class", r.Seen}, {"validation class", r.Validation}, {"unseen class", r.Unseen}, {"image", r.Images}} {
		if err := unique(l.what, l.list); err != nil {
			return err
		}
	}
	seen := make(map[string]struct{}, len(r.Seen))
	for _, c := range r.Seen {
		seen[c] = struct{}{}
	}
	for _, c := range r.Unseen {
		if _, both := seen[c]; both {
			return fmt.Errorf("class %q is both seen and unseen", c)
		}
	}
	for _, c := range r.Validation {
		if _, ok := seen[c]; !ok {
			return fmt.Errorf("validation class %q is not a seen class", c)
		}
	}
	return nil
}

// WriteSplit writes a split as Parquet: image, role; the class lists in the metadata.
func WriteSplit(path string, r *Split) error {
	data, err := r.encode(metadata{})
	if err != nil {
		return fmt.Errorf("split %s: %w", path, err)
	}
	return writeTable(path, data)
}

// encode is a split as a file, with more metadata and more columns of its images.
func (r *Split) encode(kv metadata, more ...column) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	kv.add(keySchema, schemaRoles)
	kv.add(keyPrefix+"name", r.Name)
	kv.add(keyPrefix+"dataset", r.Dataset)
	kv.add(keyPrefix+"provenance", r.Provenance)
	if r.LeftOut > 0 {
		kv.add(keyLeftOut, strconv.Itoa(r.LeftOut))
	}
	if r.Command != "" {
		kv.add(keyCommand, r.Command)
	}
	kv.addJSON(keyPrefix+"seen", append([]string{}, r.Seen...))
	kv.addJSON(keyPrefix+"validation", append([]string{}, r.Validation...))
	kv.addJSON(keyPrefix+"unseen", append([]string{}, r.Unseen...))
	roles := make([]string, len(r.Roles))
	for i, role := range r.Roles {
		roles[i] = string(role)
	}
	columns := append([]column{{name: columnImage, text: r.Images}, {name: columnRole, text: roles, dict: true}}, more...)
	return encodeTable(len(r.Images), textRows, columns, kv)
}

// ReadSplit reads and checks a split.
func ReadSplit(path string) (*Split, error) {
	f, err := openWhole(path)
	if err != nil {
		if absent(err) {
			return nil, fmt.Errorf("no such split: %w (run split first)", err)
		}
		return nil, fmt.Errorf("split: %w", err)
	}
	defer f.close()
	return f.roles()
}

func (f *table) roles() (*Split, error) {
	if err := f.expect(schemaRoles, "a split"); err != nil {
		return nil, err
	}
	r := &Split{}
	r.Name, _ = f.meta(keyPrefix + "name")
	r.Dataset, _ = f.meta(keyPrefix + "dataset")
	r.Provenance, _ = f.meta(keyPrefix + "provenance")
	r.Command, _ = f.meta(keyCommand)
	if n, ok := f.meta(keyLeftOut); ok {
		var err error
		if r.LeftOut, err = strconv.Atoi(n); err != nil {
			return nil, fmt.Errorf("%s: metadata %q is %q, want a whole number", f.path, keyLeftOut, n)
		}
	}
	for _, l := range []struct {
		key  string
		list *[]string
	}{{"seen", &r.Seen}, {"validation", &r.Validation}, {"unseen", &r.Unseen}} {
		if err := f.metaJSON(keyPrefix+l.key, l.list); err != nil {
			return nil, err
		}
	}
	for g := range f.groups() {
		images, err := f.strings(g, columnImage)
		if err != nil {
			return nil, err
		}
		roles, err := f.strings(g, columnRole)
		if err != nil {
			return nil, err
		}
		r.Images = append(r.Images, images...)
		for _, role := range roles {
			r.Roles = append(r.Roles, Role(role))
		}
	}
	if len(r.Images) != f.rows() {
		return nil, fmt.Errorf("%s: %d rows read of %d", f.path, len(r.Images), f.rows())
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return r, nil
}
