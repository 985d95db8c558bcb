package splits

import (
	"fmt"
	"slices"
	"testing"

	"vzsl/features"
	"vzsl/internal/filetest"
)

func TestExtend(t *testing.T) {
	classes := []string{"a", "b", "c", "v", "u"}
	some := func(n int) []Labelled {
		var all []Labelled
		for _, c := range classes {
			for i := range n {
				all = append(all, Labelled{fmt.Sprintf("%s/%03d", c, i), c})
			}
		}
		return all
	}
	for _, share := range []float64{0, 0.25} {
		d := Definition{Name: "s", Dataset: "x", Seen: []string{"a", "b", "c", "v"}, Unseen: []string{"u"}, Validation: []string{"v"}, TestSeenFraction: share, Seed: 3}
		was, err := d.Assign(classes, some(20))
		if err != nil {
			t.Fatal(err)
		}
		same, added, err := Extend(was, some(20))
		if err != nil || len(added) != 0 || !slices.Equal(same.Images, was.Images) || same.Provenance != was.Provenance {
			t.Fatalf("nothing is new: %v, %v, %v", added, same, err)
		}
		more := append(some(40), Labelled{"z/1", "z"})
		now, added, err := Extend(was, more)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(now.Images[:len(was.Images)], was.Images) || !slices.Equal(now.Roles[:len(was.Roles)], was.Roles) {
			t.Error("roles moved")
		}
		tested := int(4 * 20 * share)
		want := map[features.Role]int{features.RoleTestUnseen: 20, features.RoleTrain: 60 - 3*tested/4, features.RoleValidation: 20 - tested/4}
		if tested > 0 {
			want[features.RoleTestSeen] = tested
		}
		if fmt.Sprint(added) != fmt.Sprint(want) || len(now.Images) != 200 {
			t.Errorf("share %g: %v, want %v", share, added, want)
		}
		slices.Reverse(more)
		if again, _, err := Extend(was, more); err != nil || !slices.Equal(again.Images, now.Images) || !slices.Equal(again.Roles, now.Roles) {
			t.Errorf("in another order: %v %v", again, err)
		}
		if u := now.Unassigned([]string{"a/039", "u/039"}, []string{"a", "u"}); u != nil {
			t.Error(u)
		}
	}
	_, _, err := Extend(&features.Split{Name: "few", LeftOut: 3}, nil)
	filetest.WantError(t, err, "few", "leaves 3 images", "under another name")
}
