// Package ops turns the operators of a network into the steps of a plan.
//
// [Build] goes over the nodes that a tensor needs, in order, and infers every shape for one image. The file
// of each family of operators holds its emitters, which operators.go lists. A node whose arguments are all
// constants is folded: by package fold, or by evaluating the steps it emits.
package ops
