package pipeline

import (
	"path"
	"strings"
	"vzsl/internal/custody"
)

// kind is what a file is called in the table.
func kind(name string) string {
	base := path.Base(name)
	switch {
	case base == custody.Name:
		return custody.Name
	case strings.HasPrefix(name, "plans/") && strings.Contains(name, "/done/"):
		return "record of a unit (done/)"
	case strings.HasPrefix(name, "plans/") && strings.Contains(name, "/tasks/"):
		return "record of a task (tasks/)"
	case strings.HasPrefix(name, "plans/") && base == "images.parquet":
		return "list of a plan's images"
	case strings.HasPrefix(name, "features/tasks/demo/part-"):
		return "shard of a task"
	case strings.HasPrefix(base, "part-"):
		return "feature shard"
	case strings.HasPrefix(name, "features/") && strings.Contains(name, "/splits/"):
		return "split"
	case strings.HasPrefix(name, "features/") && base == "classes.parquet":
		return "class table"
	case strings.Contains(name, "/.cache/times-"):
		return "times of a task's shard"
	case strings.Contains(name, "/.cache/"):
		return "training cache (" + base + ")"
	case strings.Contains(name, "/inputs/"):
		return "record of a run (inputs/)"
	case strings.HasPrefix(name, "runs/begun/checkpoints/"):
		return "checkpoint of an unfinished run"
	case strings.Contains(name, "/checkpoints/"):
		return "checkpoint"
	case strings.HasPrefix(name, "runs/begun/"):
		return base + " of an unfinished run"
	case strings.HasPrefix(name, "export/"):
		return "export"
	case strings.HasPrefix(name, "reports/") && base == "report.html":
		return "report.html"
	default:
		return base
	}
}
