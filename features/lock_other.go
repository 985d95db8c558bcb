//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package features

import "os"

func lockFile(*os.File) error { return nil }

func removeLock(f *os.File) { _ = os.Remove(f.Name()) }
