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

// setLevel changes the kernels in use. Weights prepared before keep the level
// they were prepared for.
func setLevel(name string) error {
	a := archNamed(name)
	if a == nil {
		return levelError(name)
	}
	current.Store(a)
	return nil
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
			if !strings.Contains(string(out), `unknown kernels "nonsense"`) {
				t.Errorf("no complaint about %q: %s", name, out)
			}
		}
		if !strings.Contains(string(out), "level "+want+"\n") {
			t.Errorf("VZSL_KERNELS=%s: %s", name, out)
		}
	}
}
