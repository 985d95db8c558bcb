package tasks

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"vzsl/pipeline/usage"
)

// Task is one of several, counted from 0.
type Task struct{ Index, Of int }

func (t Task) String() string { return fmt.Sprintf("%d/%d", t.Index, t.Of) }

// Has tells whether a unit, by its place in the plan, is the task's.
func (t Task) Has(unit int) bool { return unit%t.Of == t.Index }

// schedulers are the variables that tell a process which of an array's it is.
var schedulers = []string{"SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "CLOUD_RUN_TASK_INDEX"}

// Which finds out which task this process is: from text, i/n or i, or where it is empty from the scheduler's variables. n is the plan's
// unless text says otherwise: that of the environment is not taken, since an array that is run again for some tasks alone counts these.
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
			return t, usage.Errorf("the task number is missing: give --task i/n, or set one of the variables of a scheduler's array: %s", usage.Or(schedulers))
		}
	}
	index, of, given := strings.Cut(text, "/")
	var err error
	if given {
		if t.Of, err = strconv.Atoi(of); err != nil || t.Of < 1 {
			return t, usage.Errorf("%s: not a task; give i/n, with i from 0 to n-1", from)
		}
	}
	if t.Index, err = strconv.Atoi(index); err != nil || t.Index < 0 || t.Index >= t.Of {
		return t, usage.Errorf("%s: the tasks are 0 to %d; use --array=0-%d, or give --task i/n", from, t.Of-1, t.Of-1)
	}
	return t, nil
}

// Array lists tasks as --array= takes them: 0-3,7,9-11.
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

// MissingError says which tasks have to be run again.
type MissingError struct {
	Plan  string
	Units int   // that are missing
	Of    int   // all
	Tasks []int // whose units can be computed now
	Later int   // units of later stages, which these have to precede
}

func (e *MissingError) Error() string {
	text := fmt.Sprintf("%s: %d of %d units are missing; run their tasks again: --array=%s", e.Plan, e.Units, e.Of, Array(e.Tasks))
	if e.Later > 0 {
		text += fmt.Sprintf(" (%d units of later stages depend on these: finish then lists their tasks)", e.Later)
	}
	return text
}

// missing is the error for units, by their places, nil: none.
func (p *Plan) missing(units []int) error {
	if len(units) == 0 {
		return nil
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
