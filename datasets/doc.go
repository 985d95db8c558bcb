// Package datasets says what a dataset is: classes, images, and where their files lie. Each layout in which datasets are
// handed round has a file of its own here (awa.go, cub.go, folder.go, imagenet.go, sun.go, xlsa17.go); [Open] reads one. The
// package also reads class lists, makes splits, a [shards.Roles], from them, takes over features that other programs computed
// into shards, and writes them for the programs of others.
//
// Everything is joined by name or id, never by position, and an inconsistency is an error that names file and line, before
// hours are spent on it. What is odd but allowed is said in the dataset's notes.
package datasets
