// Package download brings large files from the network and unpacks archives, without trust in either.
//
// [Fetch] writes beside the wanted file (name.part), continues after a cut or in a later run where the server can, checks length
// and checksum, and renames: a file under its own name is a whole one. [Unpack] writes an archive's files into a folder and
// refuses whatever would leave it: absolute names, "..", links, devices, and more bytes or files than allowed.
package download
