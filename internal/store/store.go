// Package store reads and writes files in folders, in buckets with the S3 protocol (AWS, MinIO, R2, Google's interoperability
// mode) and, for reading, on web servers. A [Store] holds files under keys, names with slashes. An interrupted read resumes where
// it stopped, as long as the file is still the same.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Info describes a file.
type Info struct {
	Key      string
	Size     int64  // -1: not known
	Version  string // differs for another content of the file; "": not known
	Modified time.Time
	Ranges   bool // parts of it can be read
}

// Store is a place of files under keys. It is safe for concurrent use. The error for a file that does not exist is fs.ErrNotExist, for
// one that may not be read fs.ErrPermission.
type Store interface {
	Stat(ctx context.Context, key string) (Info, error)
	// Read returns bytes [offset, offset+length) of a file, to its end if length is negative. version, unless "", is that of
	// the file when it was looked at: if the file has changed, Read fails.
	Read(ctx context.Context, key, version string, offset, length int64) (io.ReadCloser, error)
	// List gives the files whose keys begin with prefix, sorted by key.
	List(ctx context.Context, prefix string) ([]Info, error)
	// URL names a file in messages.
	URL(key string) string
}

// writable is a store that can be written to. A file appears whole or not at all.
type writable interface {
	Store
	// Create makes a file of a key that no file has; the error for one that is there is fs.ErrExist.
	Create(ctx context.Context, key string, data []byte) error
	// Put makes a file, or replaces it.
	Put(ctx context.Context, key string, data []byte) error
	Remove(ctx context.Context, key string) error
}

// Opener opens stores by address. The zero value is ready; it is safe for concurrent use.
type Opener struct {
	S3Endpoint string // "": AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else Amazon's

	mu      sync.Mutex
	buckets map[string]Store
}

// errReadOnly is the error where something is to be written to a store that cannot be.
var errReadOnly = errors.New("it is read-only")

// IsURL reports whether an address is one of a store rather than the path of a local file.
func IsURL(address string) bool {
	scheme, _, ok := strings.Cut(address, "://")
	switch strings.ToLower(scheme) {
	case "file", "s3", "http", "https":
		return ok
	}
	return false
}

// Local is the path that an address of a local file means; ok is false for other stores' addresses.
func Local(address string) (path string, ok bool) {
	if !IsURL(address) {
		return address, true
	}
	rest, ok := strings.CutPrefix(address, "file://")
	if !ok {
		return "", false
	}
	rest = strings.TrimPrefix(rest, "localhost")
	if plain, err := url.PathUnescape(rest); err == nil {
		rest = plain
	}
	return filepath.FromSlash(rest), true
}

// At finds the store of an address and the key of it there: a path, file:///path, s3://bucket/key, http:// or https://.
func (o *Opener) At(address string) (Store, string, error) {
	if path, ok := Local(address); ok {
		return Folder(""), filepath.ToSlash(filepath.Clean(path)), nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", fmt.Errorf("%s is not a valid address: %w", address, err)
	}
	if strings.EqualFold(u.Scheme, "s3") {
		bucket, key, _ := strings.Cut(address[len("s3://"):], "/") // keys are not escaped
		s, err := o.bucket(bucket)
		return s, key, err
	}
	if u.Host == "" {
		return nil, "", fmt.Errorf("%s: the server is missing; expected an address such as https://HOST/FILE", address)
	}
	return web{}, address, nil
}

func (o *Opener) bucket(name string) (Store, error) {
	if name == "" {
		return nil, errors.New("s3:// needs a bucket: s3://bucket/key")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.buckets[name]; s != nil {
		return s, nil
	}
	s, err := openS3(name, o.S3Endpoint)
	if err != nil {
		return nil, err
	}
	if o.buckets == nil {
		o.buckets = map[string]Store{}
	}
	o.buckets[name] = s
	return s, nil
}
