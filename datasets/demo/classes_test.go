package demo

import (
	"slices"
	"testing"
)

func TestClassesAreDistinct(t *testing.T) {
	names := map[string]bool{}
	values := map[[len(kinds)]int]string{}
	seen := 0
	for _, c := range classes {
		if names[c.Name] {
			t.Errorf("%s twice", c.Name)
		}
		names[c.Name] = true
		if other, taken := values[c.values]; taken {
			t.Errorf("%s and %s are the same combination", c.Name, other)
		}
		values[c.values] = c.Name
		if c.Seen {
			seen++
		}
	}
	if len(names) != 60 || seen != 48 {
		t.Errorf("%d classes, %d of them seen; want 60 and 48", len(names), seen)
	}
}

// Zero-shot means: each value alone is known from the seen classes, the combination is not.
func TestUnseenCombinationsAreNew(t *testing.T) {
	type pair struct{ kindA, a, kindB, b int }
	count := map[pair]int{}
	for _, c := range classes {
		if !c.Seen {
			continue
		}
		for a := range kinds {
			for b := range kinds {
				count[pair{a, c.values[a], b, c.values[b]}]++
			}
		}
	}
	for k, kind := range kinds {
		for v, value := range kind.values {
			if n := count[pair{k, v, k, v}]; n < 4 {
				t.Errorf("%s %s is in %d seen classes, want at least 4", kind.name, value, n)
			}
		}
	}
	for _, c := range classes {
		shape, colour := c.values[kindShape], c.values[kindColour]
		n := count[pair{kindShape, shape, kindColour, colour}]
		if !c.Seen && n != 0 {
			t.Errorf("the shape and colour of unseen %s are in %d seen classes", c.Name, n)
		}
		if c.Seen && n != 2 {
			t.Errorf("the shape and colour of seen %s are in %d seen classes, want 2", c.Name, n)
		}
		if c.Seen {
			continue
		}
		// Any other two values of an unseen class are known together.
		for a := range kinds {
			for b := range a {
				if a == kindShape && b == kindColour {
					continue
				}
				if count[pair{a, c.values[a], b, c.values[b]}] == 0 {
					t.Errorf("%s: no seen class is %s and %s", c.Name, kinds[a].values[c.values[a]], kinds[b].values[c.values[b]])
				}
			}
		}
	}
}

func TestAttributesNameTheClass(t *testing.T) {
	names := attributeNames()
	for _, c := range classes {
		row := c.attributes()
		if len(row) != len(names) {
			t.Fatalf("%s: %d values for %d attributes", c.Name, len(row), len(names))
		}
		var has []string
		for i, v := range row {
			if v == 1 {
				has = append(has, names[i])
			}
		}
		var want []string
		for k, kind := range kinds {
			want = append(want, kind.name+":"+kind.values[c.values[k]])
		}
		if !slices.Equal(has, want) {
			t.Errorf("%s: described as %v, want %v", c.Name, has, want)
		}
	}
}
