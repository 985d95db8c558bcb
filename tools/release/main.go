// Command release is the program behind `make release`: for every platform an archive of the static binary with man pages,
// completions, docs and licences, a list of what the binary was built from (SBOM, CycloneDX), for Linux the same as Debian and RPM
// packages, and SHA256SUMS of all. The same commit and Go version give the same bytes: names are sorted, and every time is the commit's.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"vzsl/internal/wholefile"
)

var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

func main() {
	to := flag.String("to", "dist", "`folder` to write to")
	only := flag.String("platforms", strings.Join(platforms, ","), "`list` of platforms")
	dirty := flag.Bool("dirty", false, "try it: without a tag, with changes that are not committed")
	next := flag.String("changelog", "", "only move the changes that wait in changes/ to CHANGELOG.md, under this `version`")
	flag.Parse()
	if *next != "" {
		if err := fold(".", strings.TrimPrefix(*next, "v"), time.Now().UTC().Format(time.DateOnly)); err != nil {
			fmt.Fprintln(os.Stderr, "release:", err)
			os.Exit(1)
		}
		return
	}
	if err := release(*to, strings.Split(*only, ","), *dirty); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(to string, platforms []string, dirty bool) error {
	changed, err := output(nil, "git", "status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" && !dirty {
		return fmt.Errorf("the working tree has uncommitted changes, so the archives could not be reproduced from a commit; commit them first:\n%s", changed)
	}
	seconds, err := output(nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return err
	}
	version, err := tagged(dirty)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "vzsl-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a folder of temporary files
	share := filepath.Join(work, "share")
	if _, err := output([]string{"SOURCE_DATE_EPOCH=" + seconds}, "go", "run", "-trimpath", "./tools/reference", "-share", share); err != nil {
		return err
	}
	common := map[string]string{} // name in the archive: file
	tracked, err := output(nil, "git", "ls-files", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "docs", "examples")
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(tracked) {
		common[name] = name
	}
	err = filepath.WalkDir(share, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(work, path)
			common[filepath.ToSlash(rel)] = path
		}
		return err
	})
	if err != nil {
		return err
	}
	// A release that is broken off must not leave the sums of another.
	if err := os.Remove(filepath.Join(to, "SHA256SUMS")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var sums bytes.Buffer
	for _, p := range platforms {
		names, err := build(to, work, version, p, common, time.Unix(s, 0).UTC())
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join(to, name))
			if err != nil {
				return err
			}
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(b), name)
			fmt.Printf("%s/%s  %.1f MB\n", to, name, float64(len(b))/1e6)
		}
	}
	return wholefile.Bytes(filepath.Join(to, "SHA256SUMS"), sums.Bytes())
}

// tagged is the version to release: the tag of the commit, v1.2.0, without its v. To try a release any commit will do.
func tagged(try bool) (string, error) {
	tag, err := output(nil, "git", "describe", "--tags", "--exact-match", "--match", "v[0-9]*")
	if err == nil {
		return strings.TrimPrefix(tag, "v"), nil
	}
	if !try {
		return "", fmt.Errorf("the commit has no version: tag it (git tag v1.2.0), or try with -dirty: %w", err)
	}
	commit, err := output(nil, "git", "rev-parse", "--short=12", "HEAD")
	return "devel-" + commit, err
}

// build makes one platform's archive, the list of what its binary was built from (SBOM) and its packages, and returns their names.
func build(to, work, version, platform string, common map[string]string, at time.Time) ([]string, error) {
	goos, goarch, ok := strings.Cut(platform, "/")
	if !ok {
		return nil, errors.New("a platform must be given as os/arch, for example linux/amd64")
	}
	env := []string{"CGO_ENABLED=0", "GOOS=" + goos, "GOARCH=" + goarch}
	dir := fmt.Sprintf("vzsl-%s-%s-%s", version, goos, goarch)
	binary := "vzsl"
	if goos == "windows" {
		binary += ".exe"
	}
	built := filepath.Join(work, dir, binary)
	if _, err := output(env, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags", "-s -w", "-o", built, "."); err != nil {
		return nil, err
	}
	info, err := buildinfo.ReadFile(built)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "vcs.revision" }) {
		return nil, errors.New("the binary has no commit: build it in a clone, not in a linked worktree")
	} else if v := info.Main.Version; v != "v"+version && !strings.HasPrefix(version, "devel") {
		return nil, fmt.Errorf("the binary says it is %s, the tag v%s", v, version)
	}
	notices, err := licences(env)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for name, file := range common {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{dir + "/" + name, 0o644, b})
	}
	b, err := os.ReadFile(built)
	if err != nil {
		return nil, err
	}
	parts, err := sbom(info, b, version, platform, at)
	if err != nil {
		return nil, err
	}
	entries = append(entries, entry{dir + "/" + binary, 0o755, b}, entry{dir + "/THIRD-PARTY.txt", 0o644, notices})
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	pack, name := tarball, dir+".tar.gz"
	if goos == "windows" {
		pack, name = zipped, dir+".zip"
	}
	data, err := pack(entries, at)
	if err != nil {
		return nil, err
	}
	if err := wholefile.Bytes(filepath.Join(to, dir+".cdx.json"), parts); err != nil {
		return nil, err
	}
	if err := wholefile.Bytes(filepath.Join(to, name), data); err != nil {
		return nil, err
	}
	names := []string{name, dir + ".cdx.json"}
	if goos == "linux" {
		packed, err := packages(to, work, version, goarch, entries, at)
		if err != nil {
			return nil, err
		}
		names = append(names, packed...)
	}
	return names, nil
}

// settled are Go's settings that change what is built, at their defaults: the same commit gives the same bytes whatever whoever
// makes the release has set for builds of their own.
var settled = []string{"GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOFIPS140=off", "GOWORK=off"}

// output runs a program, where it is Go with those settings, and returns what it prints.
func output(env []string, name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Env = slices.Concat(os.Environ(), settled, env)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	b, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", c, err, &stderr)
	}
	return strings.TrimSpace(string(b)), nil
}
