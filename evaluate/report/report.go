package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"vzsl/evaluate"
)

// Paths of the written files.
type Paths struct{ HTML, JSON, Predictions string }

const (
	htmlName        = "report.html"
	jsonName        = "report.json"
	predictionsName = "predictions.parquet"
)

// Write makes the three files in dir, which is created where it does not exist. Nothing is replaced before all three are
// complete and synced: an error leaves an earlier report as it was, and no new folder behind.
func Write(dir string, r *evaluate.Result, about About) (paths Paths, err error) {
	predictions, err := encodePredictions(r)
	if err != nil {
		return Paths{}, fmt.Errorf("%s: %w", filepath.Join(dir, predictionsName), err)
	}
	pics, err := openPictures(about.ImageRoot)
	if err != nil {
		return Paths{}, err
	}
	defer pics.close()
	page, err := renderPage(r, &about, pics)
	if err != nil {
		return Paths{}, fmt.Errorf("%s: %w", filepath.Join(dir, htmlName), err)
	}
	facts, err := encodeJSON(r, &about, map[string][]byte{predictionsName: predictions, htmlName: page})
	if err != nil {
		return Paths{}, fmt.Errorf("%s: %w", filepath.Join(dir, jsonName), err)
	}

	paths = Paths{HTML: filepath.Join(dir, htmlName), JSON: filepath.Join(dir, jsonName), Predictions: filepath.Join(dir, predictionsName)}
	err = writeAll(dir, []output{
		{paths.Predictions, predictions},
		{paths.HTML, page},
		{paths.JSON, facts}, // last: it holds the hashes of the others
	})
	if err != nil {
		return Paths{}, err
	}
	return paths, nil
}

type output struct {
	path string
	data []byte
}

// writeAll writes every file aside in dir, then renames one after the other. Only a crash between two renames could leave
// new and old files together; the hashes in report.json tell.
func writeAll(dir string, files []output) (err error) {
	made, err := makeDir(dir)
	if err != nil {
		return fmt.Errorf("report folder: %w", err)
	}
	var aside []string
	defer func() {
		for _, a := range aside {
			_ = os.Remove(a) // gone where it was renamed
		}
		if err != nil {
			for _, d := range made {
				_ = os.Remove(d) // only if empty
			}
		}
	}()
	for _, f := range files {
		if fi, err := os.Lstat(f.path); err == nil && fi.IsDir() {
			return fmt.Errorf("%s is a folder where the report's file should be: remove it or give another output folder", f.path)
		}
		a, err := writeAside(dir, filepath.Base(f.path), f.data)
		if a != "" {
			aside = append(aside, a)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	for i, f := range files {
		if err := os.Rename(aside[i], f.path); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync() // some file systems cannot sync a folder
		_ = d.Close()
	}
	return nil
}

// makeDir is MkdirAll that tells which folders it made, deepest first.
func makeDir(dir string) (made []string, err error) {
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		fi, err := os.Stat(d)
		if err == nil {
			if !fi.IsDir() {
				return nil, fmt.Errorf("%s is a file: remove it or give another folder", d)
			}
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		made = append(made, d)
		if d == filepath.Dir(d) {
			break
		}
	}
	return made, os.MkdirAll(dir, 0o755)
}

func writeAside(dir, name string, data []byte) (path string, err error) {
	f, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	return f.Name(), errors.Join(err, f.Close())
}
