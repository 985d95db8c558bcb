package extract

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vzsl/features"
)

// TestRealDiskFull fills a file system of 96 kB, makes room and continues.
func TestRealDiskFull(t *testing.T) {
	if os.Getenv("VZSL_LONG") == "" {
		t.Skip("set VZSL_LONG=1: mounts a small file system, as root")
	}
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=96k"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	defer func() { _ = syscall.Unmount(mount, syscall.MNT_DETACH) }()
	d := makeImages(t, t.TempDir(), 150, someBroken)
	dir := filepath.Join(mount, "features")
	w := create(t, dir, d)
	res, err := Run(t.Context(), options(d, &fakeEngine{}, w))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "make room") {
		t.Fatal(err)
	}
	t.Logf("%d parts written, then: %v", res.Parts, err)
	if res.Parts < 1 {
		t.Fatal("no part fitted")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", mount, "tmpfs", syscall.MS_REMOUNT, "size=4m"); err != nil {
		t.Fatal(err)
	}
	w, err = features.Create(dir, source(d), false)
	if err != nil {
		t.Fatal(err)
	}
	again := &fakeEngine{}
	res2, err := Run(t.Context(), options(d, again, w))
	if err != nil {
		t.Fatal(err)
	}
	// The last part may be on disk though the manifest had no room for it.
	if n := w.Parts() - res.Parts - res2.Parts; again.seen[0] < res.Parts*fakeRows || n < 0 || n > 1 {
		t.Errorf("%d parts after %d of %d", res2.Parts, res.Parts, w.Parts())
	}
	checkFolder(t, dir, d, nil)
	if _, want, _ := undisturbed(t, d); folderSums(dir) != want {
		t.Error("other files than of an undisturbed run")
	}
}
