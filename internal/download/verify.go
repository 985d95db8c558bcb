package download

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
)

// verify checks a file's length and checksums.
func verify(ctx context.Context, f File, path string) (*Result, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	defer r.Close()
	sha, md := sha256.New(), hash.Hash(nil)
	var w io.Writer = sha
	if f.MD5 != "" {
		md = md5.New()
		w = io.MultiWriter(sha, md)
	}
	n, err := io.CopyBuffer(w, stoppable{ctx, r}, make([]byte, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	name := strings.TrimSuffix(path, partSuffix)
	if f.Size > 0 && n != f.Size {
		return nil, fmt.Errorf("%s has %d bytes, but the published file has %d", name, n, f.Size)
	}
	sum := hex.EncodeToString(sha.Sum(nil))
	if f.SHA256 != "" && !strings.EqualFold(sum, f.SHA256) {
		return nil, fmt.Errorf("%s has the SHA-256 %s, but the published file has %s", name, sum, f.SHA256)
	}
	if md != nil {
		if s := hex.EncodeToString(md.Sum(nil)); !strings.EqualFold(s, f.MD5) {
			return nil, fmt.Errorf("%s has the MD5 %s, but the published file has %s", name, s, f.MD5)
		}
	}
	return &Result{Bytes: n, SHA256: sum}, nil
}

// stoppable stops reading when its context ends.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// Bytes formats a number of bytes for people.
func Bytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
