// Package version names the program in what it makes.
package version

// Number is the program's version.
const Number = "0.1.0"

// Program names what made an artefact.
const Program = "vzsl " + Number
