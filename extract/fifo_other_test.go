//go:build !unix

package extract

func fifo(string) bool { return false }
