package tasks

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"vzsl/datasets"
	"vzsl/features"
	"vzsl/internal/kernels"
	"vzsl/internal/lookup"
	"vzsl/internal/version"
)

// PlanExtract plans an extraction into folder: a unit is a shard that has to be written. growing says how changed
// images are detected.
func PlanExtract(ctx context.Context, folder string, src features.Source, d *datasets.Dataset, growing features.Growing) (*Plan, *features.Growth, error) {
	g, err := features.Grow(ctx, folder, src, growing)
	if err != nil {
		return nil, nil, err
	}
	src.ShardRows, src.Images, src.DatasetSHA256 = g.ShardRows(), len(d.Images), d.SHA256()
	p := &Plan{Format: planFormat, Command: KindExtract, Program: version.Program(), Kernels: kernels.Level(), Made: time.Now().UTC().Round(time.Second), Tasks: 1,
		Extract: &Extract{Source: src, Folder: folder, Root: d.Root, ImageRoot: d.ImageRoot, Stale: g.Stale()}}
	for _, shard := range g.Unfinished() {
		p.Units = append(p.Units, Unit{Key: g.Key(shard), Size: len(g.Missing(shard))})
	}
	return p, g, nil
}

// Dataset returns the planned dataset from its stored list; nil: the plan has no list, and each task lists the dataset. open opens images
// that are not files of a folder.
func (p *Plan) Dataset(open func(*features.ImageList) (datasets.Pictures, error)) (*datasets.Dataset, error) {
	list, err := p.images()
	if err != nil || list == nil {
		return nil, err
	}
	d := &datasets.Dataset{Name: p.Extract.Dataset, Root: p.Extract.Root, ImageRoot: p.Extract.ImageRoot, Classes: list.Classes, Images: list.Images, Unusable: list.Unusable}
	if list.Files != nil {
		if d.Pictures, err = open(list); err != nil {
			return nil, err
		}
	}
	return d, p.SameList(d)
}

// SameList returns an error if the list of images differs from the planned one.
func (p *Plan) SameList(d *datasets.Dataset) error {
	if d.SHA256() != p.Extract.DatasetSHA256 {
		return errorf("%s: the images have changed since the plan was made; run vzsl plan again", d.Root)
	}
	return nil
}

// unitOf maps the units' keys to their indices.
func (p *Plan) unitOf() map[string]int {
	at := make(map[string]int, len(p.Units))
	for i, u := range p.Units {
		at[u.Key] = i
	}
	return at
}

// Writer writes one task's shards into the folder of an extraction. It is an extract.Grower.
type Writer struct {
	*features.Growth
	p    *Plan
	task Task
	last time.Time

	alive *beats
	done  int // units done by this task
}

// OpenTask opens the folder for a task. src describes what the task would compute: it must equal what was planned.
func (p *Plan) OpenTask(ctx context.Context, t Task, src features.Source, growing features.Growing) (*Writer, error) {
	if err := p.here(); err != nil {
		return nil, err
	}
	planned := p.Extract.Source
	src.ShardRows, src.Images, src.DatasetSHA256 = planned.ShardRows, planned.Images, planned.DatasetSHA256
	if src != planned {
		return nil, errorf("the task does not match its plan: now %+v, planned %+v; run vzsl plan again", src, planned)
	}
	at := p.unitOf()
	mine := map[int]bool{}
	growing.Mine = func(key string) bool {
		unit, due := at[key]
		return due && t.Has(unit)
	}
	g, err := features.Grow(ctx, p.Extract.Folder, src, growing)
	if err != nil {
		return nil, err
	}
	w := &Writer{Growth: g, p: p, task: t, last: time.Now()}
	for shard := range g.Parts() {
		if !g.Ours(shard) {
			continue
		}
		mine[at[g.Key(shard)]] = true
		if part := g.Part(shard); part != nil { // written by a task that was stopped before it could write the note
			if err := w.note(shard, part, 0, 0); err != nil {
				return nil, err
			}
		}
	}
	for unit := range p.Units {
		if t.Has(unit) && !mine[unit] {
			return nil, errorf("unit %s of the plan is not a shard of the list of images: run vzsl plan again", p.Units[unit].Key)
		}
	}
	w.alive = p.begin(t)
	w.alive.at(w.done)
	return w, nil
}

