// Package workspace is the folder that the stages work in (--out): where each stage leaves its files and finds those of the one
// before it, below features/, runs/ and reports/. It turns the names of a dataset, split, network and run into opened inputs, and
// compares what a run was trained on with what is there.
//
// It writes nothing to a terminal: notes go to Workspace.Log, long steps to Workspace.Progress, errors to the caller. Errors name the
// command that mends them.
package workspace

import (
	"log/slog"
	"path/filepath"
	"sync"

	"vzsl/internal/custody"
	"vzsl/internal/store"
	"vzsl/train/settings"
)

// Workspace is a folder with features/, runs/ and reports/.
type Workspace struct {
	Dir      string       // --out
	Log      *slog.Logger // notes and warnings
	Progress Progress     // long steps
	Stores   *store.Opener
	Remote   *store.Mirror // nil: Dir is no mirror of a place in a store
	// TrainFlags are the flags that make settings of the defaults: what errors say of training again. nil: none are named.
	TrainFlags func(settings.Settings) []string

	warned sync.Map // folders without checksums that were said
}

// WarnUnlisted says, once, of a folder that has no list of checksums.
func (w *Workspace) WarnUnlisted(dir string) {
	if custody.Has(dir) {
		return
	}
	if _, said := w.warned.LoadOrStore(dir, true); !said {
		w.Log.Warn("the folder is of version 0.1.0 and has no checksums ("+custody.Name+"): it could not be checked whether its files are unchanged", "folder", dir)
	}
}

// New is the workspace in dir, without notes and progress.
func New(dir string) *Workspace {
	return &Workspace{Dir: dir, Log: slog.New(slog.DiscardHandler), Progress: silent{}, Stores: &store.Opener{}}
}

// Below --out: features/<dataset>/{classes.parquet, splits/<split>.parquet, <network>/}, runs/<run>/, reports/<run>/.

func (w *Workspace) datasetDir(dataset string) string {
	return filepath.Join(w.Dir, "features", dataset)
}
func (w *Workspace) NetworkDir(dataset, network string) string {
	return filepath.Join(w.datasetDir(dataset), network)
}
func (w *Workspace) ClassTableFile(dataset string) string {
	return filepath.Join(w.datasetDir(dataset), "classes.parquet")
}
func (w *Workspace) SplitFile(dataset, split string) string {
	return filepath.Join(w.datasetDir(dataset), "splits", split+".parquet")
}
func (w *Workspace) RunDir(run string) string    { return filepath.Join(w.Dir, "runs", run) }
func (w *Workspace) ReportDir(run string) string { return filepath.Join(w.Dir, "reports", run) }
