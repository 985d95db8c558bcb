// Package tasks divides a long command into tasks that processes on several machines carry out, without leases and locks between
// them. A [Plan] lists the units of work; task i of n carries out the units i, i+n, i+2n and so on. A unit that is done has a [Note]
// beside the plan and is never done again, so that to run a task again is the retry, and two tasks at one unit are harmless: both
// come to the same bytes, and where they do not that is an error. When all units are done the plan's command is finished by one process.
package tasks
