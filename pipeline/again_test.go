package pipeline

import (
	"encoding/json"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vzsl/internal/filetest"
)

// TestPrintedCommands: the command that a report ends with makes the very same report again, with its images, whatever it
// was told by flags or by a settings file. It is run where no settings file is.
func TestPrintedCommands(t *testing.T) {
	filetest.Slow(t)
	data, model := demoData(t)
	out := t.TempDir()
	t.Chdir(t.TempDir())
	in := func(args ...string) { t.Helper(); done(t, append(args, "--dataset", "demo", "--out", out)...) }
	in("extract", "--data", data, "--model", model)
	in("attributes", "--data", data)
	in("split", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt"))
	in("train", "--split", "demo", "--method", "eszsl")
	in("train", "--split", "demo", "--method", "eszsl", "--seeds", "2", "--run", "two seeds")
	// The same features under another name, of which a command has to say which.
	if err := os.CopyFS(filepath.Join(out, "features", "demo", "again"), os.DirFS(filepath.Join(out, "features", "demo", "demo"))); err != nil {
		t.Fatal(err)
	}
	filetest.Write(t, "vzsl.toml", "data = '"+data+"'\n[compare]\nale-epochs = 2\ntrials = 1\n[fewshot]\npool = 3\ndevise-epochs = 2\n")
	for _, c := range []struct {
		report, command string
		pictures        bool
	}{
		{"demo-demo-eszsl", "evaluate --dataset demo --split demo --method eszsl --seed 7", true},
		{"demo-demo-eszsl", "evaluate --dataset demo --split demo --method eszsl --network again --data " + data + " --layout folder", true},
		{"demo-demo-eszsl", "report demo-demo-eszsl", true},
		{"two seeds", "evaluate --run|two seeds", true},
		{"two seeds/seed-2", "", true},
		{"cmp", "compare --dataset demo --split demo --network demo --methods ale,eszsl --folds 2 --seeds 2 --run cmp --seed 3", false},
		{"few", "fewshot --dataset demo --split demo --network demo --methods devise,eszsl --shots 1,2 --seeds 2 --run few --features l2 --seed 4", false},
	} {
		if c.command != "" {
			words := strings.FieldsFunc(c.command, func(r rune) bool { return r == ' ' && !strings.Contains(c.command, "|") || r == '|' })
			if strings.Contains(c.command, "|") {
				words = append(strings.Fields(strings.Split(c.command, "|")[0]), strings.Split(c.command, "|")[1])
			}
			done(t, append(words, "--out", out)...)
		}
		page := filepath.Join(out, "reports", c.report, "report.html")
		first := filetest.Read(t, page)
		if c.pictures != strings.Contains(string(first), "data:image/") && !strings.Contains(c.report, "seeds") {
			t.Errorf("%s: images are %v", c.command, !c.pictures)
		}
		command := html.UnescapeString(regexp.MustCompile(`vzsl (evaluate|compare|fewshot) [^<]*`).FindString(string(first)))
		if b, err := os.ReadFile(filepath.Join(out, "reports", c.report, "report.json")); err == nil {
			var stored struct{ About struct{ Command string } }
			if err := json.Unmarshal(b, &stored); err != nil {
				t.Fatal(err)
			}
			command = stored.About.Command
		}
		if command == "" {
			t.Fatalf("%s: no command in the report", c.report)
		}
		if err := os.Rename("vzsl.toml", "away.toml"); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(page); err != nil {
			t.Fatal(err)
		}
		done(t, shellWords(t, command)[1:]...)
		if again := filetest.Read(t, page); string(again) != string(first) {
			t.Errorf("%s: '%s' makes another report of %d bytes, not %d", c.command, command, len(again), len(first))
		}
		if err := os.Rename("away.toml", "vzsl.toml"); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, exitFailed, []string{"--data", "nowhere"}, "evaluate", "--dataset", "demo", "--split", "demo", "--method", "eszsl", "--data", "nowhere", "--out", out)
}

// shellWords splits a command line as the shell does, as far as shellWord quotes.
func shellWords(t *testing.T, line string) (words []string) {
	t.Helper()
	var word strings.Builder
	quoted, begun := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			quoted, begun = !quoted, true
		case c == '\\' && !quoted:
			i++
			word.WriteByte(line[i])
		case c == ' ' && !quoted:
			words, begun = append(words, word.String()), false
			word.Reset()
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if quoted {
		t.Fatalf("%s: a quote is open", line)
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}
