package runs

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

	"vzsl/internal/custody"
	"vzsl/internal/wholefile"
)

// OpenMetrics opens metrics.jsonl after the lines that the checkpoint knows, which must be those that it was made with.
func (f *Folder) OpenMetrics() error {
	path := f.path(MetricsFile)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("metrics: %w", err)
	}
	at, err := f.known(text)
	if err != nil {
		return fmt.Errorf("%w; remove the folder %s, or force, to start over", err, f.path(checkpointsDir))
	}
	if err := f.hold.Forget(MetricsFile); err != nil { // it is listed when it is complete
		return fmt.Errorf("metrics: %w", err)
	}
	if f.metrics, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := f.metrics.Truncate(int64(at)); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if _, err := f.metrics.Seek(int64(at), io.SeekStart); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// known returns the length of the lines that the checkpoint knows, which must be those that it was made with.
func (f *Folder) known(text []byte) (at int, err error) {
	for range f.Lines {
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	f.sum = sha256.New()
	f.sum.Write(text[:at])
	if f.State == nil {
		return at, nil
	}
	if want, ok := f.State.Values["run.metrics"]; ok && want != f.metricsSum() { // checkpoints of version 0.1.0 have none
		err = &custody.DamagedError{Path: f.path(MetricsFile), Why: fmt.Sprintf("its first %d lines are not those that the checkpoint was made with", f.Lines)}
	}
	return at, err
}

// CheckUnfinished checks the checkpoint of a run that is not finished, and its metrics.
func CheckUnfinished(dir string) error {
	f := &Folder{dir: dir}
	if err := f.resume(); err != nil {
		return err
	}
	text, err := os.ReadFile(f.path(MetricsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("metrics: %w", err)
	}
	_, err = f.known(text)
	return err
}

// metricsSum is the checksum of the lines of metrics so far.
func (f *Folder) metricsSum() string { return hex.EncodeToString(f.sum.Sum(nil)) }

// WriteMetrics adds a line to metrics.jsonl.
func (f *Folder) WriteMetrics(line map[string]any) error {
	if f.dir == "" {
		f.Lines++
		return nil
	}
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	text = append(text, '\n')
	if _, err := f.metrics.Write(text); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	f.sum.Write(text)
	f.Lines++
	return nil
}

// Close closes metrics.jsonl.
func (f *Folder) Close() error {
	if f.metrics == nil {
		return nil
	}
	m := f.metrics
	f.metrics = nil
	return errors.Join(wholefile.Sync(m), m.Close())
}
