//go:build !linux

package download

func syncAll(string) bool { return false }
