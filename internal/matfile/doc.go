// Package matfile reads and writes MATLAB's level 5 files, which save -v6 and -v7 and SciPy's savemat make (MathWorks, "MAT-File
// Format"): numeric arrays of every type, texts, cells, structs, logical and sparse arrays, compressed or not, in either byte
// order. [File.Read] takes a variable whole; [File.Stream] gives the values of a matrix one after another, for those that do not
// fit in memory. Version 7.3 files are HDF5 and version 4 files are something else again: both are recognised, and the error
// says which command converts them.
//
// Nothing is allocated on a header's word alone: memory grows with the bytes that are really there, and a variable that
// inflates to far more than its file is refused except as a stream.
package matfile
