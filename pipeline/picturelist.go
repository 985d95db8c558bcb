package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vzsl/datasets"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
)

// listPictures lists what command line arguments mean: files, the images in and below folders, globs that the shell left.
// A folder of feature shards, or one shard, is given back as it is.
func listPictures(args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		st, err := os.Stat(arg)
		if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(arg, "*?[") {
			found, bad := filepath.Glob(arg)
			if bad != nil {
				return nil, usage.Errorf("%s: %w", arg, bad)
			}
			if len(found) == 0 {
				if dir := filepath.Dir(arg); !strings.ContainsAny(dir, "*?[") { // else what is to be read is not known
					if _, err := os.ReadDir(dir); err != nil && !lookup.Absent(err) {
						return nil, err
					}
				}
				return nil, fmt.Errorf("%s: not found; give a file, folder or glob", arg)
			}
			more, err := listPictures(found)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
			continue
		}
		if err != nil {
			return nil, err
		}
		if !st.IsDir() || isShards(arg) {
			all = append(all, arg)
			continue
		}
		before := len(all)
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path != arg && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return filepath.SkipDir
				}
			case !d.IsDir() && datasets.IsPicture(path):
				all = append(all, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s: no images in the folder or its subfolders", arg)
		}
	}
	return all, nil
}

// isShards tells whether a folder holds feature shards.
func isShards(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "manifest.json"))
	return err == nil
}
