// Package pagetest lets tests open our pages in a browser: headless Chromium, by the script testdata/check.js, which needs
// node and the packages of testdata/package.json. `make pages` installs these and runs the tests.
package pagetest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Browser returns a check that opens pages, files or http addresses, at 360, 768 and 1440 px, light and dark, and printed. It
// fails the test if one is wider than its window, writes to the console, requests anything that is not its own, has a
// serious or critical finding of axe, or is a file over 5 MB.
//
// It takes seconds per page: the test skips without VZSL_LONG or VZSL_PAGES, or if node, Chromium or a package is missing.
// With VZSL_PAGES, as make pages sets it, missing programs fail the test. VZSL_PAGE_SHOTS names a folder to keep images of them in.
func Browser(t testing.TB) (check func(pages ...string)) {
	t.Helper()
	look := browser(t)
	return func(pages ...string) {
		t.Helper()
		for _, wrong := range look(pages...) {
			t.Error(wrong)
		}
	}
}

// Script returns a way to run a script of node that works in pages, as a user does: it calls open(work => ...) of testdata/work.js, which
// stands in the environment as PAGETEST, and what it prints is given back. It fails the test where the script does. It skips as Browser
// does.
func Script(t testing.TB) (run func(script string, args ...string) string) {
	t.Helper()
	node, testdata := environment(t)
	return func(script string, args ...string) string {
		t.Helper()
		c := node(append([]string{script}, args...)...)
		c.Env = append(c.Env, "PAGETEST="+filepath.Join(testdata, "work.js"))
		var out, problem bytes.Buffer
		c.Stdout, c.Stderr = &out, &problem
		if err := c.Run(); err != nil {
			t.Fatalf("%s: %v\n%s%s", script, err, out.Bytes(), problem.Bytes())
		}
		return out.String()
	}
}

// environment returns node with the packages of testdata, and that folder.
func environment(t testing.TB) (node func(args ...string) *exec.Cmd, testdata string) {
	t.Helper()
	must := os.Getenv("VZSL_PAGES") != ""
	if !must && os.Getenv("VZSL_LONG") == "" {
		t.Skip("opens pages in a browser: make pages, or VZSL_LONG=1")
	}
	lacks := func(what string) {
		t.Helper()
		if must {
			t.Fatal("needs " + what)
		}
		t.Skip("needs " + what)
	}
	chromium := os.Getenv("CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if chromium == "" {
			chromium, _ = exec.LookPath(name)
		}
	}
	if chromium == "" {
		lacks("Chromium; CHROMIUM names one outside of the PATH")
	}
	testdata = filepath.Join(module(t), "internal", "pagetest", "testdata")
	modules := filepath.Join(testdata, "node_modules")
	_, _ = os.Stat(modules) // go test does not keep results from before it was made
	if p := os.Getenv("NODE_PATH"); p != "" {
		modules += string(os.PathListSeparator) + p
	}
	node = func(args ...string) *exec.Cmd {
		c := exec.Command("node", args...)
		c.Env = append(os.Environ(), "NODE_PATH="+modules, "CHROMIUM="+chromium)
		return c
	}
	if node("-e", "require.resolve('puppeteer-core'); require.resolve('axe-core')").Run() != nil {
		lacks("node with puppeteer-core and axe-core: make pages installs them, or NODE_PATH names their folder")
	}
	return node, testdata
}

// module is the folder of the module that the test is in; the compiler's paths do not tell it under -trimpath.
func module(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, e := os.Stat(filepath.Join(dir, "go.mod")); e == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			err = os.ErrNotExist
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("the folder of the module: ", err)
	return ""
}

// browser returns what is wrong with pages.
func browser(t testing.TB) (look func(pages ...string) (wrong []string)) {
	t.Helper()
	node, testdata := environment(t)
	args := []string{filepath.Join(testdata, "check.js")}
	if shots := os.Getenv("VZSL_PAGE_SHOTS"); shots != "" {
		args = append(args, "--shots", shots)
	}
	return func(pages ...string) (wrong []string) {
		t.Helper()
		c := node(append(args, pages...)...)
		var out, problem bytes.Buffer
		c.Stdout, c.Stderr = &out, &problem
		if err := c.Run(); err != nil {
			t.Fatalf("node: %v\n%s", err, problem.Bytes())
		}
		if err := json.Unmarshal(out.Bytes(), &wrong); err != nil {
			t.Fatalf("%v: %s", err, cmp.Or(out.String(), problem.String()))
		}
		if problem.Len() > 0 {
			t.Log(problem.String())
		}
		return wrong
	}
}
