package tasks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vzsl/internal/custody"
	"vzsl/internal/lookup"
)

// Damage is a file of a plan, or a shard that one of its records is of, that is not as it was written.
type Damage struct {
	File  string // its path
	Err   error
	Unit  string   // whose task writes it again; "": none
	Purge []string // files to remove before that
}

// Check reads every byte of a plan's folder, and of the shards in folder that only its records say the checksum of: those that no
// manifest lists, by listed. checked are the files that it read.
func (p *Plan) Check(folder string, listed func(shard string) bool) (found []Damage, checked []string, err error) {
	checked = append(checked, filepath.Join(p.dir, planName))
	if p.Extract != nil && p.Extract.ListSHA256 != "" {
		list := filepath.Join(p.dir, listName)
		checked = append(checked, list)
		if _, err := p.images(); err != nil {
			found = append(found, Damage{File: list, Err: err})
		}
	}
	for _, u := range p.Units {
		path := p.notePath(u.Key)
		n, err := p.note(u.Key)
		switch {
		case err != nil:
			found = append(found, Damage{File: path, Err: err, Unit: u.Key, Purge: []string{path}})
			fallthrough
		case n != nil:
			checked = append(checked, path)
		}
		if n == nil || n.File == "" || folder == "" || listed(n.File) {
			continue
		}
		shard := filepath.Join(folder, filepath.Base(n.File))
		sum, err := custody.SHA256(shard)
		if errors.Is(err, fs.ErrNotExist) { // finish says so, unless it was replaced since
			continue
		}
		if err == nil && sum != n.SHA256 {
			err = &custody.DamagedError{Path: shard, Why: "it does not have the checksum that " + path + " has"}
		}
		checked = append(checked, shard)
		if err != nil {
			found = append(found, Damage{File: shard, Err: err, Unit: u.Key, Purge: []string{shard, path}})
		}
	}
	if err := p.replaced(); custody.IsDamaged(err) {
		found = append(found, Damage{File: filepath.Join(p.dir, planName), Err: err})
	} else if err != nil {
		return nil, nil, err
	}
	at := p.unitOf()
	for _, dir := range []string{notesDir, startsDir} {
		entries, err := os.ReadDir(filepath.Join(p.dir, dir))
		if err != nil && !lookup.Absent(err) {
			return nil, nil, err
		}
		for _, e := range entries {
			path := filepath.Join(p.dir, dir, e.Name())
			key, isNote := strings.CutSuffix(e.Name(), ".json")
			_, known := at[key]
			switch {
			case strings.HasPrefix(e.Name(), "."), dir == notesDir && isNote && known: // see above
				continue
			case dir == notesDir:
				found = append(found, Damage{File: path, Err: errors.New("is not the record of one of the plan's units"), Purge: []string{path}})
			default:
				checked = append(checked, path)
				s, err := p.start(e.Name())
				if err == nil && !p.owns(s.Plan) {
					err = p.otherPlan(path)
				}
				if err != nil {
					found = append(found, Damage{File: path, Err: err, Purge: []string{path}})
				}
			}
		}
	}
	return found, checked, nil
}

// foreign is a record beside the plan that is of another one, where all records are: plan.json was then replaced. "": there is none.
func (p *Plan) foreign() (string, error) {
	at := p.unitOf()
	found := ""
	for _, dir := range []string{notesDir, startsDir} {
		entries, err := os.ReadDir(filepath.Join(p.dir, dir))
		if err != nil && !lookup.Absent(err) {
			return "", err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				continue
			}
			key, _ := strings.CutSuffix(e.Name(), ".json")
			_, own := at[key]
			if dir == startsDir {
				s, err := p.start(e.Name())
				own = err != nil || p.owns(s.Plan) // what is damaged is said of itself
			}
			if own {
				return "", nil
			}
			found = filepath.Join(p.dir, dir, e.Name())
		}
	}
	return found, nil
}

// replaced is an error where all records beside the plan are of another one.
func (p *Plan) replaced() error {
	other, err := p.foreign()
	if err != nil || other == "" {
		return err
	}
	return fmt.Errorf("%w; repeat the 'vzsl plan' command that wrote it, with --to %s, or, if the plan is right, remove the records in %s and %s",
		&custody.DamagedError{Path: filepath.Join(p.dir, planName), Why: "the records beside it, such as " + other + ", are of another plan"}, p.dir, notesDir, startsDir)
}
