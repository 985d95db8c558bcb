package splits

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vzsl/features"
)

// TestAddShots: whatever k, the test is the same, the shots are k of each unseen class with images and those of k-1 are
// among them; nothing else changes, and the images' order does not matter.
func TestAddShots(t *testing.T) {
	classes, images := toy()
	rapid.Check(t, func(t *rapid.T) {
		s := Definition{Name: "s", Seen: classes[:5], Unseen: classes[5:], ValidationFraction: 0.2, Seed: 1}
		base, err := s.Assign(classes, images)
		if err != nil {
			t.Fatal(err)
		}
		pool, seed := rapid.IntRange(1, 9).Draw(t, "pool"), rapid.Uint64().Draw(t, "seed")
		shuffled := rapid.Permutation(images).Draw(t, "images")
		var test, before map[string]bool
		for k := range pool + 1 {
			r, err := AddShots(base, shuffled, k, pool, seed)
			if err != nil {
				t.Fatal(err)
			}
			of := map[features.Role]map[string]bool{features.RoleShot: {}, features.RoleTestUnseen: {}}
			perClass := map[string]int{}
			for i, image := range r.Images {
				if m := of[r.Roles[i]]; m != nil {
					m[image] = true
				}
				if r.Roles[i] == features.RoleShot {
					perClass[image[:len("class 0")]]++
				}
			}
			shots := of[features.RoleShot]
			if len(shots) != 3*k || len(of[features.RoleTestUnseen]) != 3*(10-pool) || count(r)[features.RoleTrain] != count(base)[features.RoleTrain] {
				t.Fatalf("k %d of %d: %v", k, pool, count(r))
			}
			for _, c := range classes[5:8] {
				if perClass[c] != k {
					t.Fatalf("%d shots of %s, want %d", perClass[c], c, k)
				}
			}
			for image := range before {
				if !shots[image] {
					t.Fatalf("%s is a shot for k %d but not for %d", image, k-1, k)
				}
			}
			for image := range of[features.RoleTestUnseen] {
				if test != nil && !test[image] {
					t.Fatalf("%s is tested for k %d only", image, k)
				}
			}
			test, before = of[features.RoleTestUnseen], shots
		}
	})
}

func TestAddShotsErrors(t *testing.T) {
	classes, images := toy()
	s := Definition{Name: "s", Seen: classes[:5], Unseen: classes[5:], Seed: 1}
	base, err := s.Assign(classes, images)
	if err != nil {
		t.Fatal(err)
	}
	few, err := AddShots(base, images, 2, 5, 1)
	if err != nil || !strings.Contains(few.Provenance, "2 shots") {
		t.Fatal(few, err)
	}
	s.Unseen = classes[8:]
	bare, err := s.Assign(classes, images)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r           *features.Split
		shots, pool int
		want        string
	}{
		{base, 6, 5, "the pool must hold them"},
		{base, -1, 5, "-1 shots"},
		{base, 1, 10, `"class 5" has 10 images`},
		{few, 1, 5, "already has shots"},
		{bare, 1, 5, "no unseen class has images"},
	} {
		if _, err := AddShots(c.r, images, c.shots, c.pool, 1); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
