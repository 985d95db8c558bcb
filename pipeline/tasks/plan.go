package tasks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/internal/kernels"
	"vzsl/internal/version"
	"vzsl/internal/wholefile"
	"vzsl/pipeline/usage"
)

// The files of a plan's folder.
const (
	planName  = "plan.json"
	listName  = "images.parquet"
	notesDir  = "done"
	startsDir = "tasks"
)

const planFormat = "vzsl-plan/1"

// KindExtract is the command whose units are shards. Those of all others are independent computations (see Run).
const KindExtract = "extract"

// kinds are the commands that can be planned.
func kinds() []string { return []string{KindExtract, "compare", "tune", "fewshot", "train"} }

// Plan is plan.json.
type Plan struct {
	Format  string   `json:"format"`
	Command string   `json:"command"` // command to divide: one of Kinds
	Flags   []string `json:"flags"`   // of the command, from the command line or the settings file
	Out     string   `json:"out"`     // --out
	Program string   `json:"program"` // version that every task must have
	Kernels string   `json:"kernels"` // kernels that every task must use: others round differently
	Tasks   int      `json:"tasks"`   // n of task i/n
	// Inputs are checksums of what every task must read, by name.
	Inputs  map[string]string `json:"inputs,omitempty"`
	Made    time.Time         `json:"made"`
	Units   []Unit            `json:"units"`
	Rate    *Rate             `json:"rate,omitempty"` // as measured when the plan was made
	Extract *Extract          `json:"extract,omitempty"`

	dir     string
	sum     string // sha256 of plan.json, which the records of its units name
	checked bool   // plan.json carries its checksum, and so do the records
}

// Checked reports whether the plan carries its checksum; those written before there were any do not, and only their form is checked.
func (p *Plan) Checked() bool { return p.checked }

// Unit is the smallest piece of work, done by one process.
type Unit struct {
	Key   string   `json:"key"`             // unique; for a shard, the key of its images
	Size  int      `json:"size"`            // images to compute, or largest number of fits
	Flags []string `json:"flags,omitempty"` // added to the plan's flags
	Stage int      `json:"stage,omitempty"` // can start when all units of lower stages are done
}

// Extract describes a planned extraction.
type Extract struct {
	features.Source
	Folder     string             `json:"folder"` // folder of the features
	Root       string             `json:"root"`   // folder of the dataset
	ImageRoot  string             `json:"image_root"`
	ListSHA256 string             `json:"list_sha256"` // of the list of images beside the plan; "": each task lists the dataset
	Stale      features.Staleness `json:"stale"`
}

// Rate is the measured speed and memory.
type Rate struct {
	Images          int     `json:"images"` // images computed for the measurement
	ImagesPerSecond float64 `json:"images_per_second"`
	StartSeconds    float64 `json:"start_seconds"` // until the first image
	MemoryMB        int     `json:"memory_mb"`     // peak of the process
	Processors      int     `json:"processors"`
}

// Error is an error that a retry cannot mend: the task cannot be carried out as planned, on this machine or at all.
type Error struct{ error }

func (e Error) Unwrap() error { return e.error }

// Permanent says of an error that to try again is in vain.
func Permanent(err error) error { return Error{err} }

func errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }

