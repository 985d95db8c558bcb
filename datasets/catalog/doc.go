// Package catalog knows the datasets of the field: an [Entry] for each has how its folder is read, its class attributes,
// published splits, sizes, download addresses and published figures. [Lookup] finds one by name, [Open] reads a folder,
// [PublishedSplit] gives a split of the literature.
//
// It is above packages datasets and attributes, which know no dataset by name.
package catalog
