// Package methods holds the other methods of zero-shot recognition, one file each, behind the interface of package
// method.
package methods