var unitKey = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._+-]{0,199}$`)

func (p *Plan) check() error {
	switch {
	case p.Format != planFormat:
		return fmt.Errorf("its format is %q, expected %q", p.Format, planFormat)
	case !slices.Contains(kinds(), p.Command):
		return fmt.Errorf("its command %q cannot be planned", p.Command)
	case (p.Command == KindExtract) != (p.Extract != nil):
		return errors.New("the description of the extraction is missing")
	case p.Tasks < 1:
		return fmt.Errorf("its number of tasks is %d", p.Tasks)
	}
	once := map[string]bool{}
	for _, u := range p.Units {
		if !unitKey.MatchString(u.Key) || once[u.Key] || u.Size < 0 || u.Stage < 0 || u.Stage > 0 && p.Extract != nil {
			return fmt.Errorf("its unit %q has size %d and stage %d", u.Key, u.Size, u.Stage)
		}
		once[u.Key] = true
	}
	return nil
}

// Read reads a plan: path is plan.json or its folder.
func Read(path string) (*Plan, error) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, planName)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usage.Errorf("%s: no plan found; make one with 'vzsl plan'", path)
		}
		return nil, err
	}
	p := &Plan{dir: filepath.Dir(path), sum: sha256Of(data)}
	if p.checked, err = custody.DecodeJSON(path, data, p); err != nil {
		return nil, fmt.Errorf("%w; repeat the 'vzsl plan' command that wrote it, with --to %s: what its tasks have computed is kept", err, p.dir)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func sha256Of(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// Write writes a plan and, for an extraction, the list of its images into dir, and returns the path of plan.json. An
// existing plan is replaced if it is finished or force is set; its notes are removed. A plan of the same work stays as it is.
func (p *Plan) Write(dir string, list *features.ImageList, force bool) (string, error) {
	p.Format, p.dir = planFormat, dir
	path := filepath.Join(dir, planName)
	if old, err := Read(path); err == nil && !force {
		if notes, err := old.notes(); err != nil || len(notes) < len(old.Units) {
			if same, err := p.same(old, list); err != nil || same {
				return path, err
			}
			return "", fmt.Errorf("%s: there is a plan with %d of %d units done; finish it, choose another folder with --to, or give --replace", path, len(notes), len(old.Units))
		}
	}
	for _, d := range []string{notesDir, startsDir} {
		if err := os.RemoveAll(filepath.Join(dir, d)); err != nil {
			return "", fmt.Errorf("replace the plan in %s: %w", dir, err)
		}
	}
	if list != nil {
		at := filepath.Join(dir, listName)
		if err := features.WriteImageList(at, list); err != nil {
			return "", err
		}
		var err error
		if p.Extract.ListSHA256, err = features.FileSHA256(at); err != nil {
			return "", err
		}
	}
	if err := p.check(); err != nil {
		return "", err
	}
	data, err := custody.EncodeJSON(p)
	if err != nil {
		return "", err
	}
	p.sum, p.checked = sha256Of(data), true
	return path, wholefile.Bytes(path, data)
}

// same reports whether a plan that is there divides the same work in the same way. When it was made, and what was measured then, may
// differ.
func (p *Plan) same(old *Plan, list *features.ImageList) (bool, error) {
	a, b := *p, *old
	a.Made, a.Rate = b.Made, b.Rate
	if a.Extract != nil && b.Extract != nil && list != nil {
		if _, err := old.images(); err != nil {
			return false, nil // its list is damaged: it has to be replaced
		}
		dir, err := os.MkdirTemp("", "vzsl-plan-")
		if err != nil {
			return false, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		at := filepath.Join(dir, listName)
		if err := features.WriteImageList(at, list); err != nil {
			return false, err
		}
		e := *a.Extract
		if e.ListSHA256, err = features.FileSHA256(at); err != nil {
			return false, err
		}
		a.Extract = &e
	}
	x, err := json.Marshal(&a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(&b)
	return bytes.Equal(x, y), err
}

// images reads the list of an extraction's images; nil: each task lists the dataset.
func (p *Plan) images() (*features.ImageList, error) {
	if p.Extract.ListSHA256 == "" {
		return nil, nil
	}
	at := filepath.Join(p.dir, listName)
	if sum, err := features.FileSHA256(at); err != nil {
		return nil, fmt.Errorf("the plan's list of images: %w", err)
	} else if sum != p.Extract.ListSHA256 {
		return nil, errorf("%s is not the list of images that the plan was made from: run vzsl plan again", at)
	}
	return features.ReadImageList(at)
}

// Same returns an error if an input, by its name in Inputs, is not the one that the plan was made with.
func (p *Plan) Same(what, sha256 string) error {
	if p.Inputs[what] != sha256 {
		return errorf("%s: not what the plan was made with, changed since then; run vzsl plan again", what)
	}
	return nil
}

// here returns an error if this program or machine computes other bytes than the plan's.
func (p *Plan) here() error {
	if now := version.Program(); now != p.Program {
		return errorf("the plan was made by %s, this is %s: run the same program everywhere, or run vzsl plan again", p.Program, now)
	}
	now := kernels.Level()
	switch {
	case now == p.Kernels:
		return nil
	case slices.Contains(kernels.Levels(), p.Kernels):
		return errorf("the plan is for the kernels %s, but this machine uses %s, which round differently: set VZSL_KERNELS=%s for every task", p.Kernels, now, p.Kernels)
	}
	return errorf("the plan is for the kernels %s, which this machine does not support: use machines that do, or plan again with VZSL_KERNELS=%s, here and for every task", p.Kernels, now)
}

// note records a finished unit.
type note struct {
	Key      string    `json:"key"`
	Plan     string    `json:"plan,omitempty"` // sha256 of plan.json
	File     string    `json:"file,omitempty"` // file of the shard
	Rows     int       `json:"rows"`
	Skipped  int       `json:"skipped"`
	Computed int       `json:"computed"` // number of images computed, or of fits
	SHA256   string    `json:"sha256,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`
	Host     string    `json:"host"`
	Kernels  string    `json:"kernels"`
	Seconds  float64   `json:"seconds"`
	Task     string    `json:"task"`
	Finished time.Time `json:"finished"`
	Error    string    `json:"error,omitempty"` // of a unit that fails on every attempt
	// Result of a unit of a search, used by finish.
	Result json.RawMessage `json:"result,omitempty"`
}

