package convert

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// textFolder is a folder of features in text as Animals with Attributes hands them round: a folder per class, in it a file per
// image, <class>/<class>_0001.txt, its values separated by blanks, commas or line ends. The image is called like the file,
// with .jpg.
type textFolder struct {
	dir   string
	files []string // below dir, separated by slashes
	dim   int
	sum   string // of the list of files and their sizes
}

func openTextFolder(dir string) (Table, error) {
	t := &textFolder{dir: dir}
	list := sha256.New()
	err := walk(dir, func(name string, e fs.DirEntry) error {
		if path.Ext(name) != ".txt" || path.Dir(name) == "." { // a readme lies in dir itself
			return nil
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(list, "%d %s\n", st.Size(), name)
		t.files = append(t.files, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(t.files) == 0 {
		return nil, fmt.Errorf("%s: no <class>/<image>.txt in it; expected the folder of one kind of features, such as Features/vgg19", dir)
	}
	t.sum = hex.EncodeToString(list.Sum(nil))
	first, err := t.values(0, nil)
	t.dim = len(first)
	return t, err
}

func (t *textFolder) Path() string { return t.dir }
func (t *textFolder) Columns() []Column {
	return []Column{
		{Name: "image", Kind: Text, Type: "text", Rows: len(t.files), Width: 1},
		{Name: "feature", Kind: Number, Type: "text", Rows: len(t.files), Width: t.dim, List: true},
	}
}
func (t *textFolder) SHA256() (string, error) { return t.sum, nil }
func (t *textFolder) Close() error            { return nil }

func (t *textFolder) Texts(columns ...int) ([][]string, error) {
	all := make([][]string, len(columns))
	for i := range all {
		for _, f := range t.files {
			all[i] = append(all[i], strings.TrimSuffix(f, ".txt")+".jpg")
		}
	}
	return all, nil
}

func (t *textFolder) Values(...int) (Values, error) { return textFolderValues{t}, nil }

type textFolderValues struct{ *textFolder }

func (t textFolderValues) Read(ctx context.Context, lo, hi int, dst []float32) error {
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
	file := filepath.Join(t.dir, filepath.FromSlash(t.files[i]))
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	separator := func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\r' || r == '\t' }
	for f := range bytes.FieldsFuncSeq(b, separator) {
		v, err := strconv.ParseFloat(string(f), 32)
		if err != nil && v == 0 {
			return nil, fmt.Errorf("%s: value %d is %s, not a number", file, len(dst)+1, abbreviated(string(f)))
		}
		dst = append(dst, float32(v))
	}
	if len(dst) == 0 {
		return nil, fmt.Errorf("%s is empty", file)
	}
	return dst, nil
}
