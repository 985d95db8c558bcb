package kernels

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestSetLevel(t *testing.T) {
	before := Level()
	defer func() {
		if err := SetLevel(before); err != nil {
			t.Fatal(err)
		}
	}()
	for _, l := range Levels() {
		if err := SetLevel(l); err != nil || Level() != l {
			t.Errorf("SetLevel(%q): %v, level %q", l, err, Level())
		}
	}
	if err := SetLevel("sse"); err == nil || !strings.Contains(err.Error(), "avx512, avx2 or go") {
		t.Errorf("unknown level: %v", err)
	}
}

// The environment variable is read when the process starts, so it takes one.
func TestLevelFromEnvironment(t *testing.T) {
	if os.Getenv("KERNELS_TEST_CHILD") != "" {
		os.Stdout.WriteString("level " + Level() + "\n")
		if err := LevelError(); err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
		}
		return
	}
	for _, name := range append(Levels(), "nonsense") {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestLevelFromEnvironment$", "-test.v")
		cmd.Env = append(os.Environ(), "KERNELS_TEST_CHILD=1", "VZSL_KERNELS="+name)
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.ENOEXEC) {
			t.Skip("this system cannot start its own kind of program: an emulator")
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		want := name
		if !slices.Contains(Levels(), name) {
			want = Levels()[0]
			if !strings.Contains(string(out), `no kernels "nonsense"`) {
				t.Errorf("no complaint about %q: %s", name, out)
			}
		}
		if !strings.Contains(string(out), "level "+want+"\n") {
			t.Errorf("VZSL_KERNELS=%s: %s", name, out)
		}
	}
}
