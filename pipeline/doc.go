// Package pipeline is the vzsl command: its stages as subcommands, their flags and configuration
// file, the folders between them, what is shown while they run, and the exit codes.
//
// Data goes one way. extract turns images into feature shards, attributes turns class descriptions
// into a class table, split gives every image its role, train makes a model of the three, evaluate
// makes a report of the model. Between two commands there is always a file that other tools can
// open. The package knows all the others and none of them knows it.
package pipeline
