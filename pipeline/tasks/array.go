package tasks

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"vzsl/pipeline/usage"
)

// Task is task Index of Of tasks, counted from 0.
type Task struct{ Index, Of int }

func (t Task) String() string { return fmt.Sprintf("%d/%d", t.Index, t.Of) }

// Has reports whether the unit with this index in the plan belongs to the task.
func (t Task) Has(unit int) bool { return unit%t.Of == t.Index }

// schedulers are environment variables that hold the index of an array task.
var schedulers = []string{"SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "CLOUD_RUN_TASK_INDEX"}

// Which returns the task of this process: from text, i/n or i, or, if text is empty, from the scheduler's variables. n
// is the plan's unless text gives it: the array size in the environment is not used, because an array that runs only
// some tasks again counts only those.
func (p *Plan) Which(text string, env func(string) string) (Task, error) {
	t := Task{Of: p.Tasks}
	from := "--task " + text
	if text == "" {
		for _, name := range schedulers {
			if text = env(name); text != "" {
				from = name + "=" + text
				break
			}
		}
		if text == "" {
			return t, usage.Errorf("the task number is missing: give --task i/n, or set one of the environment variables of an array task: %s", usage.Or(schedulers))
		}
	}
	index, of, given := strings.Cut(text, "/")
	var err error
	if given {
		if t.Of, err = strconv.Atoi(of); err != nil || t.Of < 1 {
			return t, usage.Errorf("%s: not a task number; give i/n, with i from 0 to n-1", from)
		}
	}
	if t.Index, err = strconv.Atoi(index); err != nil || t.Index < 0 || t.Index >= t.Of {
		return t, usage.Errorf("%s: not a task of this plan, which has tasks 0 to %d; use --array=0-%d, or give --task i/n", from, t.Of-1, t.Of-1)
	}
	return t, nil
}

// Array lists tasks in the form of Slurm's --array: 0-3,7,9-11.
func Array(tasks []int) string {
	tasks = slices.Clone(tasks)
	slices.Sort(tasks)
	tasks = slices.Compact(tasks)
	var parts []string
	for i := 0; i < len(tasks); {
		k := i
		for k+1 < len(tasks) && tasks[k+1] == tasks[k]+1 {
			k++
		}
		if part := strconv.Itoa(tasks[i]); k > i {
			parts = append(parts, part+"-"+strconv.Itoa(tasks[k]))
		} else {
			parts = append(parts, part)
		}
		i = k + 1
	}
	return strings.Join(parts, ",")
}

// MissingError lists the tasks to run again.
type MissingError struct {
	Plan  string
	Units int   // number of missing units
	Of    int   // number of all units
	Tasks []int // tasks of the missing units that can be computed now
	Later int   // number of missing units of later stages
}

func (e *MissingError) Error() string {
	text := fmt.Sprintf("%s: %d of %d units are missing; run their tasks again: --array=%s", e.Plan, e.Units, e.Of, Array(e.Tasks))
	if e.Later > 0 {
		text += fmt.Sprintf(" (%d units of later stages depend on these: finish then lists their tasks)", e.Later)
	}
	return text
}

// missing returns the error for the units with these indices; nil if there are none.
func (p *Plan) missing(units []int) error {
	if len(units) == 0 {
		return nil
	}
	if len(units) == len(p.Units) {
		if err := p.replaced(); err != nil {
			return err
		}
	}
	e := &MissingError{Plan: p.dir, Units: len(units), Of: len(p.Units)}
	stages := p.byStage(units)
	e.Tasks, e.Later = stages[0], len(units)
	for _, u := range units {
		if p.Units[u].Stage == p.firstStage(units) {
			e.Later--
		}
	}
	return e
}

// firstStage is the stage that can be computed now, of units that are missing.
func (p *Plan) firstStage(units []int) int {
	stage := p.Units[units[0]].Stage
	for _, u := range units {
		stage = min(stage, p.Units[u].Stage)
	}
	return stage
}

// byStage are the tasks of units, by their places, for each stage that there are units of.
func (p *Plan) byStage(units []int) (tasks [][]int) {
	of := map[int][]int{}
	for _, u := range units {
		of[p.Units[u].Stage] = append(of[p.Units[u].Stage], u%p.Tasks)
	}
	for _, stage := range slices.Sorted(maps.Keys(of)) {
		slices.Sort(of[stage])
		tasks = append(tasks, slices.Compact(of[stage]))
	}
	return tasks
}
