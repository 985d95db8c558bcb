// Package version is the program's name and version, as its artefacts record them.
package version

import (
	"runtime/debug"
	"strings"
	"sync"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// Number is the program's version: "1.2.0" when it was built from the commit tagged v1.2.0, otherwise "devel" followed, where the
// build knows it, by the commit and by "dirty" if files had changed since: "devel-aa52dcf1b2c3-dirty".
var Number = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	return number(info)
})

// Program is the program's name and version for an artefact.
func Program() string { return "vzsl " + Number() }

// number reads the version that Go stamps: a tag's, a pseudo-version for a commit without one, "(devel)" outside a clone.
func number(info *debug.BuildInfo) string {
	if v := info.Main.Version; semver.IsValid(v) && semver.Build(v) == "" && !module.IsPseudoVersion(v) {
		return strings.TrimPrefix(v, "v")
	}
	commit, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			commit = "-" + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return "devel" + commit + dirty
}
