package workspace

import (
	"strconv"
	"strings"

	"vzsl/pipeline/usage"
	"vzsl/train/methods"
)

// RunRef names a run and what it is of.
type RunRef struct {
	Dataset        Dataset
	Split, Network string // Network "": the only one there is
	Method, Run    string // Run "": see Name
	Transductive   bool
	Groups         string // file of groups of classes, for the report; "": none
	Descriptions   string // those to take of the class table, with a + between them; "": all
}

// Name is the run's name: the one given, or <dataset>-<split>-<method>[-transductive][-<descriptions>].
func (r *RunRef) Name() (string, error) {
	if err := usage.FolderName("dataset", r.Dataset.Name); err != nil {
		return "", err
	}
	if err := usage.FolderName("split", r.Split); err != nil {
		return "", err
	}
	if err := usage.OneOf("method", r.Method, methods.Names()...); err != nil {
		return "", err
	}
	if r.Run == "" {
		name := r.Dataset.Name + "-" + r.Split + "-" + r.Method
		if r.Transductive {
			name += "-transductive"
		}
		return name + r.suffix(), nil
	}
	for folder := range strings.SplitSeq(r.Run, "/") { // a seed's run is below that of its method
		if err := usage.FolderName("run", folder); err != nil {
			return "", err
		}
	}
	return r.Run, nil
}

// suffix is what the choice of descriptions puts after a run's name.
func (r *RunRef) suffix() string {
	if r.Descriptions == "" {
		return ""
	}
	return "-" + strings.Map(func(c rune) rune {
		if c == '/' || c == '\\' || c == ' ' || c == ':' {
			return '_'
		}
		return c
	}, r.Descriptions)
}

// NameOfSeveral is the name of the folder of several runs: the one given, or <dataset>-<split>-<kind>.
func (r *RunRef) NameOfSeveral(kind string, methods []string) (string, error) {
	r.Method = methods[0]
	name, err := r.Name()
	if r.Run == "" {
		name = r.Dataset.Name + "-" + r.Split + "-" + kind + r.suffix()
	}
	return name, err
}

// A run of several seeds is a folder of runs, seed-<seed> each.
const seedPrefix = "seed-"

// SeedRun is the name of one of them.
func SeedRun(run string, seed uint64) string {
	return run + "/" + seedPrefix + strconv.FormatUint(seed, 10)
}

// WithoutSeed is the run that a seed's run is of; seed reports whether it is a seed's.
func WithoutSeed(run string) (name string, seed bool) {
	name, _, seed = strings.Cut(run, "/"+seedPrefix)
	return name, seed
}
