package extract

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// availableMemory is what the system can give without swapping, in bytes, and no
// more than what the process's control group leaves; 0 where neither is known.
func availableMemory() int64 {
	left := int64(math.MaxInt64)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range bytes.Lines(b) {
			f := bytes.Fields(line)
			if len(f) > 1 && string(f[0]) == "MemAvailable:" {
				if kb, err := strconv.ParseInt(string(f[1]), 10, 64); err == nil {
					left = kb << 10
				}
			}
		}
	}
	if b, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		for line := range bytes.Lines(b) {
			if group, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("0::")); ok {
				dir := filepath.Join("/sys/fs/cgroup", string(group))
				limit, used := number(filepath.Join(dir, "memory.max")), number(filepath.Join(dir, "memory.current"))
				if limit > 0 {
					left = min(left, max(1, limit-used))
				}
			}
		}
	}
	if left == math.MaxInt64 {
		return 0
	}
	return left
}

// number reads a file that holds one; 0 where it holds none ("max").
func number(path string) int64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	return n
}
