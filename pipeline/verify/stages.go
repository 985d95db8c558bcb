package verify

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"vzsl/evaluate/result"
	"vzsl/features"
	"vzsl/internal/custody"
	"vzsl/train/runs"
	"vzsl/train/tuning"
)

const checkpoints = "checkpoints"

// features verifies a folder of shards, features/<dataset>/<network>.
func (c *check) features(ctx context.Context) error {
	c.Stage = StageExtract
	network := filepath.Base(c.Dir)
	dataset := filepath.Base(filepath.Dir(absolute(c.Dir)))
	again := c.v.W.Command("extract", "--dataset", dataset, "--network", network)
	p := c.v.W.Begin("verify "+network, "rows")
	found, err := features.Verify(ctx, c.Dir, p.Done)
	p.End()
	if errors.Is(err, fs.ErrNotExist) { // shards without a manifest
		c.problem("manifest.json", again, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	c.Files, c.Bytes, c.Notes = found.Parts, found.Bytes, append(c.Notes, found.Notes...)
	c.Features = &Features{found.Source, found.Parts, found.Rows, found.Skipped}
	if of := found.Source.Dataset; of != "" && of != dataset {
		c.problem("manifest.json", again, "is of features of "+of)
	}
	for _, what := range found.Problems {
		name, command := fileIn(what), again
		switch {
		case strings.HasSuffix(name, "classes.parquet"):
			command = c.v.W.Command("attributes", "--dataset", dataset)
			name = "../classes.parquet"
		case strings.Contains(what, ".cache"):
			name, command = ".cache", "rm -r "+filepath.Join(c.Dir, ".cache")
		case strings.HasPrefix(name, "part-"):
			command = "rm " + filepath.Join(c.Dir, name) + " && " + again
		}
		c.problem(name, command, what)
	}
	return nil
}

var fileName = regexp.MustCompile(`^(?:\S*/)?(part-[0-9a-f-]+(?:-of-\d+)?\.parquet|manifest\.json|skipped\.csv|images\.parquet|classes\.parquet|SHA256SUMS)\b`)

// fileIn is the file that a problem of a folder of shards is of.
func fileIn(what string) string {
	what = strings.TrimPrefix(what, "class table: ")
	if m := fileName.FindStringSubmatch(what); m != nil {
		return m[1]
	}
	name, _, _ := strings.Cut(what, ":")
	if strings.ContainsAny(name, "/ ") {
		return ""
	}
	return name
}

// classTable verifies features/<dataset>/classes.parquet.
func (c *check) classTable() {
	const name = "classes.parquet"
	c.Stage = StageAttributes
	dataset := filepath.Base(absolute(c.Dir))
	again := c.v.W.Command("attributes", "--dataset", dataset)
	c.count(name)
	t, err := features.ReadClassTable(filepath.Join(c.Dir, name))
	switch {
	case err != nil:
		c.problem(name, again, err.Error())
	case t.Dataset != "" && t.Dataset != dataset:
		c.problem(name, again, "is the class table of "+t.Dataset)
	}
}

// splits verifies features/<dataset>/splits.
func (c *check) splits() {
	c.Stage = StageSplit
	dataset := filepath.Base(filepath.Dir(absolute(c.Dir)))
	for _, name := range sortedKeys(c.names) {
		split, ok := strings.CutSuffix(name, ".parquet")
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		again := c.v.W.Command("split", "--dataset", dataset, "--split", split, "--force")
		c.count(name)
		s, err := features.ReadSplit(filepath.Join(c.Dir, name))
		switch {
		case err != nil:
			c.problem(name, again, err.Error())
		case s.Dataset != dataset || s.Name != split:
			c.problem(name, again, "is the split "+s.Name+" of "+s.Dataset)
		}
	}
}

func absolute(dir string) string {
	if a, err := filepath.Abs(dir); err == nil {
		return a
	}
	return filepath.Clean(dir)
}

func (c *check) count(name string) { c.countFile(filepath.Join(c.Dir, filepath.FromSlash(name))) }

func (c *check) countFile(path string) {
	if st, err := os.Stat(path); err == nil {
		c.Files++
		c.Bytes += st.Size()
	}
}

// runName is the name of a run by its folder, or that of a report.
func runName(dir, root string) string {
	dir = filepath.ToSlash(absolute(dir))
	if i := strings.LastIndex(dir, "/"+root+"/"); i >= 0 {
		return dir[i+len(root)+2:]
	}
	return filepath.Base(dir)
}

// run verifies a run's folder.
func (c *check) run() {
	c.Stage = StageTrain
	name := runName(c.Dir, "runs")
	again := c.v.W.Command("train", "--run", name, "--force")
	if s, dataset, split, err := runs.Described(c.Dir); err == nil {
		again = c.v.W.TrainAgain(name, dataset, split, s, "")
	}
	read := []string{runs.ConfigFile, runs.ModelFile, features.InputsDir + "/classes.parquet", features.InputsDir + "/split.parquet",
		checkpoints + "/last.safetensors", checkpoints + "/best.safetensors"}
	if c.names[runs.ModelFile] {
		read = append(read, runs.MetricsFile)
	} else {
		c.Notes = append(c.Notes, "the training is not finished: the same train command resumes it")
	}
	c.list(again, read...)
	if !c.names[runs.ModelFile] {
		if len(c.Problems) > 0 {
			return
		}
		if err := runs.CheckUnfinished(c.Dir); err != nil {
			c.problem(runs.MetricsFile, again, err.Error())
		}
		return
	}
	p, err := runs.Load(c.Dir)
	if err == nil {
		_, err = p.Inputs()
	}
	if err != nil && len(c.Problems) == 0 {
		c.problem("", again, err.Error())
	}
}

// tuning verifies the folder of a search.
func (c *check) tuning() {
	c.Stage = StageTune
	name := runName(filepath.Dir(absolute(c.Dir)), "runs")
	again := c.v.W.Command("tune", "--run", name, "--force")
	if s, dataset, split, err := runs.Described(filepath.Dir(c.Dir)); err == nil {
		again = c.v.W.Command("tune", "--dataset", dataset, "--split", split, "--method", s.Method, "--run", name, "--force")
	}
	read := []string{tuning.TrialsFile, features.InputsDir + "/classes.parquet", features.InputsDir + "/split.parquet"}
	if c.names[tuning.TrialsFile] {
		read = append(read, tuning.JournalFile)
	} else {
		c.Notes = append(c.Notes, "the search is not finished: the same tune command resumes it")
	}
	c.list(again, read...)
	if c.known(tuning.JournalFile) {
		return
	}
	if err := tuning.CheckJournal(c.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.problem(tuning.JournalFile, again, err.Error())
	}
}

// report verifies a report's folder, and computes its metrics again.
func (c *check) report() {
	c.Stage = StageEvaluate
	name := runName(c.Dir, "reports")
	again := c.v.W.Command("evaluate", "--run", name)
	for file, command := range map[string]string{
		"fewshot.json":  c.v.W.Command("fewshot", "--run", name),
		"compare.json":  c.v.W.Command("compare", "--run", name),
		"compared.json": c.v.W.Command("report", "RUN...", "--to", name),
	} {
		if c.names[file] {
			again, c.Stage = command, strings.Fields(command)[1]
		}
	}
	c.list(again, "report.json", "predictions.parquet", "report.html", "seeds.json", "fewshot.json", "compare.json", "compared.json")
	if !c.names["report.json"] || c.known("report.json") || c.known("predictions.parquet") || c.known(custody.Name) {
		return
	}
	r, err := result.Read(c.Dir)
	if err == nil {
		err = r.ReadPredictions()
	}
	if err != nil {
		c.problem("report.json", again, err.Error())
	}
}

// listed verifies a folder of exports.
func (c *check) listed() {
	c.Stage = StageExport
	format := runName(c.Dir, "export")
	format, _, _ = strings.Cut(format, "/")
	c.list(c.v.W.Command("export", "--format", format, "--force"))
}
