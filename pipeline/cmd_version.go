package pipeline

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/internal/kernels"
	"vzsl/internal/version"
)

// versionResult says what program this is; --json prints it so.
type versionResult struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built with changes that are in no commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Kernels  string `json:"kernels"`
}

func thisVersion() versionResult {
	v := versionResult{Version: version.Number(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Kernels: kernels.Level()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	return v
}

func (v versionResult) String() string {
	s := v.Version
	if v.Revision != "" && !strings.HasPrefix(v.Version, "devel") { // the version of any other build has it
		s += fmt.Sprintf(" (%.12s%s)", v.Revision, map[bool]string{true: ", modified"}[v.Modified])
	}
	return fmt.Sprintf("vzsl %s, %s, %s, %s kernels", s, v.Go, v.Platform, v.Kernels)
}

func (con *cli) version() error {
	v := thisVersion()
	return con.result(v, func(w io.Writer) { fmt.Fprintln(w, v) })
}

func newVersion(con *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version, the build and the kernels used on this machine",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return con.version() },
	}
}
