package splits

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/delimited"
)

// ImageRole is a row of a table of images and their roles.
type ImageRole struct {
	Image, Role string
	At          string // place in the file, for errors
}

var wantedRoles = convert.Wanted{What: "roles", Flag: "a header", Usual: []string{"role", "split", "set", "subset", "partition", "phase"}}

// ReadImageRoles reads a table of images and roles, in any format of package convert, with a column of each; a list "image role"
// of two columns without a header; or CUB's train_test_split.txt beside its images.txt.
func ReadImageRoles(path string) ([]ImageRole, error) {
	read := imageRolesTable
	if strings.EqualFold(filepath.Base(path), "train_test_split.txt") {
		read = imageRolesCUB
	}
	rows, err := read(path)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: no images there", path)
	}
	at := make(map[string]string, len(rows))
	for i := range rows {
		// As extraction and import call them.
		rows[i].Image = strings.TrimPrefix(strings.ReplaceAll(rows[i].Image, `\`, "/"), "./")
		if was, twice := at[rows[i].Image]; twice {
			return nil, fmt.Errorf("%s: image %q already has a role in %s", rows[i].At, rows[i].Image, was)
		}
		at[rows[i].Image] = rows[i].At
	}
	return rows, nil
}

// imageRolesList reads lines "image role", the role after the last blank, comma or semicolon.
func imageRolesList(path string) (rows []ImageRole, err error) {
	err = delimited.Lines(path, func(line int, text string) error {
		i := strings.LastIndexAny(text, " \t,;")
		if i < 0 {
			return fmt.Errorf("expected an image and its role, found %q", text)
		}
		if _, known := roleNamed(text[i+1:]); !known && line == 1 && text[i] == ' ' {
			return nil // a header
		}
		rows = append(rows, ImageRole{strings.TrimSpace(text[:i]), text[i+1:], fmt.Sprintf("%s:%d", path, line)})
		return nil
	})
	return rows, err
}

// imageRolesCUB reads CUB's lines "number 1" (to train on) and "number 0" (to test), the numbers those of images.txt.
func imageRolesCUB(path string) ([]ImageRole, error) {
	names := map[string]string{}
	list := filepath.Join(filepath.Dir(path), "images.txt")
	err := delimited.Lines(list, func(_ int, text string) error {
		number, name, ok := strings.Cut(text, " ")
		if !ok {
			return fmt.Errorf("expected a number and the image's path, found %q", text)
		}
		names[number] = strings.TrimSpace(name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: its numbers are those of images.txt beside it: %w", path, err)
	}
	rows, err := imageRolesList(path)
	for i := range rows {
		name, ok := names[rows[i].Image]
		if !ok {
			return nil, fmt.Errorf("%s: no image has the number %q in %s", rows[i].At, rows[i].Image, list)
		}
		rows[i].Image = name
	}
	return rows, err
}

// imageRolesTable reads a table in any format, or a list without a header.
func imageRolesTable(path string) ([]ImageRole, error) {
	columns, err := convert.ReadTexts(path, convert.WantedImages, wantedRoles)
	if missing := (convert.NoColumnError{}); errors.As(err, &missing) {
		rows, listErr := imageRolesList(path)
		if listErr != nil || len(rows) == 0 {
			return nil, err
		}
		if _, known := roleNamed(rows[0].Role); !known {
			return nil, err
		}
		return rows, nil
	}
	if err != nil {
		return nil, err
	}
	rows := make([]ImageRole, len(columns[0]))
	for i := range rows {
		rows[i] = ImageRole{columns[0][i], columns[1][i], fmt.Sprintf("%s: row %d", path, i+1)}
	}
	return rows, nil
}

// Roles of a table that are not those of a split.
const (
	roleTest features.Role = "test" // test_seen or test_unseen, by the image's class
	roleNone features.Role = "none" // no part
)

// roleNamed is the role that a table means.
func roleNamed(text string) (features.Role, bool) {
	switch strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(text))) {
	case "train", "training", "trainval", "1":
		return features.RoleTrain, true
	case "validation", "val", "valid", "dev":
		return features.RoleValidation, true
	case "test_seen", "testseen":
		return features.RoleTestSeen, true
	case "test_unseen", "testunseen":
		return features.RoleTestUnseen, true
	case "test", "testing", "0":
		return roleTest, true
	case "shot", "shots":
		return features.RoleShot, true
	case "none", "unused", "":
		return roleNone, true
	}
	return "", false
}

// roleNames are the roles that a table of images may have.
func roleNames() []string {
	return []string{string(features.RoleTrain), string(features.RoleValidation), string(features.RoleTestSeen), string(features.RoleTestUnseen), string(roleTest), string(features.RoleShot), string(roleNone)}
}

// AssignByImage makes a split of a table of images and roles; images and classes are those with features. Where s names no classes,
// a class is seen that has images to train on, validate by or test_seen, and unseen that has others. Where the table has no role
// "validation", validation classes are drawn as Roles draws them. An image to "train" of a class that s names unseen becomes a test
// image where the table knows no more than train and test, as CUB's does, and is refused otherwise.
func (s Definition) AssignByImage(table []ImageRole, classes []string, images []Labelled) (*features.Split, error) {
	fail := func(format string, args ...any) (*features.Split, error) {
		return nil, fmt.Errorf("split %s: "+format, append([]any{s.Name}, args...)...)
	}
	classOf := make(map[string]string, len(images))
	for _, m := range images {
		classOf[m.Image] = m.Class
	}
	role := make(map[string]features.Role, len(table))
	place := make(map[string]string, len(table))
	used := map[features.Role]int{}
	var strangers []string
	for _, row := range table {
		r, ok := roleNamed(row.Role)
		if !ok {
			return nil, fmt.Errorf("%s: image %q has the unknown role %q; known: %s", row.At, row.Image, row.Role, strings.Join(roleNames(), ", "))
		}
		if _, ok := classOf[row.Image]; !ok {
			strangers = append(strangers, row.Image)
			continue
		}
		role[row.Image], place[row.Image] = r, row.At
		used[r]++
	}
	if len(role) == 0 {
		return fail("none of the %d images of the table has features: they are named like %q in the table and like %q in the features", len(table), table[0].Image, images[0].Image)
	}
	plain := used[features.RoleTestSeen]+used[features.RoleTestUnseen]+used[features.RoleValidation]+used[features.RoleShot] == 0
	if s.Seen == nil {
		if err := s.classesOf(role, classes, classOf, images); err != nil {
			return nil, err
		}
	}
	is, err := s.check(classes)
	if err != nil {
		return fail("%w", err)
	}
	sorted := slices.Clone(images)
	sortLabelled(sorted)
	out := &features.Split{Name: s.Name, Dataset: s.Dataset, Seen: s.Seen, Unseen: s.Unseen}
	trained, held := map[string]string{}, map[string]string{} // class to its first image
	for _, m := range sorted {
		r, listed := role[m.Image]
		side, mine := is[m.Class]
		if !listed || r == roleNone || !mine {
			if mine {
				out.LeftOut++
			}
			continue
		}
		unseen := side == features.RoleTestUnseen
		switch {
		case r == roleTest && unseen, plain && unseen:
			r = features.RoleTestUnseen
		case r == roleTest:
			r = features.RoleTestSeen
		case unseen != (r == features.RoleTestUnseen || r == features.RoleShot):
			what := "seen"
			if unseen {
				what = "unseen"
			}
			return nil, fmt.Errorf("%s: image %q is %s, but its class %q is %s", place[m.Image], m.Image, r, m.Class, what)
		}
		switch r {
		case features.RoleTrain:
			if _, ok := trained[m.Class]; !ok {
				trained[m.Class] = m.Image
			}
		case features.RoleValidation:
			if _, ok := held[m.Class]; !ok {
				held[m.Class] = m.Image
			}
		}
		out.Images, out.Roles = append(out.Images, m.Image), append(out.Roles, r)
	}
	if len(trained) == 0 {
		return fail("the table has no image to train on")
	}
	out.Provenance = s.Provenance
	if len(strangers) > 0 {
		out.Provenance = joined(out.Provenance, fmt.Sprintf("%d of its %d images have no features here", len(strangers), len(table)))
	}
	if out.LeftOut > 0 {
		out.Provenance = joined(out.Provenance, fmt.Sprintf("%d images of its classes have no role", out.LeftOut))
	}
	for _, c := range s.Seen {
		if image, ok := held[c]; ok {
			if other, both := trained[c]; both {
				return fail("class %q has training images (%s) and validation images (%s), but validation is by whole classes, like the test; give all its images one of the two roles, or give all training images the role \"train\": validation classes are then drawn (--validation)", c, other, image)
			}
			out.Validation = append(out.Validation, c)
		}
	}
	if len(held) == 0 {
		var pictured []string
		for _, c := range s.Seen {
			if _, ok := trained[c]; ok {
				pictured = append(pictured, c)
			}
		}
		if out.Validation, err = s.drawValidation(pictured); err != nil {
			return fail("%w", err)
		}
		if n := len(out.Validation); n > 0 {
			out.Provenance = joined(out.Provenance, fmt.Sprintf("%d of the %d seen classes with images held out for validation, drawn with seed %d", n, len(pictured), s.Seed))
		}
		for i, image := range out.Images {
			if out.Roles[i] == features.RoleTrain && slices.Contains(out.Validation, classOf[image]) {
				out.Roles[i] = features.RoleValidation
			}
		}
	}
	return out, nil
}

// classesOf tells seen from unseen classes by their images' roles, in the order of the class table.
func (s *Definition) classesOf(role map[string]features.Role, classes []string, classOf map[string]string, images []Labelled) error {
	seen, tested := map[string]string{}, map[string]string{}
	known := make(map[string]bool, len(classes))
	for _, c := range classes {
		known[c] = true
	}
	for _, m := range images {
		r, ok := role[m.Image]
		if !ok || r == roleNone {
			continue
		}
		if !known[m.Class] {
			return fmt.Errorf("split %s: image %q: %w: features and class table are of different datasets", s.Name, m.Image, features.UnknownClass(m.Class, classes))
		}
		switch r {
		case features.RoleTrain, features.RoleValidation, features.RoleTestSeen:
			seen[m.Class] = m.Image
		case features.RoleTestUnseen, features.RoleShot:
			tested[m.Class] = m.Image
		}
	}
	for _, m := range images {
		if _, ok := seen[m.Class]; role[m.Image] == roleTest && !ok {
			tested[m.Class] = m.Image
		}
	}
	for _, c := range classes {
		a, isSeen := seen[c]
		b, isTested := tested[c]
		switch {
		case isSeen && isTested:
			return fmt.Errorf("split %s: class %q is seen by image %q (%s) and unseen by image %q (%s)", s.Name, c, a, role[a], b, role[b])
		case isSeen:
			s.Seen = append(s.Seen, c)
		case isTested:
			s.Unseen = append(s.Unseen, c)
		}
	}
	if len(s.Unseen) == 0 {
		return fmt.Errorf("split %s: every class has training images, so none is unseen: name the classes with --seen and --unseen; the table then gives the roles of their images", s.Name)
	}
	return nil
}