func (p *Plan) notePath(key string) string { return filepath.Join(p.dir, notesDir, key+".json") }

// note reads the note of a unit; nil: the unit is not done.
func (p *Plan) note(key string) (*note, error) {
	path := p.notePath(key)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var n note
	carries, err := custody.DecodeJSON(path, data, &n)
	switch {
	case err != nil:
	case n.Key != key:
		err = &custody.DamagedError{Path: path, Why: "it is the record of another unit"}
	case p.checked && !carries:
		err = &custody.DamagedError{Path: path, Why: "it has no checksum"}
	case !p.owns(n.Plan):
		err = p.otherPlan(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; remove it and run its task again: %s", err, p.Again(key))
	}
	return &n, nil
}

// owns reports whether a record that names a plan by its sha256 is of this one.
func (p *Plan) owns(plan string) bool { return !p.checked || plan == p.sum }

func (p *Plan) otherPlan(path string) error {
	return &custody.DamagedError{Path: path, Why: "it belongs to another plan, or " + planName + " was replaced since"}
}

// Again is the command that computes a unit.
func (p *Plan) Again(key string) string {
	unit := slices.IndexFunc(p.Units, func(u Unit) bool { return u.Key == key })
	return fmt.Sprintf("vzsl %s --plan %s --task %s", p.Command, usage.Quote(p.dir), Task{max(unit, 0) % p.Tasks, p.Tasks})
}

// notes reads the notes of all finished units.
func (p *Plan) notes() ([]*note, error) {
	var all []*note
	for _, u := range p.Units {
		n, err := p.note(u.Key)
		if err != nil {
			return nil, err
		}
		if n != nil {
			all = append(all, n)
		}
	}
	return all, nil
}

// done writes the note of a finished unit. If another task has written one with a different result, that is an error.
func (p *Plan) done(n *note) error {
	n.Plan, n.Kernels, n.Finished = p.sum, kernels.Level(), time.Now().UTC().Round(time.Millisecond)
	n.Host, _ = os.Hostname()
	data, err := custody.EncodeJSON(n)
	if err != nil {
		return err
	}
	err = wholefile.Create(p.notePath(n.Key), func(w io.WriteSeeker) error {
		_, err := w.Write(data)
		return err
	})
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	other, err := p.note(n.Key)
	if err != nil || other == nil || other.SHA256 == n.SHA256 {
		return err
	}
	if p.Extract == nil {
		return errorf("unit %s: task %s on %s and task %s on %s came to different results (their checksums are %s and %s): find out which machine is wrong; remove %s to run it again",
			n.Key, other.Task, other.Host, n.Task, n.Host, other.SHA256, n.SHA256, p.notePath(n.Key))
	}
	return Error{&features.ConflictError{First: other.File + " of task " + other.Task + " on " + other.Host, Second: n.File + " of task " + n.Task + " on " + n.Host,
		Why: "their checksums are " + other.SHA256 + " and " + n.SHA256}}
}
