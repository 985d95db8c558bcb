package pipeline

import (
	"testing"

	"vzsl/datasets"
)

// TestWhereToGet: who has not got a dataset is told where it is.
func TestWhereToGet(t *testing.T) {
	for _, l := range datasets.Layouts() {
		if whereToGet[l] == "" {
			t.Errorf("%s: nothing is said of where to get it", l)
		}
	}
}
