// Package experiment runs the stages from training to the report in a workspace: one run, a run of several seeds, a search for
// settings, the comparison of methods, few-shot series. Everything takes a context and can be stopped and called again: what is
// finished is taken as it is.
package experiment

import "vzsl/pipeline/workspace"

// Runner trains and evaluates in a workspace.
type Runner struct{ *workspace.Workspace }
