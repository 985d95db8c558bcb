package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vzsl/datasets/demo"
)

// TestMain lets the test binary be the command itself, for tests that must kill it.
func TestMain(m *testing.M) {
	if os.Getenv("VZSL_BE_THE_COMMAND") != "" {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// outcome is what one call of the command left.
type outcome struct {
	code           int
	stdout, stderr string
}

func vzsl(t *testing.T, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	code := run(context.Background(), args, &out, &err)
	return outcome{code, out.String(), err.String()}
}

// done runs a command that must succeed and returns its JSON result.
func done(t *testing.T, args ...string) map[string]any {
	t.Helper()
	o := vzsl(t, append(args, "--json", "--quiet")...)
	if o.code != exitDone {
		t.Fatalf("vzsl %s: exit code %d\n%s", strings.Join(args, " "), o.code, o.stderr)
	}
	var r map[string]any
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatalf("vzsl %s: standard output is no JSON: %v\n%s", strings.Join(args, " "), err, o.stdout)
	}
	return r
}

// refused runs a command that must fail with a code and an error that holds all the given words.
func refused(t *testing.T, code int, words []string, args ...string) {
	t.Helper()
	o := vzsl(t, append(args, "--quiet")...)
	if o.code != code {
		t.Errorf("vzsl %s: exit code %d, not %d\n%s", strings.Join(args, " "), o.code, code, o.stderr)
	}
	for _, w := range words {
		if !strings.Contains(o.stderr, w) {
			t.Errorf("vzsl %s: the error does not say %q:\n%s", strings.Join(args, " "), w, o.stderr)
		}
	}
	if strings.Contains(o.stderr, "panic") || strings.Contains(o.stderr, "goroutine") {
		t.Errorf("vzsl %s: panicked:\n%s", strings.Join(args, " "), o.stderr)
	}
}

// pictures is a small demo dataset, rendered once for all tests: its folder and the network's file.
var pictures = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "vzsl-pictures-")
	if err != nil {
		return "", err
	}
	if err := demo.Write(context.Background(), filepath.Join(dir, "data"), demo.Options{PerClass: 6}); err != nil {
		return "", err
	}
	return dir, demo.WriteNetwork(filepath.Join(dir, "demo.onnx"))
})

func demoData(t *testing.T) (data, model string) {
	t.Helper()
	dir, err := pictures()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "data"), filepath.Join(dir, "demo.onnx")
}
