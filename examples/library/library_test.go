// Package library tests the programs beside it on the images and the network of vzsl's demo.
package library

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vzsl/datasets/demo"
)

func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	images, network := filepath.Join(dir, "images"), filepath.Join(dir, "demo.onnx")
	if err := demo.Write(context.Background(), images, demo.Options{PerClass: 8}); err != nil {
		t.Fatal(err)
	}
	if err := demo.WriteNetwork(network); err != nil {
		t.Fatal(err)
	}
	program := func(name string, args ...string) string {
		t.Helper()
		bin := filepath.Join(dir, name)
		if out, err := exec.Command("go", "build", "-o", bin, "./"+name).CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", name, err, out)
		}
		out, err := exec.Command(bin, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}

	features, run := filepath.Join(dir, "features"), filepath.Join(dir, "run")
	if got := program("extract", images, network, features); !strings.HasPrefix(got, "480 features of ") {
		t.Errorf("extract: %s", got)
	}
	inMemory := program("fit", "-report", filepath.Join(dir, "report"), images, features)
	inFolder := program("fit", "-run", run, images, features)
	line, page, _ := strings.Cut(inMemory, "\n")
	if line != strings.TrimSpace(inFolder) || !strings.Contains(page, "report.html") {
		t.Errorf("fitted in memory: %s\nin a folder: %s", inMemory, inFolder)
	}
	figure := regexp.MustCompile(`12 unseen classes: (0\.\d+) `).FindStringSubmatch(line)
	if figure == nil {
		t.Fatalf("fit: %s", line)
	}
	if top1, err := strconv.ParseFloat(figure[1], 64); err != nil || top1 < 0.6 { // chance is 0.083
		t.Errorf("fit: %s", line)
	}

	// An image of each unseen class, among the unseen classes, which the model knows by their descriptions alone.
	described, err := os.ReadFile(filepath.Join(images, "classes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.SplitAfter(string(described), "\n")
	csv, files := rows[0], []string{}
	for _, c := range demo.Classes() {
		if c.Seen {
			continue
		}
		files = append(files, filepath.Join(images, c.Name, "000.png"))
		for _, row := range rows {
			if strings.HasPrefix(row, c.Name+",") {
				csv += row
			}
		}
	}
	unseen := filepath.Join(dir, "unseen.csv")
	if err := os.WriteFile(unseen, []byte(csv), 0o644); err != nil {
		t.Fatal(err)
	}
	got, right := program("predict", append([]string{run, network, unseen}, files...)...), 0
	for _, file := range files {
		if strings.Contains(got, fmt.Sprintf("%s: %s (", file, filepath.Base(filepath.Dir(file)))) {
			right++
		}
	}
	if len(files) != 12 || right < 6 {
		t.Errorf("%d of %d images classified correctly:\n%s", right, len(files), got)
	}
}
