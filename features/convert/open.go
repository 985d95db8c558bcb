package convert

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say how a foreign file is read.
type Options struct {
	Format string // one of Formats; "": by its first bytes
	List   bool   // a list of labels or names is wanted, not a matrix
	Temp   string // folder for temporary copies; "": the system's
}

// format is one kind of file. A new one is a row here and a file beside this.
type format struct {
	name  string
	magic []string // first bytes; none: text
	ext   []string
	open  func(path string, o Options) (Table, error)
}

var formats = []format{
	{"parquet", []string{"PAR1"}, []string{".parquet", ".pq"}, openParquet},
	{"arrow", []string{"ARROW1", "\xff\xff\xff\xff"}, []string{".arrow", ".feather", ".ipc", ".arrows"}, openArrow},
	{"npy", []string{"\x93NUMPY"}, []string{".npy"}, openNPYTable},
	{"npz", []string{"PK\x03\x04", "PK\x05\x06"}, []string{".npz"}, openNPZ},
	{"mat", []string{"MATLAB 5.0"}, []string{".mat"}, openMAT},
	{"csv", nil, []string{".csv", ".tsv"}, openText},
	{"text", nil, []string{".txt", ".tab", ".dat"}, openText},
}

// Formats are the formats that are read, by name.
func Formats() []string {
	var l []string
	for _, f := range formats {
		l = append(l, f.name)
	}
	return l
}

// advice for files that are known and not read, by their first bytes.
var advice = []struct{ magic, says string }{
	{"\x89HDF\r\n\x1a\n", "an HDF5 file: save its arrays with numpy.savez(file, x=h5[\"x\"][:]); of MATLAB's version 7.3 with save(file, '-v7')"},
	{"FEA1", "Feather version 1: write it with pyarrow.feather.write_feather(table, file) or as Parquet"},
	{"\x1f\x8b", "compressed with gzip: unpack it with gunzip"},
	{"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it with unzstd"},
	{"BZh", "compressed with bzip2: unpack it with bunzip2"},
	{"\x80\x02", "a Python pickle: save arrays with numpy.save, data frames with to_parquet"},
	{"\x80\x03", "a Python pickle: save arrays with numpy.save, data frames with to_parquet"},
	{"\x80\x04", "a Python pickle: save arrays with numpy.save, data frames with to_parquet"},
	{"\x80\x05", "a Python pickle: save arrays with numpy.save, data frames with to_parquet"},
	{"SQLite format 3", "an SQLite database: write the table as CSV"},
	{"Obj\x01", "an Avro file: write the table as Parquet"},
	{"PARE", "an encrypted Parquet file: write it without encryption"},
	{"ORC", "an ORC file: write the table as Parquet"},
	{"\xd0\xcf\x11\xe0", "an Excel file: save the sheet as CSV UTF-8"},
}

// Open opens a foreign table: a file, a folder of files of one format (Parquet with partitions in its folders' names, NumPy,
// Arrow, text), or a folder of a text file per image.
func Open(path string, o Options) (Table, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return openFolder(path, o)
	}
	if st.Size() == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	f, err := detect(path)
	if err != nil {
		return nil, err
	}
	if text := []string{"csv", "text"}; o.Format != "" && o.Format != f.name && (!slices.Contains(text, o.Format) || !slices.Contains(text, f.name)) {
		return nil, fmt.Errorf("%s is not of the format %s but %s", path, o.Format, f.name)
	}
	return f.open(path, o)
}

// Detect is the format of a file, one of Formats.
func Detect(path string) (string, error) {
	f, err := detect(path)
	if err != nil {
		return "", err
	}
	return f.name, nil
}

