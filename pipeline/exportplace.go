package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"vzsl/internal/custody"
	"vzsl/internal/lock"
	"vzsl/internal/lookup"
	"vzsl/internal/wholefile"
)

// exportPlace is where an export goes. Whoever exports the same again finds it done: it is made aside and compared with what is there, and
// something else there is replaced with --force alone.
type exportPlace struct {
	path   string
	folder bool // the path is that of a folder, not of a file
	listed bool // its files are listed with their checksums: not those that --to puts into somebody's folder
	force  bool
}

// place is where an export goes: --to, or the default, which name makes.
func (o *exportOptions) place(con *cli, name string, folder bool) *exportPlace {
	p := &exportPlace{path: o.to, folder: folder, listed: folder || o.to == "", force: o.force}
	if p.path == "" {
		p.path = filepath.Join(con.Dir, "export", o.format, name)
	}
	return p
}

// put has an export made aside, at the path that it hands on, and moves its files to their place; it returns them.
func (p *exportPlace) put(ctx context.Context, make func(path string) error) (files []string, err error) {
	parent := filepath.Dir(p.path)
	if made, err := lock.MakeDir(parent); err != nil {
		return nil, err
	} else if len(made) > 0 {
		defer func() {
			for _, d := range made {
				_ = os.Remove(d) // where nothing came of it they are empty
			}
		}()
	}
	stage, remove, err := wholefile.TemporaryDir(parent, filepath.Base(p.path))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	aside := filepath.Join(stage, filepath.Base(p.path))
	if err := make(aside); err != nil {
		return nil, err
	}
	names, err := filesOf(aside)
	if err != nil {
		return nil, err
	}
	if !p.listed {
		return []string{p.path}, p.replace(aside)
	}
	dir := p.path
	if !p.folder {
		dir, names = parent, []string{filepath.Base(p.path)}
		aside = stage
	}
	return p.list(ctx, dir, aside, names)
}

// replace gives a file its place that is on no list.
func (p *exportPlace) replace(aside string) error {
	if same, err := p.same(aside, p.path); same || err != nil {
		return err
	}
	a, err := wholefile.Move(aside, p.path)
	if err != nil {
		return err
	}
	if err := a.Commit(); err != nil {
		return err
	}
	wholefile.SyncDir(filepath.Dir(p.path))
	return nil
}

// list gives files their place in a folder and lists them there.
func (p *exportPlace) list(ctx context.Context, dir, aside string, names []string) (files []string, err error) {
	if p.folder && !p.force {
		if err := p.strangers(dir, names); err != nil {
			return nil, err
		}
	}
	f, err := custody.Open(ctx, dir, p.force)
	if custody.IsDamaged(err) {
		err = fmt.Errorf("%w; --force rewrites it together with the exported files", err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var put []custody.File
	for _, name := range names {
		from, to := filepath.Join(aside, filepath.FromSlash(name)), filepath.Join(dir, filepath.FromSlash(name))
		files = append(files, to)
		same, err := p.same(from, to)
		if err != nil {
			return nil, err
		}
		if !same || !f.Listed(name) || f.Check(name) != nil {
			put = append(put, custody.File{Name: name, From: from})
		}
	}
	if len(put) == 0 {
		return files, nil
	}
	return files, f.Write(put...)
}

// strangers refuses a folder that holds anything else.
func (p *exportPlace) strangers(dir string, names []string) error {
	there, err := filesOf(dir)
	if lookup.Absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	mine := map[string]bool{custody.Name: true}
	for _, name := range names {
		mine[name] = true
	}
	for _, name := range there {
		if base := filepath.Base(name); !mine[name] && !lock.Is(base) && !wholefile.IsTemporary(base) {
			return fmt.Errorf("%s already exists and contains other files (%s); choose another folder with --to, or --force to write into it", dir, name)
		}
	}
	return nil
}

// same reports whether a file is in its place already; the error is that of another one there which may not be replaced.
func (p *exportPlace) same(from, to string) (bool, error) {
	st, err := os.Stat(to)
	if lookup.Absent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	equal := false
	if !st.IsDir() {
		if equal, err = equalFiles(from, to); err != nil {
			return false, err
		}
	}
	if !equal && !p.force {
		err := fmt.Errorf("%s already exists and was not made by this export; choose another place with --to, or --force to replace it", to)
		if damage := custody.CheckFile(filepath.Dir(to), filepath.Base(to)); p.listed && custody.IsDamaged(damage) {
			err = fmt.Errorf("%w; choose another place with --to, or --force to replace it", damage)
		}
		return false, err
	}
	return equal, nil
}

func equalFiles(a, b string) (bool, error) {
	var f [2]*os.File
	var size [2]int64
	for i, path := range []string{a, b} {
		r, err := os.Open(path)
		if err != nil {
			return false, err
		}
		defer r.Close()
		st, err := r.Stat()
		if err != nil {
			return false, err
		}
		f[i], size[i] = r, st.Size()
	}
	if size[0] != size[1] {
		return false, nil
	}
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(f[0], x)
		if n > 0 {
			if _, err := io.ReadFull(f[1], y[:n]); err != nil {
				return false, err
			}
			if !bytes.Equal(x[:n], y[:n]) {
				return false, nil
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// filesOf lists the files below a folder, with slashes, or the file itself.
func filesOf(path string) (names []string, err error) {
	err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(path, at)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	return names, err
}
