//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// tree is the SHA-256 of every file below a folder, by its path there, without what differs between two undisturbed runs: times.
type tree map[string]string

func readTree(dir string) (tree, error) {
	t := tree{}
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if ofTasks.MatchString(name) {
			return nil
		}
		if b, err = timeless(name, b); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		sum := sha256.Sum256(b)
		t[events.ReplaceAllString(name, "events.out.tfevents")] = hex.EncodeToString(sum[:])
		return nil
	})
	return t, err
}

var (
	// A file of each process that worked on a plan, and the times of images' files, without which checksums are compared.
	ofTasks   = regexp.MustCompile(`^plans/[^/]+/tasks/|/\.cache/times-[^/]*$`)
	ofUnits   = regexp.MustCompile(`^plans/[^/]+/done/`)
	computed  = regexp.MustCompile(`"computed": \d+,`)
	events    = regexp.MustCompile(`events\.out\.tfevents\..*$`)
	ofMetrics = regexp.MustCompile(`"run\.metrics":"[0-9a-f]{64}"`)
	ofPlans   = regexp.MustCompile(`"(checksum|plan)": "[0-9a-f]{64}"`)
	durations = regexp.MustCompile(`\b\d[\d.]*(ns|µs|ms|s|m|h)([\d.]+(ms|s|m))*\b|\b\d[\d.]* s\b`)
)

// timeless is a file without the times that were measured when it was made. What is no text of one of the kinds below is compared to the
// byte.
func timeless(name string, b []byte) ([]byte, error) {
	switch base := path.Base(name); {
	case base == ".lock", events.MatchString(base): // who held it; the time is in every record
		return nil, nil
	case base == "SHA256SUMS": // of files with times too: 'vzsl verify' compares the sums
		var names []string
		for _, line := range strings.Split(string(b), "\n") {
			if _, file, ok := strings.Cut(line, "  "); ok {
				names = append(names, events.ReplaceAllString(file, "events.out.tfevents"))
			}
		}
		return []byte(strings.Join(names, "\n")), nil
	case base == "trials.parquet":
		return trials(b)
	}
	if strings.HasPrefix(name, "plans/") { // sums of files that hold times
		b = ofPlans.ReplaceAll(b, []byte(`"$1": ""`))
	}
	if ofUnits.MatchString(name) { // what the last process computed of it
		b = computed.ReplaceAll(b, nil)
	}
	switch path.Ext(name) {
	case ".safetensors": // a checkpoint has the sum of metrics.jsonl, which has times
		return ofMetrics.ReplaceAll(b, []byte(`"run.metrics":""`)), nil
	case ".json", ".jsonl":
		return timelessJSON(b, path.Base(name) == "fits.jsonl")
	case ".html", ".md", ".tex":
		return durations.ReplaceAll(b, []byte("TIME")), nil
	case ".csv":
		return timelessCSV(b)
	}
	return b, nil
}

// timelessJSON is JSON, or lines of it. The lines of a search's journal are in the order in which parallel fits ended, and each has its
// own sum.
func timelessJSON(b []byte, journal bool) ([]byte, error) {
	var lines []string
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	for {
		var v any
		if err := dec.Decode(&v); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		if m, ok := v.(map[string]any); ok && journal {
			delete(m, "sha256")
		}
		text, err := json.Marshal(withoutTimes(v))
		if err != nil {
			return nil, err
		}
		lines = append(lines, string(text))
	}
	if journal {
		slices.Sort(lines)
	}
	return []byte(strings.Join(lines, "\n")), nil
}

func withoutTimes(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if strings.Contains(k, "seconds") || slices.Contains([]string{"elapsed", "data_wait", "made", "finished"}, k) || strings.HasSuffix(k, "report.html") { // its sum, where it holds times
				delete(v, k)
				continue
			}
			v[k] = withoutTimes(x)
		}
	case []any:
		for i := range v {
			v[i] = withoutTimes(v[i])
		}
	}
	return v
}

func timelessCSV(b []byte) ([]byte, error) {
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return b, err
	}
	for i, name := range rows[0] {
		if strings.Contains(name, "seconds") {
			for _, row := range rows[1:] {
				if i < len(row) {
					row[i] = ""
				}
			}
		}
	}
	return json.Marshal(rows)
}

// trials are the rows of a search's table, without seconds and in any order.
func trials(b []byte) ([]byte, error) {
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	columns := f.Schema().Columns()
	var lines []string
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buf := make([]parquet.Row, 64)
		for {
			n, err := rows.ReadRows(buf)
			for _, row := range buf[:n] {
				var values []string
				for _, v := range row {
					if name := strings.Join(columns[v.Column()], "."); !strings.Contains(name, "seconds") {
						values = append(values, name+"="+v.String())
					}
				}
				lines = append(lines, strings.Join(values, " "))
			}
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, "\n")), nil
}

// compare lists the files of t that differ or are missing in other, and those that other has beyond them.
func (t tree) compare(other tree) (differ, missing, left []string) {
	for name, sum := range t {
		switch got, ok := other[name]; {
		case !ok:
			missing = append(missing, name)
		case got != sum:
			differ = append(differ, name)
		}
	}
	for name := range other {
		if _, ok := t[name]; !ok {
			left = append(left, name)
		}
	}
	slices.Sort(differ)
	slices.Sort(missing)
	slices.Sort(left)
	return differ, missing, left
}

// replace makes to a copy of from.
func replace(to, from string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}
