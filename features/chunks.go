package features

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"

	"github.com/zeebo/xxh3"
)

// grownName is the name of a shard of a collection: what images it is of (listKey), and what these were (contentKey).
var grownName = regexp.MustCompile(`^part-([0-9a-f]{16})-([0-9a-f]{8})\.parquet$`)

func grownFile(list, content string) string { return "part-" + list + "-" + content + ".parquet" }

// cuts divides a list of images into shards of consecutive images, at most limit each: it gives where each shard begins, and the
// end. Content-defined chunking: a shard begins at an image whose path has the smallest hash of all within limit/3 images before
// and after it. So a cut depends on its neighbourhood alone, and an image that is added or removed moves no other cut: the shards
// around it change, all others stay as they are. Between two such cuts lie at least limit/3 images and three fifths of limit on
// average; more than limit are divided evenly. A list of at most limit images is one shard.
func cuts(n, limit int, path func(i int) string) []int {
	if n <= limit {
		return []int{0, n}
	}
	window := max(1, limit/3)
	hash := make([]uint64, n)
	for i := range hash {
		hash[i] = xxh3.HashString(path(i))
	}
	at := []int{0}
	cut := func(end int) {
		begin := at[len(at)-1]
		pieces := (end - begin + limit - 1) / limit
		for k := 1; k < pieces; k++ {
			at = append(at, begin+(end-begin)*k/pieces)
		}
		at = append(at, end)
	}
	for i := window; i+window <= n; i++ {
		if smallest(hash, i, window) {
			cut(i)
		}
	}
	cut(n)
	return at
}

// smallest reports whether hash i is below all within window before and after it; of equal ones the first is.
func smallest(hash []uint64, i, window int) bool {
	for d := 1; d <= window; d++ {
		if hash[i-d] <= hash[i] || i+d < len(hash) && hash[i+d] < hash[i] {
			return false
		}
	}
	return true
}

// listKey identifies images in their order with their classes and labels.
func listKey(images []Image, classes []Class) string {
	h := sha256.New()
	var line []byte // as Fprintf("%d %q %q\n") without its garbage: there are millions
	for _, m := range images {
		name := ""
		if m.Class != Unlabelled {
			name = classes[m.Class].Name
		}
		line = append(strconv.AppendInt(line[:0], int64(m.Class), 10), ' ')
		line = append(strconv.AppendQuote(line, name), ' ')
		line = append(strconv.AppendQuote(line, m.Path), '\n')
		h.Write(line)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// contentKey identifies the files of images in their order, and which of them were skipped.
func contentKey(files []imageRecord, reasons []string) string {
	h := sha256.New()
	var b [8]byte
	for i := range files {
		binary.LittleEndian.PutUint64(b[:], uint64(files[i].bytes))
		h.Write(b[:])
		h.Write(files[i].sha[:])
		fmt.Fprintf(h, "%q\n", reasons[i])
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}
