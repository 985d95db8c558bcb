package convert

import (
	"strings"
	"testing"
)

// TestMATStruct: features, labels and image names that are fields of one struct are found by their usual names.
func TestMATStruct(t *testing.T) {
	src, err := Open("../../internal/matfile/testdata/structs.mat", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	a, err := resolveFeatures(src, Choice{Features: []string{"s.features"}})
	if err != nil {
		t.Fatal(err)
	}
	name := func(i int) string { return src.Columns()[i].Name }
	if name(a.features[0]) != "s.features" || name(a.label) != "s.labels" || name(a.image) != "s.image_files" {
		t.Error(a.said)
	}
	for _, c := range src.Columns() {
		if c.Name == "s" || c.Name == "s.deep" {
			t.Errorf("%s is a column beside its fields", c.Name)
		}
	}
}

// TestMATUnread: what is no matrix and no list of texts is refused with what to do about it.
func TestMATUnread(t *testing.T) {
	src, err := Open("../../internal/matfile/testdata/refused.mat", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for name, says := range map[string]string{
		"words": "y = cellstr(words)", "t": "table2struct(t, 'ToScalar', true)", "many": "y = [many.field]", "complex": "y = abs(complex)", "holder.words": "y = cellstr(holder.words)",
	} {
		if _, err := resolveFeatures(src, Choice{Features: []string{name}}); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "refused.mat") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := resolveFeatures(src, Choice{}); err == nil || !strings.Contains(err.Error(), "cellstr(words)") {
		t.Error(err)
	}
}
