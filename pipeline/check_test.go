package pipeline

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checked runs check, which must end with a code, and returns what it found.
func checked(t *testing.T, code int, args ...string) checkup {
	t.Helper()
	o := vzsl(t, append([]string{"check", "--json", "-q"}, args...)...)
	if o.code != code {
		t.Errorf("vzsl check %v: exit code %d, not %d\n%s%s", args, o.code, code, o.stdout, o.stderr)
	}
	var c checkup
	if err := json.Unmarshal([]byte(o.stdout), &c); err != nil {
		t.Fatalf("vzsl check %v: %v\n%s%s", args, err, o.stdout, o.stderr)
	}
	if c.Next == "" {
		t.Errorf("vzsl check %v: no next step", args)
	}
	return c
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// TestCheckLeads does nothing but run the command that check ends with, from an unpacked folder to a report.
func TestCheckLeads(t *testing.T) {
	data, model := demoData(t)
	dir := t.TempDir()
	t.Chdir(dir)
	copyTree(t, data, filepath.Join("data", "shapes"))
	var steps []string
	for range 12 {
		c := checked(t, exitDone, "shapes")
		words := strings.Fields(c.Next)
		if words[0] != "vzsl" {
			steps = append(steps, words[0])
			break
		}
		steps = append(steps, words[1])
		if words[1] == "download" { // of the network; here the demo's takes its place
			b, err := os.ReadFile(model)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join("models", "demo.onnx"), string(b))
			continue
		}
		if words[1] == "train" {
			words = append(words, "--method", "eszsl")
		}
		if o := vzsl(t, append(words[1:], "-q")...); o.code != exitDone {
			t.Fatalf("%s: exit code %d\n%s", c.Next, o.code, o.stderr)
		}
	}
	if got := strings.Join(steps, " "); got != "download extract attributes split train evaluate nothing" {
		t.Errorf("the steps were %q", got)
	}
	o := vzsl(t, "check", "shapes")
	if lines := strings.Count(o.stdout, "\n"); o.code != exitDone || lines > 24 || !strings.Contains(o.stdout, "report.html") {
		t.Errorf("%d lines\n%s", lines, o.stdout)
	}
}

func TestCheckFinds(t *testing.T) {
	data, _ := demoData(t)
	dir := t.TempDir()
	t.Chdir(dir)

	c := checked(t, exitFailed, "cub")
	if c.Usable || c.Next != "vzsl download cub" {
		t.Errorf("%+v", c)
	}
	if c := checked(t, exitFailed, "imagenet"); !strings.Contains(c.Next, "image-net.org") {
		t.Errorf("%+v", c)
	}
	write(t, filepath.Join("data", "cub", "CUB_200_2011.tgz"), "x")
	if c := checked(t, exitFailed, "cub"); c.Next != "vzsl download cub --force --from data/cub" || len(c.Problems) != 2 {
		t.Errorf("%+v", c)
	}

	// An own folder in disorder.
	own := filepath.Join("data", "own")
	copyTree(t, data, own)
	table, err := os.ReadFile(filepath.Join(own, "classes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(table), "\n")
	class, _, _ := strings.Cut(lines[1], ",")
	fields := strings.Split(strings.TrimSpace(lines[2]), ",")
	lines[2] = fields[0] + strings.Repeat(",", len(fields)-1) + "\n"
	lines[3] = strings.Replace(lines[3], ",1,", ",?,", 1)
	write(t, filepath.Join(own, "classes.csv"), strings.Join(lines, ""))
	write(t, filepath.Join(own, "loose.jpg"), "x")
	write(t, filepath.Join(own, class, "deeper", "x.png"), "x")
	write(t, filepath.Join(own, class, "empty.jpg"), "")
	write(t, filepath.Join(own, class, "EMPTY.jpg"), "x")
	c = checked(t, exitSkipped, "own")
	all := strings.Join(append(c.Problems, c.Notes...), "\n")
	for _, say := range []string{"2 pictures belong to no class", class + "/deeper/x.png", "loose.jpg", "1 images are empty files: " + class + "/empty.jpg",
		"EMPTY.jpg\" and", "1 classes have no attribute at all: " + fields[0], "--missing class-mean"} {
		if !strings.Contains(all, say) {
			t.Errorf("check does not say %q:\n%s", say, all)
		}
	}
	if !c.Usable || c.Next != "vzsl download vgg19" {
		t.Errorf("%+v", c)
	}
	// A class that the CSV does not describe.
	write(t, filepath.Join(own, "undescribed", "1.jpg"), "x")
	c = checked(t, exitSkipped, "own")
	if all := strings.Join(c.Problems, "\n"); !strings.Contains(all, "undescribed") {
		t.Error(all)
	}
	// Two that are one.
	write(t, filepath.Join(own, "Undescribed", "1.jpg"), "x")
	c = checked(t, exitSkipped, "own")
	if all := strings.Join(c.Problems, "\n"); !strings.Contains(all, "is it one class?") {
		t.Error(all)
	}

	refused(t, exitUsage, []string{"arg"}, "check")
	refused(t, exitUsage, []string{"folder"}, "check", "../x")
	refused(t, exitUsage, []string{"--layout"}, "check", "x", "--layout", "y")
}

func TestCheckRealCUB(t *testing.T) {
	dir := os.Getenv("VZSL_TEST_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	abs, err := filepath.Abs(filepath.Join(dir, "cub"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abs); err != nil {
		t.Skipf("no real data in %s (set VZSL_TEST_DATA)", dir)
	}
	t.Chdir(t.TempDir())
	c := checked(t, exitSkipped, "cub", abs)
	all := strings.Join(c.Problems, "\n")
	for _, say := range []string{"4544 images; cub has 11788 as published", "123 classes have no images"} {
		if !strings.Contains(all, say) {
			t.Errorf("check does not say %q:\n%s", say, all)
		}
	}
	if c.Classes != 200 || c.Attributes != 312 || c.Next != "vzsl download vgg19" {
		t.Errorf("%+v", c)
	}
}
