package pipeline

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vzsl/internal/filetest"
)

// absences are the words for what is not there: none of them may stand for what could not be looked at.
var absences = []string{"no features found", "no dataset found", "no class table found", "no such split", "no such run", "no such report", "no trained model",
	"no network there", "no shards there", "is missing", "are missing", "no classes.txt", "no predicates.txt", "no images.mat"}

// toyRun makes features, class table, split, run and report in the current folder.
func toyRun(t *testing.T) [][]string {
	t.Helper()
	_, table := described(t, ".", []string{"class,a,b", "ant,1,2", "bee,2,1", "cat,3,3", "dog,1,1"}, 4)
	filetest.Write(t, "seen.txt", "ant\nbee\ncat\n")
	filetest.Write(t, "unseen.txt", "dog\n")
	all := [][]string{
		{"import", "csv", table, "--data", "data", "--network", "n", "--dataset", "d"}, {"attributes", "--data", "data", "--dataset", "d"},
		{"split", "--split", "s", "--seen", "seen.txt", "--unseen", "unseen.txt", "--dataset", "d"},
		{"train", "--split", "s", "--method", "eszsl", "--dataset", "d"}, {"evaluate", "--split", "s", "--method", "eszsl", "--dataset", "d"},
	}
	for _, args := range all {
		done(t, args...)
	}
	return append(all, []string{"report", "d-s-eszsl"}, []string{"verify", "features/d"}, []string{"check", "d", "data"},
		[]string{"tune", "--split", "s", "--method", "eszsl", "--dataset", "d", "--run", "d-s-eszsl"},
		[]string{"predict", "features/d/n", "--split", "s", "--method", "eszsl", "--dataset", "d"},
		[]string{"export", "--format", "safetensors", "--split", "s", "--method", "eszsl", "--dataset", "d", "--to", "m.safetensors", "--force"})
}

// TestTooManyFiles: where no more files can be opened that is said, or the work is done; never that something is not there.
func TestTooManyFiles(t *testing.T) {
	filetest.Slow(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	commands := toyRun(t)
	said := 0
	for limit := 7; limit <= 11; limit++ {
		for _, args := range commands {
			cmd := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, limit), self}, args...)...)
			cmd.Env = append(os.Environ(), "VZSL_BE_THE_COMMAND=1")
			text, err := cmd.CombinedOutput()
			if err == nil || strings.Contains(string(text), "runtime") { // Go itself needs a few
				continue
			}
			if strings.Contains(string(text), "too many open files") {
				said++
			}
			for _, a := range absences {
				if strings.Contains(string(text), a) {
					t.Errorf("%d files, vzsl %s: %s", limit, strings.Join(args, " "), text)
				}
			}
		}
	}
	if said == 0 {
		t.Error("no command came to the limit")
	}
}

// TestNoPermission: what may not be read is said to be so, never to be absent, whichever folder or file it is.
func TestNoPermission(t *testing.T) {
	filetest.Slow(t)
	if os.Geteuid() != 0 {
		t.Skip("needs the superuser, to become another user")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "vzsl")
	if err := os.WriteFile(program, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	commands := toyRun(t)
	if err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, 65534, 65534)
	}); err != nil {
		t.Fatal(err)
	}
	said := 0
	for _, closed := range []string{"features", "features/d/n", "features/d/n/manifest.json", "features/d/n/part-00000-of-00001.parquet", "features/d/classes.parquet",
		"features/d/splits", "features/d/splits/s.parquet", "data", "data/classes.csv", "seen.txt", "f.csv", "runs/d-s-eszsl", "runs/d-s-eszsl/model.safetensors",
		"runs/d-s-eszsl/config.toml", "runs/d-s-eszsl/inputs", "reports/d-s-eszsl", "reports/d-s-eszsl/report.json"} {
		st, err := os.Stat(closed)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(closed, 0); err != nil {
			t.Fatal(err)
		}
		for _, args := range commands {
			cmd := exec.Command(program, args...)
			cmd.Env = append(os.Environ(), "VZSL_BE_THE_COMMAND=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			text, err := cmd.CombinedOutput()
			if strings.Contains(string(text), "permission denied") {
				said++
			}
			for _, a := range absences {
				if err != nil && strings.Contains(string(text), a) {
					t.Errorf("%s closed, vzsl %s: %s", closed, strings.Join(args, " "), text)
				}
			}
		}
		if err := os.Chmod(closed, st.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	if said < 20 {
		t.Errorf("permission was denied %d times", said)
	}
}

// TestSettingsFileOnBadDisk: a settings file that the disk does not give is a failure that may be retried, not wrong usage.
func TestSettingsFileOnBadDisk(t *testing.T) {
	o := vzsl(t, "methods", "--config", "/proc/self/mem") // its first bytes cannot be read: EIO
	if o.code != exitFailed || !strings.Contains(o.stderr, "settings file") || !strings.Contains(o.stderr, "run the same command again") {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
}
