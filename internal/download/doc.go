// Package download downloads large files and unpacks archives, and trusts neither.
//
// [Fetch] writes beside the wanted file (name.part), continues after a cut or in a later run where the server can, checks length
// and checksum, and renames: a file under its own name is complete. [Unpack] writes an archive's files into a folder and
// refuses whatever would be written outside it: absolute names, "..", links, devices, and more bytes or files than allowed.
package download
