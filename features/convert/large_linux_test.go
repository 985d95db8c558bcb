package convert

import (
	"archive/zip"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"

	"vzsl/internal/matfile"
)

const largeFile, largeDim = "VZSL_LARGE_FILE", 4096

// TestLargeChild is the process whose memory TestLarge measures: it imports a file.
func TestLargeChild(t *testing.T) {
	file := os.Getenv(largeFile)
	if file == "" {
		t.Skip("run by TestLarge")
	}
	_, err := Run(context.Background(), Import{Files: []string{file}, Unlabelled: true, Dataset: "d", Network: "n", Layer: "l", Recipe: "r",
		Program: "p", Out: filepath.Join(filepath.Dir(file), "out"), Say: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(string(status))
}

// TestLarge imports large files of each format, of VZSL_LARGE_GB gigabytes of float32 (2), in another process: its memory does not
// grow with them. The values are easily compressed, so that the files need little disk; the text is an eighth of the size, the shards
// need what they compress to.
func TestLarge(t *testing.T) {
	if os.Getenv("VZSL_LONG") == "" {
		t.Skip("long test (minutes, some GB of disk); set VZSL_LONG=1")
	}
	gb, err := strconv.ParseFloat(os.Getenv("VZSL_LARGE_GB"), 64)
	if err != nil {
		gb = 2
	}
	rows := max(1, int(gb*(1<<30)/4/largeDim)/largeGroup) * largeGroup
	for _, c := range []struct {
		file  string
		write func(f *os.File, rows int) error
		rows  int
	}{
		{"x.npy", nil, rows},
		{"x.npz", largeNPZ, rows},
		{"x.mat", largeMAT, min(rows, (1<<32-1<<20)/8/largeDim)}, // float64, of which a variable has 4 GB at most
		{"vectors.parquet", largeVectors, rows},
		{"columns.parquet", largeColumns, rows},
		{"x.csv", largeCSV, rows / 8},
	} {
		t.Run(c.file, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.file)
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if c.write == nil { // a header and a hole
				h := npyText(rows)
				if _, err = f.WriteString(h); err == nil {
					err = f.Truncate(int64(len(h)) + 4*largeDim*int64(rows))
				}
			} else {
				err = c.write(f, c.rows)
			}
			if err != nil {
				t.Fatal(err)
			}
			size := fileSize(f)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d MB in %s", size>>20, time.Since(start).Round(time.Second))
			start = time.Now()
			child := exec.Command(os.Args[0], "-test.run=^TestLargeChild$", "-test.v")
			child.Env = append(os.Environ(), largeFile+"="+path)
			out, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var peak int64 // rusage's would count what the child was forked from
			_, after, _ := strings.Cut(string(out), "VmHWM:")
			if _, err := fmt.Sscan(after, &peak); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			peak >>= 10
			p := child.ProcessState
			t.Logf("%d rows of %d: %d MB at most, %.0f s, %.0f s of processor time", c.rows, largeDim, peak, time.Since(start).Seconds(),
				(p.UserTime() + p.SystemTime()).Seconds())
			if most := 448 + int64(c.rows)*256>>20; peak > most { // a row has a name
				t.Errorf("%d MB, %d at most are allowed", peak, most)
			}
		})
	}
}

func npyText(rows int) string {
	h := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, largeDim)
	h += strings.Repeat(" ", 63-(10+len(h))%64) + "\n"
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(h)), byte(len(h) >> 8)}) + h
}

func largeNPZ(w *os.File, rows int) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 1) })
	e, err := z.Create("x.npy")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(e, npyText(rows)); err != nil {
		return err
	}
	row := make([]byte, 4*largeDim)
	for range rows {
		if _, err := e.Write(row); err != nil {
			return err
		}
	}
	return z.Close()
}

func largeMAT(w *os.File, rows int) error {
	m, err := matfile.NewWriter(w, "test")
	if err != nil {
		return err
	}
	return m.Columns("features", largeDim, rows, func(_ int, dst []float64) error { clear(dst); return nil })
}

// largeGroup is the number of rows in a row group, which is written once and named again and again.
const largeGroup = 1 << 16

// largeVectors writes lists of float32.
func largeVectors(f *os.File, rows int) error {
	type row struct {
		Feature []float32 `parquet:"feature,list"`
	}
	p := parquet.NewGenericWriter[row](f, parquet.Compression(&parquet.Zstd))
	r := []row{{Feature: make([]float32, largeDim)}}
	for i := range largeGroup {
		for k := range r[0].Feature {
			r[0].Feature[k] = float32(i)
		}
		if _, err := p.Write(r); err != nil {
			return err
		}
	}
	if err := p.Close(); err != nil {
		return err
	}
	return repeatGroup(f, rows/largeGroup)
}

// largeColumns writes a column for each feature.
func largeColumns(f *os.File, rows int) error {
	g := parquet.Group{}
	for i := range largeDim {
		g[fmt.Sprintf("f%04d", i)] = parquet.Optional(parquet.Leaf(parquet.FloatType))
	}
	p := parquet.NewWriter(f, parquet.NewSchema("x", g), parquet.Compression(&parquet.Zstd))
	r := make(parquet.Row, largeDim)
	for i := range largeGroup {
		for k := range r {
			r[k] = parquet.FloatValue(float32(i/1024)).Level(0, 1, k)
		}
		if _, err := p.WriteRows([]parquet.Row{r}); err != nil {
			return err
		}
	}
	if err := p.Close(); err != nil {
		return err
	}
	return repeatGroup(f, rows/largeGroup)
}

// repeatGroup makes the one row group of a file as many as are asked for, of the same bytes.
func repeatGroup(f *os.File, times int) error {
	file, err := parquet.OpenFile(f, fileSize(f))
	if err != nil {
		return err
	}
	m := *file.Metadata()
	m.NumRows *= int64(times)
	m.RowGroups = slices.Repeat(m.RowGroups, times)
	b, err := thrift.Marshal(new(thrift.CompactProtocol), &m)
	if err != nil {
		return err
	}
	b = append(binary.LittleEndian.AppendUint32(b, uint32(len(b))), "PAR1"...)
	_, err = f.WriteAt(b, fileSize(f))
	return err
}

func largeCSV(w *os.File, rows int) error {
	b := []byte("image")
	for i := range largeDim {
		b = fmt.Appendf(b, ",f%d", i)
	}
	for i := range rows {
		b = fmt.Appendf(append(b, '\n'), "%08d.jpg", i)
		for range largeDim {
			b = append(b, ",0.125"...)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err := w.Write([]byte{'\n'})
	return err
}
