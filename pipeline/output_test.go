package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"vzsl/internal/filetest"
)

// full is a device with no space left.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

// smallRun makes features, class table, split, an ESZSL model and its report of the demo's images.
func smallRun(t *testing.T) (data, model, out string) {
	t.Helper()
	data, model = demoData(t)
	out = t.TempDir()
	in := func(args ...string) { t.Helper(); done(t, append(args, "--dataset", "demo", "--out", out)...) }
	in("extract", "--data", data, "--model", model)
	in("attributes", "--data", data)
	in("split", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))
	in("train", "--split", "demo", "--method", "eszsl")
	in("evaluate", "--split", "demo", "--method", "eszsl")
	return data, model, out
}

// TestFullDevice: no command ends well whose output was not written, as text or as JSON.
func TestFullDevice(t *testing.T) {
	filetest.Slow(t)
	data, model, out := smallRun(t)
	picture, err := filepath.Glob(filepath.Join(data, "*", "000.png"))
	if err != nil || len(picture) == 0 {
		t.Fatal(err)
	}
	run1 := []string{"--dataset", "demo", "--split", "demo", "--method", "eszsl"}
	of := func(command string, more ...string) []string {
		return append(append(strings.Fields(command), run1...), more...)
	}
	for _, args := range [][]string{
		{"--help"}, {"help", "train"}, {"train", "--help"}, {"version"}, {"--version"}, {"exit-codes"}, {"completion", "bash"}, {"download", "--list"},
		{"extract", "--dataset", "demo", "--data", data, "--model", model}, {"attributes", "--dataset", "demo", "--data", data},
		{"split", "--dataset", "demo", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt")},
		of("train"), of("evaluate"), of("predict", picture[0], "--model", model), of("predict", picture[0], "--model", model, "--csv", "-"),
		of("export", "--format", "onnx", "--force"), of("tune", "--run", "tuned", "--trials", "1", "--folds", "2"),
		{"report", "demo-demo-eszsl"}, {"verify", filepath.Join(out, "features")}, {"check", "demo", data},
		{"compare", "--dataset", "demo", "--split", "demo", "--methods", "eszsl", "--trials", "1", "--folds", "2", "--seeds", "1"},
		{"fewshot", "--dataset", "demo", "--split", "demo", "--methods", "eszsl", "--shots", "1", "--pool", "2", "--seeds", "1"},
		of("serve", "--listen", "127.0.0.1:0", "--model", model),
	} {
		for _, form := range []string{"text", "json"} {
			args := append(args, "--out", out, "--json="+map[string]string{"text": "false", "json": "true"}[form])
			var stderr bytes.Buffer
			if code := run(context.Background(), args, full{}, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "no space left") {
				t.Errorf("vzsl %s: exit code %d\n%s", strings.Join(args, " "), code, stderr.String())
			}
		}
	}
}

// TestJSONErrors: with --json the last line on standard error is one object, whatever was wrong, and standard output is empty.
func TestJSONErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	filetest.Write(t, "asks.toml", "json = true\n")
	filetest.Write(t, "broken.toml", "json = true\nfrob = 1\n")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		args string
		ctx  context.Context
		code int
		say  string
	}{
		{"train --json --frob", nil, exitUsage, "unknown flag: --frob"},
		{"train --frob --json", nil, exitUsage, "unknown flag: --frob"},
		{"frob --json=true", nil, exitUsage, "unknown command"},
		{"import npy --json", nil, exitUsage, "arg"},
		{"train --json --set epochs=many", nil, exitUsage, "epochs"},
		{"train --json --method magic", nil, exitUsage, "magic"},
		{"evaluate --json", nil, exitFailed, "no such run"},
		{"evaluate --config asks.toml", nil, exitFailed, "no such run"},
		{"evaluate --config asks.toml --frob", nil, exitUsage, "--frob"},
		{"evaluate --config broken.toml", nil, exitUsage, "frob"},
		{"demo --json", cancelled, exitInterrupted, "interrupted"},
	} {
		ctx := c.ctx
		if ctx == nil {
			ctx = context.Background()
		}
		var stdout, stderr bytes.Buffer
		code := run(ctx, strings.Fields(c.args), &stdout, &stderr)
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		for _, line := range lines {
			if !json.Valid([]byte(line)) {
				t.Errorf("vzsl %s: a line of standard error is no JSON: %s", c.args, line)
			}
		}
		var f failure
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &f); err != nil || code != c.code || f.ExitCode != c.code || !strings.Contains(f.Error, c.say) {
			t.Errorf("vzsl %s: exit code %d, %v, %+v", c.args, code, err, f)
		}
		if (f.See != "") != (c.code == exitUsage) || stdout.Len() > 0 {
			t.Errorf("vzsl %s: see %q, standard output %q", c.args, f.See, stdout.String())
		}
	}
	if o := vzsl(t, "train", "--", "--json"); strings.HasPrefix(o.stderr, "{") {
		t.Errorf("--json behind -- is no flag: %s", o.stderr)
	}
}

