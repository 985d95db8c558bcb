package matfile

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const hdf5Magic = "\x89HDF\r\n\x1a\n"

// other says what a file in another known format is and how to convert it; "": unknown.
func (f *File) other(head []byte) string {
	is := func(prefix string) bool { return bytes.HasPrefix(head, []byte(prefix)) }
	switch {
	case is("MATLAB 7.3 MAT-file"), f.magicAt(512):
		return "a MATLAB 7.3 file (HDF5), which is not supported; convert it " + f.conversion(inMATLAB, inMat73) +
			"\nA variable of 2 GB or more does not fit into version 7; a matrix of any size becomes one of NumPy, for 'vzsl import', " + f.conversion(inH5py)
	case is(hdf5Magic):
		return "an HDF5 file, which is not supported; convert it, if Octave wrote it, " + f.conversion(inOctave) +
			"\nA matrix of it becomes one of NumPy, for 'vzsl import', " + f.conversion(inH5py)
	case is("# Created by Octave"), is("Octave-1-"):
		return "a file in GNU Octave's own format, which is not supported; convert it " + f.conversion(inOctave)
	case is("\x1f\x8b"):
		return "a gzip file; unpack it first (gunzip), or convert it, if Octave wrote it, " + f.conversion(inOctave)
	case isText(head):
		return "not a MATLAB file but text (of save -ascii?): give it a name that ends in .txt"
	}
	return ""
}

func isText(head []byte) bool {
	return !bytes.ContainsFunc(head, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == utf8.RuneError })
}

func (f *File) magicAt(at int64) bool {
	b := make([]byte, len(hdf5Magic))
	_, err := f.r.ReadAt(b, at)
	return err == nil && string(b) == hdf5Magic
}

// converter is a program and the command by which it makes a file of version 7 of %[1]s: %[2]s, or, of a matrix of it, %[3]s.
type converter struct{ with, command string }

var (
	inMATLAB = converter{"with MATLAB", `matlab -batch "s = load('%[1]s'); save('%[2]s', '-struct', 's', '-v7')"`}
	inOctave = converter{"with GNU Octave", `octave --eval "s = load('%[1]s'); save('-v7', '%[2]s', '-struct', 's')"`}
	inMat73  = converter{"with Python (pip install mat73 scipy)", `python3 -c "import mat73, scipy.io; scipy.io.savemat(r'%[2]s', mat73.loadmat(r'%[1]s'), do_compression=True)"`}
	inSciPy  = converter{"with Python (pip install scipy)", `python3 -c "import scipy.io as s; s.savemat(r'%[2]s', {k: v for k, v in s.loadmat(r'%[1]s').items() if k[0] != '_'})"`}
	inH5py   = converter{"with Python (pip install h5py)", `python3 -c "import h5py, numpy; numpy.save(r'%[3]s', h5py.File(r'%[1]s')['features'][()])"`}
)

func (f *File) conversion(by ...converter) string {
	base := strings.TrimSuffix(f.path, filepath.Ext(f.path))
	var ways []string
	for _, c := range by {
		if strings.ContainsAny(f.path, "'\"") {
			ways = append(ways, c.with)
			continue
		}
		ways = append(ways, c.with+":\n  "+fmt.Sprintf(c.command, f.path, base+"-v7.mat", base+".npy"))
	}
	if strings.ContainsAny(f.path, "'\"") {
		return strings.Join(ways, " or ") + ": load it, then save it as version 7"
	}
	return strings.Join(ways, "\nor ")
}

// is says what an array is, for errors.
func (i *Info) is() string {
	of := i.Class.String()
	switch {
	case i.Class == Opaque && i.Of != "":
		return fmt.Sprintf("%s array (an object of MATLAB)", i.Of)
	case i.Class == Object:
		return fmt.Sprintf("%v array of objects of class %s", i.Dims, i.Of)
	case i.Class == Function:
		return "function handle"
	case i.Complex:
		of = "complex " + of
	case i.Logical && i.Class == Sparse:
		of = "sparse logical"
	case i.Logical:
		of = "logical"
	}
	return fmt.Sprintf("%v %s array", i.Dims, of)
}

// refused says what an array is in place of the numbers or the text that are wanted, and what to do about it in the program that
// wrote it.
func (i *Info) refused(wanted string, numbers bool) error {
	said := fmt.Sprintf("a %s; %s", i.is(), wanted)
	if do := i.remedy(numbers); do != "" {
		said += ": " + do
	}
	return errors.New(said)
}

// Unread says what an array is that holds neither numbers nor texts, and what to do about it in the program that wrote it.
func (i *Info) Unread() string {
	if do := i.remedy(true); do != "" {
		return fmt.Sprintf("a %s, which is not supported: %s", i.is(), do)
	}
	return fmt.Sprintf("a %s, which is not supported", i.is())
}

// remedy is the expression that converts an array to one that can be read, in MATLAB or, if Octave has such arrays, in Octave; "": none
// is certain.
func (i *Info) remedy(numbers bool) string {
	x := i.Name
	if x == "" {
		x = "x"
	}
	in := func(program, expression string) string {
		return fmt.Sprintf("in %s, y = %s; then save('file.mat', 'y', '-v7')", program, fmt.Sprintf(expression, x))
	}
	const both = "MATLAB or Octave"
	switch {
	case i.Class == Struct && i.Len() == 1:
		return fmt.Sprintf("name one of its fields, as %s.field", x)
	case i.Class == Struct && numbers:
		return "only the fields of a single struct are read; " + in(both, "[%s.field]")
	case i.Class == Struct:
		return "only the fields of a single struct are read; " + in(both, "{%s.field}")
	case i.Class == Object:
		return in(both, "struct(%s)")
	case i.Complex && numbers:
		return in(both, "abs(%s)") + ", or real(...) where the imaginary part is 0"
	case i.Class == Cell && numbers:
		return "if its cells are numbers, " + in(both, "cell2mat(%s)")
	case i.Class != Opaque:
		return ""
	}
	switch i.Of {
	case "string", "categorical":
		return in("MATLAB", "cellstr(%s)")
	case "table", "timetable":
		return in("MATLAB", "table2struct(%s, 'ToScalar', true)") + ", and name a column as y.column"
	case "containers.Map":
		return in("MATLAB", "values(%s)")
	case "gpuArray":
		return in("MATLAB", "gather(%s)")
	case "dlarray":
		return in("MATLAB", "extractdata(%s)")
	}
	return "MATLAB alone reads its objects: save the values that are needed as a matrix or a cell array of texts, with -v7"
}
