package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"vzsl/extract/preprocess"
	"vzsl/pipeline"
	"vzsl/train/methods"
	"vzsl/train/settings"
)

const source = "../.."

// TestPagesAreCurrent compares docs/ with what would be generated.
func TestPagesAreCurrent(t *testing.T) {
	files, err := pages(source)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(source, "docs", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what the code says: run 'make docs'", name)
		}
	}
	there, err := filepath.Glob(filepath.Join(source, "docs", "commands", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if files["commands/"+filepath.Base(path)] == nil {
			t.Errorf("%s is of no command: run 'make docs'", path)
		}
	}
	for _, m := range methods.Names() {
		if !bytes.Contains(files["methods.md"], []byte("\n## "+settings.Title(m)+"\n")) {
			t.Errorf("methods.md has nothing on %s", m)
		}
	}
}

// TestShared looks for a man page of every command, and the completions' own words in each shell's file.
func TestShared(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	files, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range pipeline.Command().Commands() {
		if page := files["man/man1/vzsl-"+c.Name()+".1"]; !bytes.Contains(page, []byte(`"Nov 2023"`)) {
			t.Errorf("no man page of %s", c.Name())
		}
	}
	// What stands in angle brackets is no HTML, which would be left out; a hidden flag stays hidden.
	predict := string(files["man/man1/vzsl-predict.1"])
	if !strings.Contains(predict, "models/<network>.onnx") || strings.Contains(predict, `\-\-network`) || strings.Contains(predict, "--network") {
		t.Error("the page of predict leaves something out, or shows --network")
	}
	for _, name := range []string{"bash-completion/completions/vzsl", "zsh/site-functions/_vzsl", "fish/vendor_completions.d/vzsl.fish", "powershell/vzsl.ps1"} {
		if !bytes.Contains(files[name], []byte("__complete")) {
			t.Errorf("%s does not ask the command", name)
		}
	}
}

// TestTables: each preset is a row of docs/images.md, and docs/formats.md names each key of a report's result.
func TestTables(t *testing.T) {
	page := func(name string) string {
		b, err := os.ReadFile(filepath.Join(source, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	images := page("docs/images.md")
	for _, name := range preprocess.Presets() {
		if row := "| `" + name + "` | " + preprocess.PresetHelp(name) + " |"; !strings.Contains(images, row+"\n") {
			t.Errorf("docs/images.md has no row %s", row)
		}
	}
	_, report, _ := strings.Cut(page("docs/formats.md"), "\n## Report\n")
	report, _, _ = strings.Cut(report, "\n## ")
	named := map[string]bool{}
	for _, code := range codeOf(report) {
		for _, word := range regexp.MustCompile(`[a-z0-9_]+`).FindAllString(code, -1) {
			named[word] = true
		}
	}
	results := 0
	for key := range strings.Lines(page("evaluate/result/testdata/keys.txt")) {
		path, ok := strings.CutPrefix(strings.TrimSpace(key), ".result.")
		if !ok {
			continue
		}
		results++
		for part := range strings.SplitSeq(strings.ReplaceAll(path, "[]", ""), ".") {
			if !named[part] {
				t.Errorf("docs/formats.md, Report, does not name %s of result.%s", part, path)
			}
		}
	}
	if results < 100 {
		t.Errorf("keys.txt has %d keys below result", results)
	}
}

// TestDocs looks for what the pages of the project mention: files and headings that they link to, commands with their flags,
// make's targets.
func TestDocs(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(source, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	ignore, err := os.ReadFile(filepath.Join(source, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	ignored := map[string]bool{} // folders of data and results, which may hold millions of files
	for _, line := range strings.Fields(string(ignore)) {
		ignored[line] = true
	}
	links, commands := 0, 0
	err = filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			rel, _ := filepath.Rel(source, path)
			if name := d.Name(); rel != "." && strings.HasPrefix(name, ".") || name == "testdata" || ignored["/"+filepath.ToSlash(rel)+"/"] || ignored[name+"/"] {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		page := string(b)
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(page, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			file, place, _ := strings.Cut(m[1], "#")
			to := path
			if file != "" {
				to = filepath.Join(filepath.Dir(path), file)
			}
			b, err := os.ReadFile(to)
			if s, statErr := os.Stat(to); err != nil && (statErr != nil || !s.IsDir()) {
				t.Errorf("%s: %s: no such file", path, m[1])
			} else if place != "" && !slices.Contains(headings(string(b)), place) {
				t.Errorf("%s: %s: no such heading", path, m[1])
			}
		}
		if filepath.Base(filepath.Dir(path)) == "commands" {
			return nil // the commands' own words
		}
		for _, code := range codeOf(page) {
			for _, m := range regexp.MustCompile(`(?:^|[\s(/])vzsl ([a-z].*)`).FindAllStringSubmatch(code, -1) {
				commands++
				checkCommand(t, path, m[1])
			}
			for _, m := range regexp.MustCompile(`(?:^|\s)make ([a-z0-9-]+)`).FindAllStringSubmatch(code, -1) {
				if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
					t.Errorf("%s: make %s: no such target", path, m[1])
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if links < 50 || commands < 50 {
		t.Errorf("found %d links and %d commands only", links, commands)
	}
}

// headings are the places of a page's headings; of those alike the second gets -1.
func headings(page string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		a := anchor(m[1])
		if slices.Contains(all, a) {
			a += "-1"
		}
		all = append(all, a)
	}
	return all
}

// codeOf is what a page shows as code: lines of its blocks, and what stands between backquotes.
func codeOf(page string) []string {
	var code []string
	page = strings.ReplaceAll(page, "\\\n", " ")
	for _, m := range regexp.MustCompile("(?s)```.*?```").FindAllString(page, -1) {
		code = append(code, strings.Split(m, "\n")...)
	}
	for line := range strings.SplitSeq(page, "\n") {
		if strings.HasPrefix(line, "    ") {
			code = append(code, line)
		}
	}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(page, -1) {
		code = append(code, strings.Join(strings.Fields(m[1]), " "))
	}
	return code
}

func checkCommand(t *testing.T, path, line string) {
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, ";")
	line, _, _ = strings.Cut(line, "'") // the command of a message
	words := strings.Fields(line)
	root := pipeline.Command()
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	c, rest, err := root.Find(words)
	if err != nil || c == root && words[0] != "help" {
		t.Errorf("%s: vzsl %s: no such command", path, line)
		return
	}
	for _, w := range rest {
		name, isFlag := strings.CutPrefix(w, "--")
		name = regexp.MustCompile(`^[a-z0-9-]*`).FindString(name)
		if isFlag && name != "" && name != "help" && find(c, name) == nil {
			t.Errorf("%s: vzsl %s: no flag --%s", path, line, name)
		}
	}
}

func find(c *cobra.Command, flag string) any {
	if f := c.Flags().Lookup(flag); f != nil {
		return f
	}
	if f := c.InheritedFlags().Lookup(flag); f != nil {
		return f
	}
	return nil
}
