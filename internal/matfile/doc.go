// Package matfile reads and writes MATLAB's level 5 files, which save -v6 and -v7 and SciPy's savemat make (MathWorks, "MAT-File
// Format"): numeric arrays of every type, texts, cells, structs, logical and sparse arrays, compressed or not, in either byte
// order. A field of a single struct is a variable called "s.field". [File.Read] takes a variable whole; [File.Stream] gives the values of a matrix one after another, for those that do not
// fit in memory. Version 7.3 files are HDF5, version 4 files and those of GNU Octave's own formats are other formats: they are
// recognised, and the error says which command converts them. Objects of MATLAB (string, table, ...), function handles and arrays of
// several structs are listed, and refused with advice what to save instead.
//
// No header is trusted to allocate memory: memory grows with the bytes that are present, and a variable that
// inflates to far more than its file is refused except as a stream.
package matfile
