package splits

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vzsl/features"
	"vzsl/internal/filetest"
)

// toy is 10 classes, the first 8 with 10 images each.
func toy() (classes []string, images []Labelled) {
	for c := range 10 {
		class := fmt.Sprintf("class %d", c)
		classes = append(classes, class)
		for i := range 10 {
			if c < 8 {
				images = append(images, Labelled{fmt.Sprintf("%s/%d.jpg", class, i), class})
			}
		}
	}
	return classes, images
}

func count(r *features.Split) map[features.Role]int {
	n := map[features.Role]int{}
	for _, role := range r.Roles {
		n[role]++
	}
	return n
}

func TestRoles(t *testing.T) {
	classes, images := toy()
	s := Definition{Name: "half", Dataset: "toy", Provenance: "by hand", Seen: []string{classes[0], classes[1], classes[2], classes[3], classes[4], classes[8]},
		Unseen: []string{classes[5], classes[6], classes[9]}, ValidationFraction: DefaultValidationFraction, TestSeenFraction: 0.25, Seed: 3}
	r, err := s.Assign(classes, images)
	if err != nil {
		t.Fatal(err)
	}
	// 5 seen classes have images: one is held out. Of each 2.5, rounded to 3 images are for test_seen (class 7 has no role).
	want := map[features.Role]int{features.RoleTrain: 4 * 7, features.RoleValidation: 7, features.RoleTestSeen: 5 * 3, features.RoleTestUnseen: 20}
	if d := cmp.Diff(want, count(r)); d != "" {
		t.Error(d)
	}
	if len(r.Validation) != 1 || r.Validation[0] == classes[8] || !slices.Contains(r.Seen, r.Validation[0]) {
		t.Error(r.Validation)
	}
	for _, say := range []string{"by hand", "1 of the 5 seen classes", "seed 3", "15 images"} {
		if !strings.Contains(r.Provenance, say) {
			t.Errorf("%q does not say %q", r.Provenance, say)
		}
	}
	path := filepath.Join(t.TempDir(), "splits", "half.parquet")
	if err := features.WriteSplit(path, r); err != nil {
		t.Fatal(err)
	}
	again, err := features.ReadSplit(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, again); d != "" {
		t.Error(d)
	}

	s.Seed = 4
	other, err := s.Assign(classes, images)
	if err != nil || cmp.Equal(r.Roles, other.Roles) {
		t.Error("another seed draws the same", err)
	}
	s.Validation = []string{classes[1], classes[2]}
	if r, err = s.Assign(classes, images); err != nil || !cmp.Equal(r.Validation, s.Validation) || count(r)[features.RoleValidation] != 14 {
		t.Error(r, err)
	}
	s.Validation, s.ValidationFraction, s.TestSeenFraction = nil, 0, 0
	if r, err = s.Assign(classes, images); err != nil || len(r.Validation) != 0 || count(r)[features.RoleTrain] != 50 {
		t.Error(r, err)
	}
	s.ValidationClasses = 2
	if r, err = s.Assign(classes, images); err != nil || len(r.Validation) != 2 {
		t.Error(r, err)
	}
	// Unseen classes without images are for evaluation to complain about.
	s.Unseen = classes[9:]
	if r, err = s.Assign(classes, images); err != nil || count(r)[features.RoleTestUnseen] != 0 {
		t.Error(r, err)
	}
}

