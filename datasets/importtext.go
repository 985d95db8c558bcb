package datasets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"vzsl/features"
)

// ImportText makes shards of a folder of features in text as Animals with Attributes hands them round: a folder per class, in
// it a file per image, <class>/<class>_0001.txt, its values separated by blanks, commas or line ends. The image is called
// like the file, with .jpg. Folders must be called like classes. The sha256 in the shards is that of the list of files and
// their sizes.
func ImportText(ctx context.Context, o Import) (*features.Manifest, error) {
	index := make(map[string]int, len(o.Classes))
	names := make([]string, len(o.Classes))
	for i, c := range o.Classes {
		index[c.Name], names[i] = i, c.Name
	}
	entries, err := os.ReadDir(o.Features)
	if err != nil {
		return nil, err
	}
	t := &textFolder{dir: o.Features}
	var images []string
	var labels []int
	list := sha256.New()
	for _, e := range entries {
		class := e.Name()
		if !e.IsDir() || strings.HasPrefix(class, ".") {
			continue
		}
		k, ok := index[class]
		if !ok {
			return nil, fmt.Errorf("%s: %w", filepath.Join(o.Features, class), unknownClass(class, names))
		}
		files, err := os.ReadDir(filepath.Join(o.Features, class))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			name, ok := strings.CutSuffix(f.Name(), ".txt")
			if !ok || f.IsDir() || strings.HasPrefix(name, ".") {
				continue
			}
			st, err := f.Info()
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(list, "%d %s/%s\n", st.Size(), class, f.Name())
			t.files = append(t.files, filepath.Join(class, f.Name()))
			images = append(images, class+"/"+name+".jpg")
			labels = append(labels, k)
		}
	}
	if len(t.files) == 0 {
		return nil, fmt.Errorf("%s: no <class>/<image>.txt in it; the folder of one kind of features is wanted, as Features/vgg19", o.Features)
	}
	t.hash = hex.EncodeToString(list.Sum(nil))
	first, err := t.values(0, nil)
	if err != nil {
		return nil, err
	}
	t.dim = len(first)
	d, err := o.dataset(images, labels)
	if err != nil {
		return nil, err
	}
	return o.store(ctx, d, t, "import text")
}

// textFolder is a file of text per row.
type textFolder struct {
	dir   string
	files []string
	dim   int
	hash  string
}

func (t *textFolder) size() (rows, dim int) { return len(t.files), t.dim }
func (t *textFolder) sum() (string, error)  { return t.hash, nil }

func (t *textFolder) read(ctx context.Context, lo, hi int, dst []float32) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := lo; i < hi; i++ {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			row := dst[(i-lo)*t.dim : (i-lo+1)*t.dim]
			v, err := t.values(i, row[:0:t.dim])
			if err == nil && len(v) != t.dim {
				err = fmt.Errorf("%s holds %d values, %s %d", filepath.Join(t.dir, t.files[i]), len(v), t.files[0], t.dim)
			}
			return err
		})
	}
	return g.Wait()
}

// values appends the numbers of file i to dst.
func (t *textFolder) values(i int, dst []float32) ([]float32, error) {
	path := filepath.Join(t.dir, t.files[i])
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	separator := func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\r' || r == '\t' }
	for f := range bytes.FieldsFuncSeq(b, separator) {
		v, err := strconv.ParseFloat(string(f), 32)
		if err != nil && v == 0 {
			return nil, fmt.Errorf("%s: value %d is %s, not a number", path, len(dst)+1, abbreviated(string(f)))
		}
		dst = append(dst, float32(v))
	}
	if len(dst) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return dst, nil
}
