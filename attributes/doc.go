// Package attributes reads the vectors that describe classes and prepares them for a model.
//
// A [Table] holds raw values in the order of the dataset's classes, joined by name; a value that the source does not give is
// NaN. A [Normaliser] is fitted on the seen classes of a split alone, is stored with the model, and is applied again to any
// class described later.
package attributes
