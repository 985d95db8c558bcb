package load

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/edsrzf/mmap-go"
)

// parseExternal reads the keys of a tensor's external_data and checks that the location cannot
// leave the model's folder.
func parseExternal(kv map[string]string) (*external, error) {
	e := &external{location: kv["location"]}
	if e.location == "" {
		return nil, errors.New("external data without a location")
	}
	local := filepath.FromSlash(strings.ReplaceAll(e.location, `\`, "/"))
	if !filepath.IsLocal(local) || strings.Contains(e.location, ":") || local == "." {
		return nil, fmt.Errorf("external data in %q, outside the model's folder, are refused", e.location)
	}
	e.location = local
	var err error
	if s, ok := kv["offset"]; ok {
		if e.offset, err = strconv.ParseInt(s, 10, 64); err != nil || e.offset < 0 {
			return nil, fmt.Errorf("external data offset %q is not a number of bytes", s)
		}
	}
	if s, ok := kv["length"]; ok {
		if e.length, err = strconv.ParseInt(s, 10, 64); err != nil || e.length < 0 {
			return nil, fmt.Errorf("external data length %q is not a number of bytes", s)
		}
		e.hasLength = true
	}
	return e, nil
}

// attachExternal maps the external data files that the tensors name and gives each tensor its slice.
func (n *File) attachExternal() error {
	var list []*Tensor
	for _, t := range n.Tensors {
		if t.ext != nil {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return nil
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	dir := filepath.Dir(n.path)
	files := map[string][]byte{}
	for _, t := range list {
		data, ok := files[t.ext.location]
		var err error
		if !ok {
			if data, err = n.mapExternal(t.ext.location); err != nil {
				return err
			}
			files[t.ext.location] = data
			n.externals = append(n.externals, externalFile{t.ext.location, data})
		}
		w := Width(t.Type)
		if w == 0 {
			return fmt.Errorf("%s: tensor %s has a type that is unsupported for external data", n.path, t)
		}
		need := int64(t.Len()) * int64(w)
		e := t.ext
		if e.hasLength && e.length != need {
			return fmt.Errorf("%s: tensor %s requires %d bytes, but the file declares %d of %s", n.path, t, need, e.length, e.location)
		}
		if e.offset > math.MaxInt64-need || e.offset+need > int64(len(data)) {
			return fmt.Errorf("%s: tensor %s lies at bytes %d to %d of %s, which has only %d: the data file is incomplete or belongs to another model; download both files again",
				n.path, t, e.offset, uint64(e.offset)+uint64(need), filepath.Join(dir, e.location), len(data))
		}
		t.data = data[e.offset : e.offset+need : e.offset+need]
	}
	return nil
}

// OpenBeside opens a file of a model's folder, or one that lies beside what the model is a symbolic link to. It may be a link
// itself, to where the model's own leads: the hub's cache, git-annex and DVC keep files so. No other link is followed out of
// the folder. location is relative to the folder.
func OpenBeside(folder, model, location string) (*os.File, error) {
	f, err := os.OpenInRoot(folder, location)
	if err == nil {
		return f, nil
	}
	model, bad := filepath.EvalSymlinks(model)
	if bad != nil {
		return nil, err
	}
	link := filepath.Join(folder, location)
	if _, bad := os.Lstat(link); bad != nil {
		beside, bad := os.OpenInRoot(filepath.Dir(model), location)
		if bad != nil {
			return nil, err
		}
		return beside, nil
	}
	target, bad := filepath.EvalSymlinks(link)
	if bad != nil {
		return nil, fmt.Errorf("a symbolic link to a missing file: %w", bad)
	}
	if storeFolder(target) != storeFolder(model) {
		return nil, fmt.Errorf("a symbolic link out of the model's folder, to %s, is not followed: put the file itself there", target)
	}
	return os.Open(target)
}

// storeFolder is the folder that a tool keeps a link's target in: that of the hub's blobs, git-annex's objects, DVC's cache or Nix; else the
// file's own.
func storeFolder(path string) string {
	slashed := filepath.ToSlash(path)
	for _, s := range []string{"/blobs/", "/.git/annex/objects/", "/.dvc/cache/", "/nix/store/", "/gnu/store/"} {
		if i := strings.LastIndex(slashed, s); i >= 0 {
			return slashed[:i+len(s)]
		}
	}
	return filepath.Dir(path)
}

func (n *File) mapExternal(location string) ([]byte, error) {
	full := filepath.Join(filepath.Dir(n.path), location)
	f, err := OpenBeside(filepath.Dir(n.path), n.path, location)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s keeps its weights in %s: file not found; put it beside the model, under that name (%w)", n.path, full, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s keeps its weights in %s: %w", n.path, full, err)
	}
	defer f.Close()
	m, err := mapFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s keeps its weights in %s: %w", n.path, full, err)
	}
	if m != nil {
		n.maps = append(n.maps, m)
	}
	if strings.HasPrefix(string(m[:min(len(m), 64)]), lfsMark) {
		return nil, fmt.Errorf("%s keeps its weights in %s, which is a git-LFS pointer, not the data: run `git lfs pull` in that repository or download the file itself", n.path, full)
	}
	return m, nil
}

// mapFile maps a regular file for reading; an empty one gives nil.
func mapFile(f *os.File) (mmap.MMap, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if st.Size() == 0 {
		return nil, nil
	}
	return mmap.Map(f, mmap.RDONLY, 0)
}
