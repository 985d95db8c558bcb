package pipeline

import (
	"strings"
	"testing"
	"vzsl/internal/filetest"
)

// TestNotesOfPictures: that classes have no images is said where images are read, not where features come from elsewhere.
func TestNotesOfPictures(t *testing.T) {
	t.Chdir(t.TempDir())
	rows := []string{"class,a,b", "ant,1,2", "bee,2,1", "cat,3,3"}
	_, table := described(t, ".", rows, 3)
	_, model := demoData(t)
	const note = "no images"
	for _, pictured := range []bool{false, true} {
		if pictured {
			filetest.Write(t, "data/ant/1.png", "no image")
		}
		for _, args := range [][]string{{"import", "csv", table, "--network", "n", "--force"}, {"attributes"}} {
			if o := vzsl(t, append(args, "--dataset", "d", "--data", "data")...); o.code != exitDone || strings.Contains(o.stderr, note) {
				t.Errorf("%v: exit code %d\n%s", args, o.code, o.stderr)
			}
		}
		o := vzsl(t, "extract", "--dataset", "d", "--data", "data", "--model", model)
		if !strings.Contains(o.stderr, note) {
			t.Errorf("extract does not say it:\n%s", o.stderr)
		}
	}
}