// TestControlCharacters: what a file or a class is called does not act on a terminal.
func TestControlCharacters(t *testing.T) {
	data, model := demoData(t)
	drawn, err := filepath.Glob(filepath.Join(data, "*", "000.png"))
	if err != nil || len(drawn) == 0 {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(drawn[0])
	if err != nil {
		t.Fatal(err)
	}
	const evil = "\x1b]0;title\x07\x1b[2J\u009b31m\u202egnp"
	t.Chdir(t.TempDir())
	filetest.Write(t, "photos/ant/"+evil+".png", string(picture))
	filetest.Write(t, "photos/ant/1.png", "no image")
	filetest.Write(t, "photos/bee/1.png", string(picture))
	filetest.Write(t, "photos/bee/"+evil+"\x9b.png", "no image")
	filetest.Write(t, "photos/classes.csv", "class,a\nant,1\nbee,2\n\""+evil+"\",3\n")
	for _, args := range []string{
		"check photos photos", "extract --dataset photos --data photos --model " + model, "attributes --dataset photos --data photos",
		"attributes --dataset photos --data photos --csv " + evil, "evaluate --run " + evil, evil, "train --" + evil, "check " + evil,
		"split --dataset photos --split pictured", "extract --dataset photos --data " + evil,
	} {
		for _, verbose := range []string{"--quiet", "--verbose", "--json"} {
			o := vzsl(t, append(strings.Fields(args), verbose)...)
			for name, text := range map[string]string{"standard output": o.stdout, "standard error": o.stderr} {
				if name == "standard output" && verbose == "--json" {
					continue // data, raw but on a terminal; the JSON escapes what it must
				}
				if i := strings.IndexFunc(text, hidden); i >= 0 {
					t.Errorf("vzsl %q: %s has %q", args, name, text[max(0, i-20):min(len(text), i+20)])
				}
			}
		}
	}
}

func TestPrintable(t *testing.T) {
	text := "a\tb\n\x1b[31m zürich \u009b \x9b ✓ \r\x00\x7f\u202e" + "日本\xff"
	want := "a\tb\n\\u001b[31m zürich \\u009b \\x9b ✓ \\u000d\\u0000\\u007f\\u202e日本\\xff"
	if got := shown(text); got != want {
		t.Errorf("%q", got)
	}
	for size := 1; size <= len(text); size++ { // runes cut anywhere
		var b bytes.Buffer
		p := &printable{w: &b}
		for at := 0; at < len(text); at += size {
			if n, err := p.Write([]byte(text[at:min(at+size, len(text))])); err != nil || n != min(size, len(text)-at) {
				t.Fatal(n, err)
			}
		}
		if got := b.String(); got != want {
			t.Errorf("in pieces of %d: %q", size, got)
		}
	}
	// The same JSON.
	v := map[string]string{"name": "\x1b[2J\u009b\u202e é \u2028"}
	b, _ := json.Marshal(v)
	var again map[string]string
	if err := json.Unmarshal([]byte(shown(string(b))), &again); err != nil || again["name"] != v["name"] {
		t.Errorf("%v %q", err, again)
	}
	if strings.ContainsFunc(shown(string(b)), func(r rune) bool { return unicode.IsControl(r) }) {
		t.Error("a control character is left")
	}
	if _, err := (&output{w: full{}}).Write([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
}
