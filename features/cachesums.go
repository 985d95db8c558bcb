package features

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/zeebo/xxh3"
)

// The training cache is checked as a whole each time it is opened, in blocks that all processors share: XXH3 reads it about as fast as
// memory gives it, where the SHA-256 of the other files would take longer than some evaluations. The sums stand in a file beside it.
const (
	cacheSumsName   = "cache.xxh3"
	cacheSumsFormat = "vzsl-blocks/1"
	cacheBlock      = 4 << 20
)

// encodeCacheSums are the sums of a cache's blocks as a file: the format, the cache's key and size, a sum a line, and a last line with the
// XXH3 of those before.
func encodeCacheSums(key string, size int64, sums []uint64) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %d\n", cacheSumsFormat, key, size)
	for _, s := range sums {
		fmt.Fprintf(&b, "%016x\n", s)
	}
	fmt.Fprintf(&b, "%016x\n", xxh3.Hash(b.Bytes()))
	return b.Bytes()
}

// sumBlocks are the sums of a file's blocks.
func sumBlocks(path string) (sums []uint64, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	size = st.Size()
	sums, err = eachBlock(size, func(from, to int64, buf []byte) ([]byte, error) {
		if buf == nil {
			buf = make([]byte, cacheBlock)
		}
		_, err := f.ReadAt(buf[:to-from], from)
		return buf[:to-from], err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", path, err)
	}
	return sums, size, nil
}

// sumMapped is sumBlocks of a file that is mapped: nothing is copied, and what is read here need not be read when it is used.
func sumMapped(mapped []byte) ([]uint64, error) {
	return eachBlock(int64(len(mapped)), func(from, to int64, _ []byte) ([]byte, error) { return mapped[from:to], nil })
}

// eachBlock hashes the blocks of size bytes, which block gives.
func eachBlock(size int64, block func(from, to int64, buf []byte) ([]byte, error)) ([]uint64, error) {
	sums := make([]uint64, (size+cacheBlock-1)/cacheBlock)
	errs := make([]error, len(sums))
	next := make(chan int)
	var crew sync.WaitGroup
	for range min(len(sums), runtime.GOMAXPROCS(0)) {
		crew.Go(func() {
			var buf []byte
			hash := func(i int) (err error) {
				// Where a mapped file's disk fails, the system sends SIGBUS.
				defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
				defer func() {
					if fault := recover(); fault != nil {
						err = fmt.Errorf("the disk could not be read: %v", fault)
					}
				}()
				from := int64(i) * cacheBlock
				b, err := block(from, min(from+cacheBlock, size), buf)
				if err == nil {
					sums[i], buf = xxh3.Hash(b), b[:cap(b)]
				}
				return err
			}
			for i := range next {
				errs[i] = hash(i)
			}
		})
	}
	for i := range sums {
		next <- i
	}
	close(next)
	crew.Wait()
	return sums, errors.Join(errs...)
}

// checkBlocks reads a cache's every byte and compares it with the sums beside it. key is that of the shards; "": that which the sums name.
// mapped, if not nil, is the file.
func checkBlocks(path, key string, mapped []byte) (err error) {
	want, err := os.ReadFile(filepath.Join(filepath.Dir(path), cacheSumsName))
	if err != nil {
		return err
	}
	if key == "" {
		_, after, _ := strings.Cut(string(want), " ")
		key, _, _ = strings.Cut(after, " ")
	}
	var sums []uint64
	size := int64(len(mapped))
	if mapped != nil {
		sums, err = sumMapped(mapped)
	} else {
		sums, size, err = sumBlocks(path)
	}
	if err != nil {
		return err
	}
	have := encodeCacheSums(key, size, sums)
	if bytes.Equal(have, want) {
		return nil
	}
	a, b := bytes.Split(have, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range a {
		if i >= len(b) || !bytes.Equal(a[i], b[i]) {
			if i > 0 && i <= len(sums) && len(a) == len(b) {
				return fmt.Errorf("%s is damaged: the bytes from %d on are not those that were written", path, (i-1)*cacheBlock)
			}
			break
		}
	}
	return fmt.Errorf("%s or %s beside it is damaged: they do not belong together", path, cacheSumsName)
}
