package inspect

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"vzsl/datasets/catalog"
	"vzsl/datasets/source"
	"vzsl/datasets/xlsa17"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// open reads the dataset; where that cannot be done it says what to do.
func (x *inspection) open(ctx context.Context) bool {
	dir, found := x.ds.Folder, x.found
	if there, err := lookup.Exists(dir); source.Is(dir) {
		// it says itself what is not there
	} else if err != nil {
		found.problem("the dataset's folder: %v", err)
		found.Next = x.repair("correct this")
		return false
	} else if !there {
		found.missing("the dataset's folder %s%s", dir, x.ds.DidYouMean())
		switch hint := workspace.ByHand(x.ds.Name); {
		case slices.Contains(workspace.DownloadNames(), x.ds.Name):
			found.Next = "vzsl download " + x.ds.Name
		case x.ofXLSA17(filepath.Join("data", catalog.XLSA17)):
		case strings.HasSuffix(hint, catalog.DownloadXLSA17):
			found.NextHint, found.Next = strings.TrimSuffix(hint, ": "+catalog.DownloadXLSA17), catalog.DownloadXLSA17
		case hint != "":
			found.Next = hint
		default:
			found.Next = catalog.Lookup(x.ds.Layout).Obtain
		}
		return false
	}
	if x.ds.Layout == catalog.XLSA17 && x.ofXLSA17(dir) {
		return false
	}
	bar := x.w.Begin("read "+dir, "files")
	set, err := x.ds.Read(ctx, x.w.Stores, bar.Done)
	bar.End()
	if err == nil {
		x.set = set
		found.Notes = append(found.Notes, set.Notes...) // which images are not there is counted below
		return true
	}
	found.problem("%v", err)
	found.Next = x.repair("correct this")
	return false
}

// repair is what to do where something is missing in the dataset's folder: unpack what lies there, get it again, or else what.
func (x *inspection) repair(what string) string {
	dir := x.ds.Folder
	archives := archivesIn(dir)
	if len(archives) == 0 {
		return cmp.Or(x.downloaded(), x.again(what))
	}
	x.found.problem("archives not yet unpacked: %s", usage.FirstOf(archives))
	switch {
	case x.downloaded() != "" && filepath.Dir(archives[0]) == ".":
		return fmt.Sprintf("vzsl download %s --force --from %s", x.ds.Name, usage.Quote(dir))
	case wnidArchive.MatchString(filepath.Base(archives[0])):
		x.found.NextHint = fmt.Sprintf(`unpack each archive in %s into a folder of its name: for f in n*.tar; do mkdir "${f%%.tar}" && tar xf "$f" -C "${f%%.tar}"; done`,
			filepath.Join(dir, filepath.Dir(archives[0])))
		return x.again("unpack them")
	}
	return x.again("unpack " + filepath.Join(dir, archives[0]))
}

// wnidArchive is the archive of one class of ImageNet, which lies within that of all.
var wnidArchive = regexp.MustCompile(`^n\d{8}\.tar$`)

// ofXLSA17 looks in the folder of all of xlsa17 for those of single datasets, and says how to continue with the one asked for, or of
// xlsa17 itself with any.
func (x *inspection) ofXLSA17(all string) bool {
	var found []string
	for _, below := range []string{"*/", "data/*/", "xlsa17/data/*/"} {
		files, err := lookup.Below(all, below+xlsa17.SplitsFile)
		if err != nil || len(files) == 0 {
			continue
		}
		for _, f := range files {
			found = append(found, filepath.Dir(f))
		}
		break
	}
	var names []string
	for _, dir := range found {
		name := strings.ToLower(filepath.Base(dir))
		if names = append(names, name); x.found.Next == "" && (name == x.ds.Name || x.ds.Name == catalog.XLSA17) {
			x.found.Next = fmt.Sprintf("vzsl check %s %s", name, usage.Quote(dir))
		}
	}
	if x.found.Next != "" {
		x.found.there("folders of xlsa17 in %s, each a separate dataset: %s", all, strings.Join(names, ", "))
	}
	return x.found.Next != ""
}

// downloaded is the command that brings the dataset to where it was looked for, or "".
func (x *inspection) downloaded() string {
	for _, o := range workspace.Downloads {
		if o.Name == x.ds.Name && filepath.Clean(x.ds.Folder) == filepath.FromSlash(o.Place) {
			return "vzsl download " + o.Name + " --force"
		}
	}
	return ""
}

// again is what to do where no command will do.
func (x *inspection) again(what string) string {
	s := "vzsl check " + x.ds.Name
	if x.ds.Folder != filepath.Join("data", x.ds.Name) {
		s += " " + usage.Quote(x.ds.Folder)
	}
	if x.layout != "" {
		s += " --layout " + x.layout
	}
	return what + " and run '" + s + "' again"
}

// archivesIn lists the archives in a folder and in those just below it.
func archivesIn(dir string) (found []string) {
	for _, below := range []string{"*", "*/*"} {
		files, err := lookup.Below(dir, below)
		if err != nil {
			continue
		}
		for _, f := range files {
			for _, ext := range []string{".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".part"} {
				if rel, err := filepath.Rel(dir, f); err == nil && strings.HasSuffix(strings.ToLower(f), ext) {
					found = append(found, rel)
					break
				}
			}
		}
	}
	return found
}
