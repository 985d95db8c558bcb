//go:build linux

package main

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// faultyFS is a folder seen through a file system that fails at the operation it is told to, once or from then on.
type faultyFS struct {
	fuse.RawFileSystem
	dir    string // where it is mounted
	server *fuse.Server

	mu     sync.Mutex
	fault  fault
	at     int // the operation that fails, from 1; 0: none
	seen   int // operations of the fault's kind so far
	failed int
}

// fault is a way to fail.
type fault struct {
	name   string
	errno  syscall.Errno
	lasts  bool // from the operation on, not it alone
	does   bool // the operation is done all the same: a server's answer was lost
	counts map[string]bool
}

func operations(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

var faults = []fault{
	{name: "full disk", errno: syscall.ENOSPC, lasts: true, counts: operations("create", "mkdir", "write", "fsync")},
	{name: "full disk, found at the end", errno: syscall.ENOSPC, counts: operations("flush", "fsync")}, // file systems that allocate late
	{name: "EIO on writing", errno: syscall.EIO, counts: operations("create", "mkdir", "write", "fsync", "flush", "rename", "unlink", "setattr")},
	{name: "EIO on reading", errno: syscall.EIO, counts: operations("open", "read", "lookup", "getattr")},
	{name: "mount gone", errno: syscall.ENOTCONN, lasts: true, counts: operations("create", "mkdir", "write", "fsync", "flush", "rename", "unlink", "setattr", "open", "read", "lookup", "getattr", "opendir")},
	{name: "stale handle", errno: syscall.ESTALE, counts: operations("write", "read", "fsync", "rename", "open")},
	{name: "read-only", errno: syscall.EROFS, lasts: true, counts: operations("create", "mkdir", "write", "rename", "unlink", "setattr")},
	{name: "rename done, reported as failed", errno: syscall.EIO, does: true, counts: operations("rename")},
	{name: "no open files left", errno: syscall.EMFILE, counts: operations("create", "open", "opendir")},
}

// mountFaulty mounts below as dir, which root can do.
func mountFaulty(below, dir string) (*faultyFS, error) {
	root, err := fs.NewLoopbackRoot(below)
	if err != nil {
		return nil, err
	}
	none := time.Duration(0) // nothing is remembered: every operation comes here
	f := &faultyFS{RawFileSystem: fs.NewNodeFS(root, &fs.Options{EntryTimeout: &none, AttrTimeout: &none}), dir: dir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f.server, err = fuse.NewServer(f, dir, &fuse.MountOptions{DirectMountStrict: true, FsName: "vzsl-faulty", DisableXAttrs: true})
	if err != nil {
		return nil, fmt.Errorf("mount by FUSE: %w", err)
	}
	go f.server.Serve()
	return f, f.server.WaitMount()
}

// set says what fails next, and begins to count.
func (f *faultyFS) set(kind fault, at int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.at, f.seen, f.failed = kind, at, 0, 0
}

// counts are the operations since set, and how many of them failed.
func (f *faultyFS) counts() (seen, failed int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen, f.failed
}

// fails counts an operation and reports whether it is to fail.
func (f *faultyFS) fails(op string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.fault.counts[op] {
		return false
	}
	f.seen++
	if f.at == 0 || f.seen < f.at || f.seen > f.at && !f.fault.lasts {
		return false
	}
	f.failed++
	return true
}

func (f *faultyFS) run(op string, do func() fuse.Status) fuse.Status {
	if !f.fails(op) {
		return do()
	}
	if f.fault.does {
		do()
	}
	return fuse.Status(f.fault.errno)
}

func (f *faultyFS) Lookup(c <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	return f.run("lookup", func() fuse.Status { return f.RawFileSystem.Lookup(c, h, name, out) })
}

func (f *faultyFS) GetAttr(c <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return f.run("getattr", func() fuse.Status { return f.RawFileSystem.GetAttr(c, in, out) })
}

func (f *faultyFS) SetAttr(c <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return f.run("setattr", func() fuse.Status { return f.RawFileSystem.SetAttr(c, in, out) })
}

func (f *faultyFS) Mkdir(c <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return f.run("mkdir", func() fuse.Status { return f.RawFileSystem.Mkdir(c, in, name, out) })
}

func (f *faultyFS) Unlink(c <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return f.run("unlink", func() fuse.Status { return f.RawFileSystem.Unlink(c, h, name) })
}

func (f *faultyFS) Rename(c <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	return f.run("rename", func() fuse.Status { return f.RawFileSystem.Rename(c, in, from, to) })
}

func (f *faultyFS) Create(c <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	return f.run("create", func() fuse.Status { return f.RawFileSystem.Create(c, in, name, out) })
}

func (f *faultyFS) Open(c <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	return f.run("open", func() fuse.Status { return f.RawFileSystem.Open(c, in, out) })
}

func (f *faultyFS) OpenDir(c <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	return f.run("opendir", func() fuse.Status { return f.RawFileSystem.OpenDir(c, in, out) })
}

func (f *faultyFS) Read(c <-chan struct{}, in *fuse.ReadIn, buf []byte) (r fuse.ReadResult, s fuse.Status) {
	s = f.run("read", func() fuse.Status {
		var s fuse.Status
		r, s = f.RawFileSystem.Read(c, in, buf)
		return s
	})
	return r, s
}

func (f *faultyFS) Write(c <-chan struct{}, in *fuse.WriteIn, data []byte) (n uint32, s fuse.Status) {
	s = f.run("write", func() fuse.Status {
		var s fuse.Status
		n, s = f.RawFileSystem.Write(c, in, data)
		return s
	})
	return n, s
}

func (f *faultyFS) Flush(c <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	return f.run("flush", func() fuse.Status { return f.RawFileSystem.Flush(c, in) })
}

func (f *faultyFS) Fsync(c <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return f.run("fsync", func() fuse.Status { return f.RawFileSystem.Fsync(c, in) })
}
