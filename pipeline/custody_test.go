package pipeline

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vzsl/internal/custody"
	"vzsl/internal/filetest"
)

// TestEditedReport: a metric of report.json that the predictions do not give is refused, also where it is listed with its checksum.
func TestEditedReport(t *testing.T) {
	from, _, _ := demoRun(t)
	out := t.TempDir()
	for _, name := range []string{"features", "runs"} {
		if err := os.CopyFS(filepath.Join(out, name), os.DirFS(filepath.Join(from, name))); err != nil {
			t.Fatal(err)
		}
	}
	done(t, "evaluate", "--run", "demo-demo-eszsl", "--out", out)
	dir := filepath.Join(out, "reports", "demo-demo-eszsl")
	path := filepath.Join(dir, "report.json")
	text := string(filetest.Read(t, path))
	edited := regexp.MustCompile(`("top1": \{\s*"mean_per_class": \{\s*"value": )[0-9.]+`).ReplaceAllString(text, "${1}0.944")
	if edited == text {
		t.Fatal("nothing was edited")
	}
	filetest.Write(t, path, edited)
	report := []string{"report", "demo-demo-eszsl", "--out", out}
	refused(t, exitFailed, []string{path + " is damaged or was changed by another program", "'vzsl evaluate --run demo-demo-eszsl --out " + out + "'"}, report...)
	if err := custody.WriteAll(t.Context(), dir, custody.Bytes("report.json", []byte(edited))); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, []string{path + " does not agree with predictions.parquet", "top1 mean per class: 0.944", "edited or damaged"}, report...)
	refused(t, exitFailed, []string{"1 problems found"}, "verify", filepath.Join(out, "reports"))
	filetest.Write(t, path, "")
	refused(t, exitFailed, []string{path, "damaged", "vzsl evaluate --run demo-demo-eszsl"}, report...)
	done(t, "evaluate", "--run", "demo-demo-eszsl", "--out", out)
	done(t, report...)
}

// TestFoldersWithoutChecksums: those of version 0.1.0 open, each with one warning.
func TestFoldersWithoutChecksums(t *testing.T) {
	from, _, _ := demoRun(t)
	out := t.TempDir()
	for _, name := range []string{"features", "runs"} {
		if err := os.CopyFS(filepath.Join(out, name), os.DirFS(filepath.Join(from, name))); err != nil {
			t.Fatal(err)
		}
	}
	network, run := filepath.Join(out, "features", "demo", "demo"), filepath.Join(out, "runs", "demo-demo-eszsl")
	for _, dir := range []string{network, run} {
		if err := os.Remove(filepath.Join(dir, custody.Name)); err != nil {
			t.Fatal(err)
		}
	}
	o := vzsl(t, "evaluate", "--run", "demo-demo-eszsl", "--out", out)
	if o.code != exitDone || strings.Count(o.stderr, "the folder is of version 0.1.0 and has no checksums") != 2 {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
	if o := vzsl(t, "verify", out); o.code != exitDone || strings.Count(o.stdout, "there is no SHA256SUMS") != 2 {
		t.Errorf("exit code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
}
