package convert

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vzsl/features"
	"vzsl/internal/wholefile"
)

// ExportNPY writes features as NumPy arrays to dir: features.npy (float32, a row per image), labels.npy (int32, lines
// of classes.txt from 0; -1 without a class), and as text images.txt (a line per row) and classes.txt (the classes with images,
// in the order of the class table). It returns the files.
func ExportNPY(ctx context.Context, f *features.Cache, dir string, progress func(done, total int)) ([]string, error) {
	files := []string{"features.npy", "labels.npy", "images.txt", "classes.txt"}
	for i, name := range files {
		files[i] = filepath.Join(dir, name)
	}
	n := f.Rows()
	err := writeNPY(files[0], "<f4", []int{n, f.Dim()}, func(w *bufio.Writer) error {
		buf := make([]byte, 0, 4*f.Dim())
		for i := range n {
			buf = buf[:0]
			for _, v := range f.Feature(i) {
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
			}
			if _, err := w.Write(buf); err != nil {
				return err
			}
			if err := step(ctx, progress, i+1, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	classes, labels := classLines(f)
	if len(classes) == 0 { // rows without a class have neither
		files = []string{files[0], files[2]}
		return files, writeLines(files[1], f.Images())
	}
	err = writeNPY(files[1], "<i4", []int{n}, func(w *bufio.Writer) error {
		return binary.Write(w, binary.LittleEndian, labels)
	})
	if err != nil {
		return nil, err
	}
	if err := writeLines(files[2], f.Images()); err != nil {
		return nil, err
	}
	return files, writeLines(files[3], classes)
}

// writeLines writes a text a line.
func writeLines(path string, lines []string) error {
	return wholefile.Write(path, func(w io.WriteSeeker) error {
		for _, l := range lines {
			if strings.ContainsAny(l, "\r\n") || strings.TrimSpace(l) != l {
				return fmt.Errorf("%q contains a line break, or begins or ends with a blank, which a text list cannot hold; export as arrow", l)
			}
		}
		_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
		return err
	})
}

// classLines are the classes with images in the order of their labels, and for each row the place of its class among them, -1
// without a class.
func classLines(f *features.Cache) (classes []string, labels []int32) {
	byLabel := map[int32]string{}
	for i, l := range f.Labels() {
		if l != features.Unlabelled {
			byLabel[l] = f.Classes()[i]
		}
	}
	place := map[int32]int32{features.Unlabelled: -1}
	for _, l := range slices.Sorted(maps.Keys(byLabel)) {
		place[l] = int32(len(classes))
		classes = append(classes, byLabel[l])
	}
	for _, l := range f.Labels() {
		labels = append(labels, place[l])
	}
	return classes, labels
}

// writeNPY writes an array file of format version 1.0: magic, header padded to a multiple of 64 bytes, values in C order.
func writeNPY(path, kind string, shape []int, values func(w *bufio.Writer) error) error {
	dims := make([]string, len(shape))
	for i, d := range shape {
		dims[i] = strconv.Itoa(d)
	}
	tuple := strings.Join(dims, ", ")
	if len(shape) == 1 {
		tuple += ","
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, tuple)
	const before = 10 // magic, version, length
	header += strings.Repeat(" ", 63-(before+len(header))%64) + "\n"
	return wholefile.Write(path, func(f io.WriteSeeker) error {
		w := bufio.NewWriterSize(f, 1<<20)
		head := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
		binary.LittleEndian.PutUint16(head[8:], uint16(len(header)))
		_, _ = w.Write(append(head, header...)) // errors stay until Flush
		if err := values(w); err != nil {
			return err
		}
		return w.Flush()
	})
}

// ExportCSV writes features as a table of text: image, class, then a column for each value (f0, f1, ...), with as many digits
// as give back the same float32.
func ExportCSV(ctx context.Context, f *features.Cache, path string, progress func(done, total int)) error {
	return wholefile.Write(path, func(to io.WriteSeeker) error {
		w := csv.NewWriter(to)
		row := []string{"image", "class"}
		for k := range f.Dim() {
			row = append(row, "f"+strconv.Itoa(k))
		}
		if err := w.Write(row); err != nil {
			return err
		}
		for i := range f.Rows() {
			row[0], row[1] = f.Images()[i], f.Classes()[i]
			for k, v := range f.Feature(i) {
				row[k+2] = strconv.FormatFloat(float64(v), 'g', -1, 32)
			}
			if err := w.Write(row); err != nil {
				return err
			}
			if err := step(ctx, progress, i+1, f.Rows()); err != nil {
				return err
			}
		}
		w.Flush()
		return w.Error()
	})
}

// ExportArrow writes features as an Arrow IPC file, uncompressed, to be mapped into memory: image, class, label, feature
// (FixedSizeList of float32). It is the file that training maps.
func ExportArrow(f *features.Cache, path string) error {
	return wholefile.Write(path, func(w io.WriteSeeker) error {
		from, err := os.Open(f.Path())
		if err != nil {
			return err
		}
		defer from.Close()
		_, err = io.Copy(w, from)
		return err
	})
}

// step reports progress and ends with ctx.
func step(ctx context.Context, progress func(done, total int), done, total int) error {
	if progress != nil {
		progress(done, total)
	}
	return ctx.Err()
}