func TestRolesErrors(t *testing.T) {
	classes, images := toy()
	for name, c := range map[string]struct {
		change func(*Definition)
		says   []string
	}{
		"no seen":            {func(s *Definition) { s.Seen = nil }, []string{"0 seen"}},
		"no unseen":          {func(s *Definition) { s.Unseen = nil }, []string{"0 unseen"}},
		"both":               {func(s *Definition) { s.Unseen = append(s.Unseen, classes[0]) }, []string{`"class 0"`, "both seen and unseen"}},
		"unknown":            {func(s *Definition) { s.Unseen = []string{"clas 7"} }, []string{`"clas 7"`, `"class 7"`}},
		"twice":              {func(s *Definition) { s.Seen = append(s.Seen, classes[0]) }, []string{`"class 0"`, "duplicate"}},
		"validation unseen":  {func(s *Definition) { s.Validation = classes[5:6] }, []string{`"class 5"`, "not one of the seen"}},
		"validation twice":   {func(s *Definition) { s.Validation = []string{classes[0], classes[0]} }, []string{`"class 0"`, "duplicate"}},
		"validation all":     {func(s *Definition) { s.Validation = s.Seen }, []string{"nothing to train on"}},
		"validation count":   {func(s *Definition) { s.ValidationClasses = 3 }, []string{"3 validation classes", "nothing to train on"}},
		"negative count":     {func(s *Definition) { s.ValidationClasses = -1 }, []string{"-1"}},
		"fraction":           {func(s *Definition) { s.ValidationFraction = 1 }, []string{"fraction"}},
		"test_seen fraction": {func(s *Definition) { s.TestSeenFraction = -0.1 }, []string{"fraction"}},
		"no images":          {func(s *Definition) { s.Seen = classes[8:9] }, []string{"none of the 1 seen classes"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := Definition{Name: "s", Seen: append([]string{}, classes[:3]...), Unseen: append([]string{}, classes[5:7]...)}
			c.change(&s)
			_, err := s.Assign(classes, images)
			filetest.WantError(t, err, append(c.says, "split s")...)
		})
	}
	s := Definition{Name: "s", Seen: classes[:3], Unseen: classes[5:7]}
	_, err := s.Assign(classes, append(images, images[0]))
	filetest.WantError(t, err, "duplicate")
	_, err = s.Assign(classes, append(images, Labelled{"x.jpg", "klass 1"}))
	filetest.WantError(t, err, "x.jpg", `"class 1"`, "different datasets")
}

func TestRolesProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(t, "classes")
		var classes []string
		var images []Labelled
		per := map[string]int{}
		for c := range n {
			class := fmt.Sprintf("c%d", c)
			classes = append(classes, class)
			per[class] = rapid.IntRange(1, 6).Draw(t, "images")
			for i := range per[class] {
				images = append(images, Labelled{fmt.Sprintf("%s/%d", class, i), class})
			}
		}
		cut := rapid.IntRange(1, n-1).Draw(t, "seen")
		s := Definition{Name: "p", Seen: classes[:cut], Unseen: classes[cut:], Seed: rapid.Uint64().Draw(t, "seed"),
			ValidationFraction: rapid.Float64Range(0, 0.99).Draw(t, "validation"), TestSeenFraction: rapid.Float64Range(0, 0.99).Draw(t, "test")}
		r, err := s.Assign(classes, images)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Images) != len(images) {
			t.Fatalf("%d roles for %d images", len(r.Images), len(images))
		}
		class := map[string]string{}
		for _, m := range images {
			class[m.Image] = m.Class
		}
		tested := map[string]int{}
		for i, image := range r.Images {
			c := class[image]
			switch r.Roles[i] {
			case features.RoleTestUnseen:
				if !slices.Contains(s.Unseen, c) {
					t.Fatalf("%s is test_unseen", image)
				}
			case features.RoleValidation:
				if !slices.Contains(r.Validation, c) {
					t.Fatalf("%s is validation", image)
				}
			case features.RoleTestSeen:
				tested[c]++
				fallthrough
			default:
				if !slices.Contains(s.Seen, c) {
					t.Fatalf("%s is %s", image, r.Roles[i])
				}
			}
		}
		for c, k := range tested {
			if k >= per[c] {
				t.Fatalf("all %d images of %s are test_seen", k, c)
			}
		}
		if len(r.Validation) >= cut {
			t.Fatalf("%d of %d classes for validation", len(r.Validation), cut)
		}
		// In any order the same.
		shuffled := s
		shuffled.Seen = rapid.Permutation(s.Seen).Draw(t, "order of classes")
		again, err := shuffled.Assign(classes, rapid.Permutation(images).Draw(t, "order of images"))
		if err != nil || !cmp.Equal(again.Images, r.Images) || !cmp.Equal(again.Roles, r.Roles) || !cmp.Equal(again.Validation, r.Validation) {
			t.Fatal("the order matters", err)
		}
	})
}

