package tuning

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"vzsl/internal/custody"
	"vzsl/internal/wholefile"
	"vzsl/train/method"
	"vzsl/train/runs"
)

// Fit is a finished fit, a line of the journal: of a trial with a fold held out.
type Fit struct {
	Trial   int        `json:"trial"`
	Fold    int        `json:"fold"`
	Points  []FitPoint `json:"points"`
	Seconds float64    `json:"seconds"`
	Elapsed float64    `json:"elapsed,omitempty"` // seconds of the search until then; journals of before have none
	Failed  string     `json:"error,omitempty"`
	// SHA256 is the checksum of the line before and of this one without it; journals of version 0.1.0 have none.
	SHA256 string `json:"sha256,omitempty"`
}

// FitPoint is what a choice, such as a number of epochs, reached in a fit.
type FitPoint struct {
	Choice   method.Choice `json:"choice"`
	Measured method.Choice `json:"measured,omitempty"`
	Accuracy float64       `json:"accuracy"`
}

const (
	// JournalFile has a line for each fit.
	JournalFile = "fits.jsonl"
	// TrialsFile is the table of all fits.
	TrialsFile = "trials.parquet"
)

// open reads the journal of the same search, or begins one.
func (t *tuning) open() error {
	head, err := t.header()
	if err != nil {
		return err
	}
	path := filepath.Join(t.o.Dir, JournalFile)
	if err := os.MkdirAll(t.o.Dir, 0o755); err != nil {
		return fmt.Errorf("tuning folder: %w", err)
	}
	if err := t.hold.Check(JournalFile); err != nil && !t.o.Force && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; remove it, or force, to start over", err)
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("tuning journal: %w", err)
	}
	whole := 0
	lines := bufio.NewReader(bytes.NewReader(text))
	for n := 0; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil { // the last line of a run that was killed may be cut off
			break
		}
		if n == 0 {
			if !bytes.Equal(bytes.TrimSpace(line), head) {
				if !t.o.Force {
					return fmt.Errorf("%s: %w: its settings, trials, folds or data have changed (or the first line of %s is damaged); choose another folder, or force to start over", t.o.Dir, runs.ErrOtherRun, JournalFile)
				}
				break
			}
		} else {
			f, err := t.read(line)
			if err != nil && t.o.Force {
				clear(t.fits)
				whole, t.elapsed, t.summed = 0, 0, false
				break
			}
			if err != nil {
				return fmt.Errorf("tuning journal: %w; remove it, or force, to start over",
					&custody.DamagedError{Path: path, Why: fmt.Sprintf("line %d: %v", n+1, err)})
			}
			t.fits[fitKey{f.Trial, f.Fold}] = f
			t.elapsed = max(t.elapsed, f.Elapsed)
		}
		if n == 0 {
			t.chain = link(nil, head)
		}
		whole += len(line)
	}
	if err := t.hold.Forget(JournalFile); err != nil { // it is listed when it is complete
		return fmt.Errorf("tuning journal: %w", err)
	}
	if t.journal, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return fmt.Errorf("tuning journal: %w", err)
	}
	if err := t.journal.Truncate(int64(whole)); err != nil {
		return fmt.Errorf("tuning journal: %w", err)
	}
	if _, err := t.journal.Seek(int64(whole), 0); err != nil {
		return fmt.Errorf("tuning journal: %w", err)
	}
	if whole == 0 {
		t.chain = link(nil, head)
		if _, err := t.journal.Write(append(head, '\n')); err != nil {
			return fmt.Errorf("tuning journal: %w", err)
		}
	}
	return nil
}

// header identifies the search: everything that its outcome depends on but the budget.
func (t *tuning) header() ([]byte, error) {
	r := runs.NewRecord(&t.o.Settings, t.o.Features.Source())
	var err error
	if r.Data.FeaturesSHA256, r.Data.ClassesSHA256, r.Data.SplitSHA256, err = t.p.Digests(t.o.Classes); err != nil {
		return nil, err
	}
	text, err := r.Text()
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"config": string(text), "trials": t.o.Trials, "folds": t.folds, "pinned": t.o.Pinned, "space": t.space, "choice": t.o.Choice})
}

// link is the checksum of a line and of those before it.
func link(before, line []byte) []byte {
	sum := sha256.Sum256(slices.Concat(before, line))
	return sum[:]
}

// read reads a fit of the journal and checks it.
func (t *tuning) read(line []byte) (*Fit, error) {
	var f Fit
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, err
	}
	if f.SHA256 == "" && !t.summed { // of version 0.1.0, as those before it
		t.chain = link(t.chain, bytes.TrimSpace(line))
		return &f, nil
	}
	t.summed = true
	again, err := t.encode(&f)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, line) {
		return nil, errors.New("it does not match its checksum, or the lines before")
	}
	return &f, nil
}

// encode is the journal's next line, with its checksum.
func (t *tuning) encode(f *Fit) ([]byte, error) {
	f.SHA256 = ""
	text, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	t.chain = link(t.chain, text)
	f.SHA256 = hex.EncodeToString(t.chain[:16])
	if text, err = json.Marshal(f); err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// write adds a fit to the journal.
func (t *tuning) write(f *Fit) error {
	text, err := t.encode(f)
	if err != nil {
		return err
	}
	if _, err := t.journal.Write(text); err != nil {
		return fmt.Errorf("tuning journal: %w", err)
	}
	return wholefile.Sync(t.journal)
}

// CheckJournal checks the lines of a search's journal against the checksums that they carry. A last line that was cut off is no error:
// the fit is made again.
func CheckJournal(dir string) error {
	path := filepath.Join(dir, JournalFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	t := &tuning{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		if n == 1 {
			t.chain = link(nil, bytes.TrimSuffix(line, []byte("\n")))
			continue
		}
		if _, err := t.read(line); err != nil {
			return &custody.DamagedError{Path: path, Why: fmt.Sprintf("line %d: %v", n, err)}
		}
	}
	if n == 0 {
		return &custody.DamagedError{Path: path, Why: "it is empty"}
	}
	return nil
}