// detect finds the format of a file by its first bytes, of text by its name.
func detect(path string) (*format, error) {
	start, err := firstBytes(path, 512)
	if err != nil {
		return nil, err
	}
	for i := range formats {
		for _, m := range formats[i].magic {
			if bytes.HasPrefix(start, []byte(m)) {
				return &formats[i], nil
			}
		}
	}
	ext := extension(path)
	if mat := slices.IndexFunc(formats, func(f format) bool { return f.name == "mat" }); ext == ".mat" {
		return &formats[mat], nil // its reader knows what else is called so: HDF5, Octave's own formats
	}
	for _, a := range advice {
		if bytes.HasPrefix(start, []byte(a.magic)) {
			return nil, fmt.Errorf("%s is %s", path, a.says)
		}
	}
	var text *format
	for i, f := range formats {
		switch {
		case f.magic == nil && (text == nil || slices.Contains(f.ext, ext)):
			text = &formats[i]
		case slices.Contains(f.ext, ext):
			return f.mismatch(path, start)
		}
	}
	if bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff")) || !bytes.Contains(start, []byte{0}) {
		return text, nil // UTF-16 is refused with its own words
	}
	return nil, fmt.Errorf("%s is not in a supported format: %s", path, strings.Join(Formats(), ", "))
}

// mismatch says what is wrong with a file whose first bytes are not those of the format that its name promises.
func (f *format) mismatch(path string, start []byte) (*format, error) {
	if !bytes.Contains(start, []byte{0}) {
		return nil, fmt.Errorf("%s is text, not a file of the format %s: give it a name that ends in .csv or .txt", path, f.name)
	}
	return nil, fmt.Errorf("%s is not a readable file of the format %s: its first bytes are wrong; copy or write it again", path, f.name)
}

func extension(path string) string { return strings.ToLower(filepath.Ext(path)) }

func firstBytes(path string, n int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, n)
	n, err = io.ReadFull(f, b)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b[:n], nil
}

// walk calls do with the files in and below dir, sorted, named below it and separated by slashes. Hidden files, macOS's (._x)
// and engines' own (_SUCCESS, _metadata) are left out.
func walk(dir string, do func(name string, e fs.DirEntry) error) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch name := e; {
		case err != nil:
			return err
		case path == dir:
			return nil
		case strings.HasPrefix(name.Name(), ".") || strings.HasPrefix(name.Name(), "_"):
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case e.IsDir():
			return nil
		}
		below, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return do(filepath.ToSlash(below), e)
	})
}

// openFolder opens the files of a folder as one table. They must be of one format.
func openFolder(dir string, o Options) (Table, error) {
	byFormat := map[string][]string{}
	err := walk(dir, func(name string, _ fs.DirEntry) error {
		ext := extension(name)
		for _, f := range formats {
			if slices.Contains(f.ext, ext) && (o.Format == "" || o.Format == f.name) {
				byFormat[f.name] = append(byFormat[f.name], name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if o.Format == "text" || o.Format == "" && len(byFormat) == 1 && byFormat["text"] != nil {
		return openTextFolder(dir)
	}
	if o.Format == "" {
		delete(byFormat, "text") // readmes
	}
	var found []string
	for f := range byFormat {
		found = append(found, f)
	}
	slices.Sort(found)
	switch {
	case len(found) == 0 && o.Format != "":
		return nil, fmt.Errorf("no .%s files in %s", o.Format, dir)
	case len(found) == 0:
		return nil, fmt.Errorf("no tables in %s; formats: %s", dir, strings.Join(Formats(), ", "))
	case len(found) > 1:
		return nil, fmt.Errorf("%s holds files of several formats (%s): name the files to read", dir, strings.Join(found, ", "))
	}
	var paths []string
	for _, name := range byFormat[found[0]] {
		paths = append(paths, filepath.Join(dir, filepath.FromSlash(name)))
	}
	o.Format = found[0]
	return openMany(paths, dir, o)
}

// openAll opens several files as one table, their rows one after the other in the order given.
func openAll(paths []string, o Options) (Table, error) {
	if len(paths) == 1 {
		return Open(paths[0], o)
	}
	return openMany(paths, "", o)
}