func TestCollectImages(t *testing.T) {
	make := func(dir string, images, classes []string, labels []int32) {
		w, err := features.Create(dir, features.Source{Dataset: "toy", Dim: 1, Images: len(images)}, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WritePart(0, features.Part{Images: images, Classes: classes, Labels: labels, Features: make([]float32, len(images))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	top := t.TempDir()
	a, b, c := filepath.Join(top, "a"), filepath.Join(top, "b"), filepath.Join(top, "c")
	make(a, []string{"z/1", "y/1"}, []string{"z", "y"}, []int32{1, 0})
	make(b, []string{"y/2", "z/1"}, []string{"y", "z"}, []int32{0, 1})
	make(c, []string{"z/1"}, []string{"y"}, []int32{0})
	got, err := CollectImages(context.Background(), []string{a, b})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Labelled{{"y/1", "y"}, {"y/2", "y"}, {"z/1", "z"}}, got); d != "" {
		t.Error(d)
	}
	_, err = CollectImages(context.Background(), []string{a, b, c})
	filetest.WantError(t, err, `"z/1"`, `"z"`, `"y"`, a, c)
	_, err = CollectImages(context.Background(), []string{top})
	filetest.WantError(t, err, "manifest.json")
}

func TestReadSplitByWNID(t *testing.T) {
	classes, wnids := []string{"tench", "crane (n02012849)", "crane (n03126707)"}, []string{"n01440764", "n02012849", "n03126707"}
	dir := t.TempDir()
	seen := filetest.Write(t, filepath.Join(dir, "seen.txt"), "n01440764\ncrane (n02012849)\n")
	unseen := filetest.Write(t, filepath.Join(dir, "unseen.txt"), "n03126707\n")
	s, err := ReadLists(seen, unseen, classes, wnids)
	if err != nil || !slices.Equal(s.Seen, classes[:2]) || !slices.Equal(s.Unseen, classes[2:]) {
		t.Error(s, err)
	}
	_, err = ReadLists(filetest.Write(t, filepath.Join(dir, "twice.txt"), "n02012849\ncrane (n02012849)\n"), unseen, classes, wnids)
	filetest.WantError(t, err, "twice.txt:2", "line 1")
	_, err = ReadLists(filetest.Write(t, filepath.Join(dir, "other.txt"), "n00000001\n"), unseen, classes, wnids)
	filetest.WantError(t, err, "other.txt:1", "n00000001")
}

func TestPicturedSplit(t *testing.T) {
	classes, images := toy() // 8 of 10 have images
	s, err := Pictured(classes, images)
	if err != nil || !slices.Equal(s.Seen, classes[:8]) || !slices.Equal(s.Unseen, classes[8:]) {
		t.Error(s, err)
	}
	_, err = Pictured(classes[:8], images)
	filetest.WantError(t, err, "all 8 classes have images")
}

func TestRandomSplit(t *testing.T) {
	classes, images := toy() // 8 of 10 have images
	a, err := Random(classes, images, 3, 1)
	if err != nil || len(a.Unseen) != 3 || len(a.Seen) != 5 || slices.Contains(a.Seen, classes[9]) || !strings.Contains(a.Provenance, "seed 1") {
		t.Error(a, err)
	}
	again, _ := Random(classes, images, 3, 1)
	other, _ := Random(classes, images, 3, 2)
	if !slices.Equal(a.Unseen, again.Unseen) || slices.Equal(a.Unseen, other.Unseen) {
		t.Error(a.Unseen, again.Unseen, other.Unseen)
	}
	for _, n := range []int{0, 8, 100} {
		if _, err := Random(classes, images, n, 1); err == nil {
			t.Errorf("%d of 8 drawn", n)
		}
	}
}

func TestReadSplit(t *testing.T) {
	dir := t.TempDir()
	seen, unseen := filetest.Write(t, filepath.Join(dir, "s.txt"), "a\nb\nc\n"), filetest.Write(t, filepath.Join(dir, "u.txt"), "d\n")
	s, err := ReadLists(seen, unseen, []string{"a", "b", "c", "d"}, nil)
	if err != nil || !strings.Contains(s.Provenance, "s.txt and u.txt") {
		t.Error(s, err)
	}
	filetest.Write(t, unseen, "d\nb\na\n")
	_, err = ReadLists(seen, unseen, []string{"a", "b", "c", "d"}, nil)
	filetest.WantError(t, err, "2 classes are in both", "s.txt", "u.txt", "b, a")
	_, err = ReadLists(seen, unseen, []string{"a", "b", "c"}, nil)
	filetest.WantError(t, err, "u.txt:1", `"d"`)
}
