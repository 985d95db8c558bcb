// Package source reads datasets as people store them: tar files (WebDataset's, or of a folder), Parquet tables with a column of
// images (Hugging Face's), lists of paths or addresses, and folders in a bucket; each here or on a server. [Open] lists the images
// once; then they are read from the front of each file to its end, however they are asked for: what comes before its turn waits in
// memory and, where there is much of it, in a temporary file. From plain tar files and lists single images are read where they lie.
//
// Names, classes and their order are those of the same images in a folder per class wherever the source names them so: the features
// are then the same bytes.
package source
