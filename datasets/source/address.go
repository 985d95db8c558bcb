package source

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"vzsl/internal/store"
)

// format is how a file, or a prefix of a bucket, holds images.
type format int

const (
	notOne format = iota
	tarFile
	tarGzip
	table
	list
	prefix
)

// formatOf goes by the name.
func formatOf(name string) format {
	name, _, _ = strings.Cut(strings.ToLower(name), "?") // signed addresses have their keys behind
	switch {
	case strings.HasSuffix(name, ".tar"):
		return tarFile
	case strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		return tarGzip
	case strings.HasSuffix(name, ".parquet"):
		return table
	case strings.HasSuffix(name, ".csv"), strings.HasSuffix(name, ".tsv"):
		return list
	}
	return notOne
}

// Is reports whether --data names files that hold images, or a place on a server, rather than a local folder.
func Is(address string) bool {
	if _, local := store.Local(address); !local {
		return true
	}
	return formatOf(address) != notOne
}

// expand returns the addresses that one with braces stands for: {000..009} counts, with as many digits as the first number has, {a,b}
// takes each.
func expand(address string) ([]string, error) {
	open := strings.IndexByte(address, '{')
	if open < 0 {
		return []string{address}, nil
	}
	inner, rest, ok := strings.Cut(address[open+1:], "}")
	if !ok {
		return nil, fmt.Errorf("%s: a { without }", address)
	}
	var each []string
	if first, last, ok := strings.Cut(inner, ".."); ok {
		lo, err1 := strconv.ParseUint(first, 10, 32)
		hi, err2 := strconv.ParseUint(last, 10, 32)
		if err1 != nil || err2 != nil || hi < lo || hi-lo >= 1_000_000 {
			return nil, fmt.Errorf("%s: {%s} does not count up: {000..009} does", address, inner)
		}
		for n := lo; n <= hi; n++ {
			each = append(each, fmt.Sprintf("%0*d", len(first), n))
		}
	} else {
		each = strings.Split(inner, ",")
	}
	tails, err := expand(rest)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range each {
		for _, t := range tails {
			all = append(all, address[:open]+e+t)
		}
	}
	return all, nil
}

// file is one file of a source.
type file struct {
	store store.Store
	key   string
	store.Info
}

func (f *file) url() string { return f.store.URL(f.key) }

// version is a number for the content of the file, where the server says anything of it.
func (f *file) version() int64 {
	if f.Version == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, f.Version)
	return int64(h.Sum64())
}

// files finds the files of an address, in its order, and their format.
func files(ctx context.Context, stores *store.Opener, address string) ([]*file, format, error) {
	addresses, err := expand(address)
	if err != nil {
		return nil, notOne, err
	}
	var all []*file
	for _, a := range addresses {
		st, key, err := stores.At(a)
		if err != nil {
			return nil, notOne, err
		}
		if strings.ContainsAny(key, "*") {
			some, err := matching(ctx, st, key)
			if err != nil {
				return nil, notOne, fmt.Errorf("%s: %w", a, err)
			}
			all = append(all, some...)
			continue
		}
		all = append(all, &file{store: st, key: key})
	}
	if len(all) == 0 {
		return nil, notOne, fmt.Errorf("%s: no such files", address)
	}
	is := formatOf(all[0].key)
	if is == notOne {
		if len(all) > 1 || strings.Contains(all[0].url(), "://") && !strings.HasPrefix(all[0].url(), "s3://") {
			return nil, notOne, fmt.Errorf("%s: unknown kind of file; known are .tar, .tar.gz, .tgz, .parquet, and .csv and .tsv for lists", all[0].url())
		}
		return all, prefix, nil
	}
	for _, f := range all {
		if k := formatOf(f.key); k != is && (is > tarGzip || k > tarGzip || k == notOne) {
			return nil, notOne, fmt.Errorf("%s: all files must be of one kind, not %s and %s", address, path.Base(all[0].key), path.Base(f.key))
		}
		if f.Info, err = f.store.Stat(ctx, f.key); err != nil {
			return nil, notOne, fmt.Errorf("%s: %w", f.url(), err)
		}
	}
	return all, is, nil
}

// matching returns the files whose keys match a pattern with * (any characters but slashes).
func matching(ctx context.Context, st store.Store, pattern string) ([]*file, error) {
	start := pattern[:strings.IndexByte(pattern, '*')]
	infos, err := st.List(ctx, start[:strings.LastIndexByte(start, '/')+1])
	if err != nil {
		return nil, err
	}
	var all []*file
	for _, in := range infos {
		if ok, err := path.Match(pattern, in.Key); err != nil {
			return nil, err
		} else if ok {
			all = append(all, &file{store: st, key: in.Key, Info: in})
		}
	}
	slices.SortFunc(all, func(a, b *file) int { return strings.Compare(a.key, b.key) })
	if len(all) == 0 {
		return nil, fmt.Errorf("no file matches")
	}
	return all, nil
}
