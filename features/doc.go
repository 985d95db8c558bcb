// Package features is the file format between extraction and everything after it: a folder of Parquet shards holding one
// feature row per image, its manifest, and beside it the class table and the roles of a split.
//
// A folder is made by a [Writer]: the dataset's images are cut into parts of a fixed number of images, so that which rows
// belong to which file depends on the dataset alone. A part appears whole or not at all (written aside, synced, renamed),
// carries everything the manifest says about it in its own key-value metadata, and its bytes depend on its rows alone; a run
// that was killed is resumed by looking at what is there.
//
// Readers of whole folders use [OpenCache], an uncompressed Arrow IPC file made once from the shards and memory-mapped
// afterwards, because Parquet decodes an order of magnitude slower than memory is read. [Verify] reads every byte again.
//
// Parquet is written so that other readers see the right values: features are a nullable FixedSizeList<float32, D> holding
// no nulls, at most 512 rows per record and row group, each record fresh and unsliced, the root required. Arrow v15 writes
// wrong values silently where any of these differs.
package features
