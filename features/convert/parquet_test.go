package convert

import (
	"errors"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"pgregory.net/rapid"
)

// fakePages are pages of float32 lists without nulls, cut anywhere.
type fakePages struct {
	parquet.Pages
	floats [][]float32
	starts [][]byte
	levels byte
}

func (p *fakePages) Close() error { return nil }

func (p *fakePages) ReadPage() (parquet.Page, error) {
	if len(p.floats) == 0 {
		return nil, io.EOF
	}
	page := &fakePage{floats: p.floats[0], starts: p.starts[0], levels: slices.Repeat([]byte{p.levels}, len(p.floats[0]))}
	p.floats, p.starts = p.floats[1:], p.starts[1:]
	return page, nil
}

type fakePage struct {
	parquet.Page
	floats         []float32
	starts, levels []byte
}

func (p *fakePage) Dictionary() parquet.Dictionary { return nil }
func (p *fakePage) NumValues() int64               { return int64(len(p.floats)) }
func (p *fakePage) DefinitionLevels() []byte       { return p.levels }
func (p *fakePage) RepetitionLevels() []byte       { return p.starts }
func (p *fakePage) Data() encoding.Values          { return encoding.FloatValues(p.floats) }

// TestWholeRows: rows that are copied from a page as they are stored there are those that its values, one after the other, make, however
// rows are cut into pages; and a row that is longer or shorter than the others is found either way.
func TestWholeRows(t *testing.T) {
	tab, err := openParquet(filepath.Join("testdata", "list.parquet"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	p := tab.(*parquetTable)
	leaf := p.leaves[slices.IndexFunc(p.columns, func(c Column) bool { return c.List })]
	if leaf.Type().Kind() != parquet.Float {
		t.Fatal("the test file has no lists of float32")
	}
	rows := int(p.file.NumRows())
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 5).Draw(t, "width")
		bad := rapid.IntRange(-rows, rows-1).Draw(t, "bad row")
		var floats []float32
		var starts []byte
		for i := range rows {
			n := width
			if i == bad {
				n = rapid.IntRange(1, 2*width).Draw(t, "its width")
			}
			for k := range n {
				floats, starts = append(floats, float32(len(floats))), append(starts, byte(min(k, 1)))
			}
		}
		pages := fakePages{levels: byte(leaf.MaxDefinitionLevel())}
		for at := 0; at < len(floats); {
			n := rapid.IntRange(1, len(floats)-at).Draw(t, "page")
			pages.floats, pages.starts = append(pages.floats, floats[at:at+n]), append(pages.starts, starts[at:at+n])
			at += n
		}
		stream := func() *leafStream {
			next := pages
			return &leafStream{t: p, leaf: leaf, width: width, group: math.MaxInt, pages: &next}
		}
		var want []float32 // one value after the other
		equal := true
		for s := stream(); ; {
			v, err := s.take()
			if errors.Is(err, io.ErrUnexpectedEOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			equal = equal && (v.RepetitionLevel() == 0) == (len(want)%width == 0)
			want = append(want, v.Float())
		}
		if !slices.Equal(want, floats) {
			t.Fatalf("take gives %v of %v", want, floats)
		}
		equal = equal && len(want) == rows*width
		got := make([]float32, rows*width)
		var err error
		s := stream()
		part := rapid.IntRange(1, rows).Draw(t, "rows at once")
		for at := 0; at < rows && err == nil; at += part {
			err = s.read(got[at*width : min(at+part, rows)*width])
		}
		if equal && (err != nil || !slices.Equal(got, floats)) || !equal && (err == nil || !strings.Contains(err.Error(), "does not have")) {
			t.Fatalf("%v, %v of %v", err, got, floats)
		}
	})
}

func TestEncryptedParquet(t *testing.T) {
	for _, footer := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "x.parquet")
		err := parquet.WriteFile(path, []struct{ F float32 }{{1}, {2}},
			parquet.WithEncryption(&parquet.EncryptionConfig{FooterKey: make([]byte, 16), EncryptedFooter: footer}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(path, Options{})
		if want := path + " is an encrypted Parquet file: write it without encryption"; err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
}

// BenchmarkParquetVectors reads lists of 4096 float32, as they are stored without compression.
func BenchmarkParquetVectors(b *testing.B) {
	type row struct {
		Feature []float32 `parquet:"feature,list"`
	}
	path := filepath.Join(b.TempDir(), "x.parquet")
	rows := make([]row, 2048)
	for i := range rows {
		rows[i].Feature = make([]float32, 4096)
		for k := range rows[i].Feature {
			rows[i].Feature[k] = float32(i ^ k)
		}
	}
	if err := parquet.WriteFile(path, rows); err != nil {
		b.Fatal(err)
	}
	dst := make([]float32, len(rows)*4096)
	b.SetBytes(int64(4 * len(dst)))
	for b.Loop() {
		t, err := Open(path, Options{})
		if err != nil {
			b.Fatal(err)
		}
		v, err := t.Values(0)
		if err == nil {
			err = v.Read(b.Context(), 0, len(rows), dst)
		}
		if err := errors.Join(err, v.Close(), t.Close()); err != nil {
			b.Fatal(err)
		}
	}
}
