// Package fold computes with constants: values that do not depend on the image, which are a tensor of the
// file, left there, or numbers computed from such.
//
// [Node] gives the results of operators on constants where that takes no arithmetic, or where no step of a
// plan does the like on images; all other operators are folded by evaluating their own steps (package ops).
package fold
