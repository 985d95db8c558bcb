//go:build !unix

package features

// release does nothing: Windows trims a process's mapped pages by itself.
func release([]byte) {}
