// Package convert reads the tables that other programs write and makes feature shards of them, and writes shards in their
// formats.
//
// Reading has three steps, the same for every format: a [Table] gives typed columns (a reader is one file and a row in open.go);
// the roles of the columns (image name, class name, class number, features) come from flags first and from the usual names
// second (roles.go); what came out is compared with the dataset: its class names and numbers and the images that it knows
// (labels.go). What was taken for what is said; what could be several things is refused with the flag that settles it.
package convert