// End records that the task has ended.
func (w *Writer) End() { w.alive.stop() }

// WritePart writes a shard and its note.
func (w *Writer) WritePart(shard int, p features.Part) error {
	if err := w.Growth.WritePart(shard, p); err != nil {
		var conflict *features.ConflictError
		if errors.As(err, &conflict) {
			return Error{err}
		}
		return err
	}
	seconds := time.Since(w.last).Seconds()
	w.last = time.Now()
	if err := w.note(shard, w.Part(shard), len(p.Images), seconds); err != nil {
		return err
	}
	w.alive.at(w.done)
	return nil
}

// Units returns the number of units that the task has done.
func (w *Writer) Units() int { return w.done }

func (w *Writer) note(shard int, part *features.ManifestPart, computed int, seconds float64) error {
	w.done++
	n := &note{Key: w.Key(shard), File: part.File, Rows: part.Rows, Skipped: part.Skipped, Computed: computed, SHA256: part.SHA256, Bytes: part.Bytes,
		Seconds: seconds, Task: w.task.String()}
	if seconds == 0 {
		if have, err := w.p.note(n.Key); err != nil || have != nil && have.SHA256 == n.SHA256 {
			return err
		}
	}
	return w.p.done(n)
}

// FinishExtract adds the plan's shards to the folder and writes its manifest. If units are missing, the error is a
// *MissingError.
func (p *Plan) FinishExtract(ctx context.Context, d *datasets.Dataset) (*features.Manifest, error) {
	at, notes := p.unitOf(), map[string]*note{}
	var missing []int
	for i, u := range p.Units {
		n, err := p.note(u.Key)
		if err != nil {
			return nil, err
		}
		if n == nil {
			missing = append(missing, i)
			continue
		}
		notes[u.Key] = n
	}
	if err := p.missing(missing); err != nil {
		return nil, err
	}
	if err := p.conflicts(notes); err != nil {
		return nil, err
	}
	g, err := features.Grow(ctx, p.Extract.Folder, p.Extract.Source, features.Growing{Classes: d.Classes, Images: d.Images,
		Trust: func(key, file string) bool {
			_, due := at[key]
			return !due || notes[key].File == file
		}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = g.Close() }()
	for _, shard := range g.Unfinished() {
		unit, due := at[g.Key(shard)]
		if !due {
			return nil, errorf("%s was changed since the plan was made: run vzsl plan again", p.Extract.Folder)
		}
		n := notes[g.Key(shard)]
		if there, err := lookup.Exists(filepath.Join(p.Extract.Folder, n.File)); err != nil {
			return nil, err
		} else if there {
			return nil, p.damaged(n)
		}
		missing = append(missing, unit)
	}
	for shard := range g.Parts() { // a file may have been damaged after its note was written
		if n := notes[g.Key(shard)]; n != nil {
			if part := g.Part(shard); part != nil && part.SHA256 != n.SHA256 {
				return nil, p.damaged(n)
			}
		}
	}
	if len(missing) > 0 { // their notes exist but their files are gone: remove the notes so that the tasks compute them again
		return nil, p.Drop(missing)
	}
	return g.Finish()
}

// damaged is the error of a shard that is not as its record says.
func (p *Plan) damaged(n *note) error {
	return errorf("%s does not have the checksum recorded by task %s on %s: it was changed or damaged; remove it and %s, and run the task again: %s",
		filepath.Join(p.Extract.Folder, n.File), n.Task, n.Host, p.notePath(n.Key), p.Again(n.Key))
}

// conflicts finds shards that two tasks wrote with different bytes.
func (p *Plan) conflicts(notes map[string]*note) error {
	for key, n := range notes {
		found, err := filepath.Glob(filepath.Join(p.Extract.Folder, "part-"+key+"-*.parquet*"))
		if err != nil {
			return err
		}
		for _, f := range found {
			if second := filepath.Base(f); second == n.File+features.SecondResult {
				return Error{&features.ConflictError{First: filepath.Join(p.Extract.Folder, n.File), Second: f, Why: "the tasks computed different bytes"}}
			}
		}
	}
	return nil
}
