// Package datasets says what a dataset is: a [Dataset] has classes and images, and where their files are. [OpenFolder] reads a
// folder of one's own, [ReadClassList] a list of class names. The datasets of the field are in package catalog, splits into
// seen and unseen classes in package splits, the distribution xlsa17 in package xlsa17.
//
// Everything is joined by name or id, never by position, and an inconsistency is an error that names file and line. What is
// unusual but allowed is in the dataset's Notes.
package datasets
