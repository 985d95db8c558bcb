// Package tasks divides a long command into tasks for processes on several machines, which need no leases or locks. A
// [Plan] lists the units of work; task i of n carries out the units i, i+n, i+2n and so on. A finished unit has a
// [Note] beside the plan and is not computed again: running a task again retries what failed. Two processes may work on
// the same unit: both compute the same bytes, and different bytes are an error. When all units are done, one process
// finishes the command.
package tasks
