package version

import (
	"runtime/debug"
	"testing"
)

func TestNumber(t *testing.T) {
	const commit = "aa52dcf1b2c3d4e5f60718293a4b5c6d7e8f9012"
	for _, c := range []struct{ stamped, revision, modified, want string }{
		{"v1.2.0", commit, "false", "1.2.0"},
		{"v1.2.0-rc.1", commit, "false", "1.2.0-rc.1"},
		{"v1.2.0+dirty", commit, "true", "devel-aa52dcf1b2c3-dirty"},
		{"v1.2.1-0.20261128173616-aa52dcf1b2c3", commit, "false", "devel-aa52dcf1b2c3"},
		{"v0.0.0-20261128173616-aa52dcf1b2c3+dirty", commit, "true", "devel-aa52dcf1b2c3-dirty"},
		{"(devel)", "", "", "devel"},
		{"", "", "", "devel"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Path: "vzsl", Version: c.stamped}}
		if c.revision != "" {
			info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: c.revision}, {Key: "vcs.modified", Value: c.modified}}
		}
		if got := number(info); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.stamped, c.modified, got, c.want)
		}
	}
}
