package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"vzsl/internal/store"
	"vzsl/internal/wholefile"
)

// shardFile is a shard below a mirror: features/DATASET/NETWORK/part-....parquet.
var shardFile = regexp.MustCompile(`^features/[^/]+/[^/]+/part-[^/]*\.parquet$`)

// Mount makes the workspace one at an address of a store: its folder is from then on a local one that stands for it (see
// store.Mirror), with all that the store holds but, where shards is false, the features. Files that are written there whole are
// put into the store before they get their place, shards only if none of that name exists, and all but shards after what was
// written in other ways until then (logs): a killed process leaves no file in the store without those it was made from. Unmount
// does the rest.
func (w *Workspace) Mount(ctx context.Context, address string, shards bool) error {
	m, err := w.Stores.Open(address)
	if err != nil {
		return err
	}
	w.Remote, w.Dir = m, m.Dir
	p := w.Begin("fetch what is in "+address, "")
	defer p.End()
	if err := m.Fetch(ctx, func(key string) bool { return shards || !shardFile.MatchString(key) }); err != nil {
		return errors.Join(err, m.Close())
	}
	writing := context.WithoutCancel(ctx) // what is finished is kept when the command is stopped
	wholefile.Placing = func(file, aside string, create bool) (func() error, error) {
		key, ok := m.Key(file)
		if !ok {
			return func() error { return nil }, nil
		}
		if !shardFile.MatchString(key) {
			err := m.Settle(writing, func(other string) bool { return other != key && !shardFile.MatchString(other) })
			if err != nil {
				return nil, err
			}
		}
		err := fs.ErrExist
		if create || shardFile.MatchString(key) {
			err = m.Create(writing, key, aside)
		}
		if errors.Is(err, fs.ErrExist) && !create {
			err = m.Put(writing, key, aside)
		}
		return func() error { return m.Placed(writing, key) }, err
	}
	return nil
}

// FetchShards brings features that Mount left out: those whose key below --out is wanted.
func (w *Workspace) FetchShards(ctx context.Context, want func(key string) bool) error {
	if w.Remote == nil {
		return nil
	}
	return w.Remote.Fetch(ctx, func(key string) bool { return shardFile.MatchString(key) && want(key) })
}

// Unmount brings the store up to date with what was written and removed in other ways, and gives the mirror up.
func (w *Workspace) Unmount() error {
	m := w.Remote
	if m == nil {
		return nil
	}
	w.Remote, wholefile.Placing = nil, nil
	return errors.Join(m.Settle(context.Background(), func(string) bool { return true }), m.Close())
}

// Address is how others find a file or folder of the workspace: of a mirror the address in its store.
func (w *Workspace) Address(file string) string {
	if w.Remote == nil {
		return file
	}
	if key, ok := w.Remote.Key(file); ok {
		return w.Remote.Address + "/" + key
	}
	if filepath.Clean(file) == filepath.Clean(w.Remote.Dir) {
		return w.Remote.Address
	}
	return file
}

// Local is the file or folder of an address: below --out that of the mirror.
func (w *Workspace) Local(address string) (string, error) {
	if file, ok := store.Local(address); ok {
		return file, nil
	}
	if w.Remote != nil {
		if key, ok := strings.CutPrefix(address, w.Remote.Address+"/"); ok {
			return w.Remote.Local(key), nil
		}
	}
	return "", fmt.Errorf("%s is not below --out: give --out too", address)
}

// LocalModel brings a network that lies in a store here, with the files beside it that belong to it. Other paths stay.
func (w *Workspace) LocalModel(ctx context.Context, address string) (string, error) {
	if file, ok := store.Local(address); ok {
		return file, nil
	}
	stem := strings.TrimSuffix(path.Base(address), path.Ext(address))
	p := w.Begin("fetch "+address, "")
	defer p.End()
	if path.Ext(address) == "" && !strings.HasSuffix(address, "/") {
		address += "/"
	}
	if strings.HasSuffix(address, "/") {
		return w.Stores.File(ctx, address, func(string) bool { return true })
	}
	return w.Stores.File(ctx, address, func(name string) bool {
		return !strings.Contains(name, "/") && (strings.HasPrefix(name, stem) || path.Ext(name) == ".json" || path.Ext(name) == ".txt")
	})
}
