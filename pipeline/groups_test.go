package pipeline

import (
	"path/filepath"
	"strings"
	"testing"

	"vzsl/datasets/demo"
	"vzsl/internal/filetest"
)

// TestGroups: a report has accuracy by every column of words of a table, its command keeps the table and the images, and so does the
// report that is built again; runs are compared image by image.
func TestGroups(t *testing.T) {
	filetest.Slow(t)
	data, _ := auditWorkspace(t)
	csv := "class,colour,number,shape\n"
	for i, c := range demo.Classes() {
		p := strings.Split(c.Name, "-")
		csv += c.Name + "," + p[1] + "," + string(rune('0'+i%10)) + "," + p[3] + "\n"
	}
	filetest.Write(t, "groups.csv", csv)
	for _, m := range []string{"eszsl", "sae"} {
		done(t, "train", "--dataset", "toy", "--split", "demo", "--method", m, "--run", m)
	}
	done(t, "evaluate", "--run", "eszsl", "--data", data, "--groups", "groups.csv")
	done(t, "evaluate", "--run", "sae", "--data", data)
	page := func(run string) string { return string(filetest.Read(t, filepath.Join("reports", run, "report.html"))) }
	command := "vzsl evaluate --run eszsl --data " + data + " --groups groups.csv"
	for range 2 {
		if p := page("eszsl"); !strings.Contains(p, "By colour:") || !strings.Contains(p, "By shape:") || strings.Contains(p, "By number:") || !strings.Contains(p, command) || !strings.Contains(p, `"tile":56`) {
			t.Error("no groups, or another command, or no images")
		}
		done(t, "report", "eszsl")
	}
	done(t, "report", "sae", "--groups", "groups.csv")
	if p := page("sae"); !strings.Contains(p, "By colour:") || !strings.Contains(p, "--groups groups.csv") {
		t.Error("no groups in a report that is built again")
	}
	done(t, "report", "eszsl", "sae", "--to", "both")
	if p := page("both"); !strings.Contains(p, "Image by image") || !strings.Contains(p, "Correct in ") || !strings.Contains(p, "data:image/jpeg") {
		t.Error("the runs are not compared image by image")
	}
	filetest.Write(t, "some.csv", strings.Join(strings.Split(csv, "\n")[:20], "\n"))
	filetest.Write(t, "numbers.csv", "class,n\na,1\n")
	for file, say := range map[string]string{"some.csv": "no group of", "numbers.csv": "no group of", "none.csv": "none.csv", "said.csv": ""} {
		if say == "" {
			continue // its texts are words too
		}
		refused(t, exitFailed, []string{say}, "evaluate", "--run", "sae", "--groups", file)
	}
	refused(t, exitUsage, []string{"--groups"}, "report", "eszsl", "sae", "--groups", "groups.csv")
}
