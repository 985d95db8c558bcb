package tasks

import (
	"fmt"
	"io"
	"runtime"
	"time"

	"vzsl/extract"
	"vzsl/features"
)

// sample is a writer that requests a few of the missing images and discards their features.
type sample struct {
	images []int
	n      int
}

func (s *sample) Parts() int                          { return 1 }
func (s *sample) Done(int) bool                       { return false }
func (s *sample) Range(int) (lo, hi int)              { return 0, s.n }
func (s *sample) Missing(int) []int                   { return s.images }
func (s *sample) Ours(int) bool                       { return true }
func (s *sample) WritePart(int, features.Part) error  { return nil }
func (s *sample) Finish() (*features.Manifest, error) { return nil, nil }

// Measure lets run compute some of the missing images, spread over all, and measures the rate. start is the time it
// took to open the network.
func Measure(g *features.Growth, images int, start time.Duration, run func(extract.Writer) (*extract.Result, error)) (*Rate, error) {
	var todo []int
	for _, shard := range g.Unfinished() {
		todo = append(todo, g.Missing(shard)...)
	}
	s := &sample{}
	for i := range min(images, len(todo)) {
		s.images = append(s.images, todo[i*len(todo)/min(images, len(todo))])
	}
	_, s.n = g.Range(g.Parts() - 1)
	if len(s.images) == 0 {
		return nil, nil
	}
	res, err := run(s)
	if err != nil {
		return nil, err
	}
	return &Rate{Images: res.Computed, ImagesPerSecond: float64(len(s.images)) / max(res.Elapsed.Seconds(), 1e-3), StartSeconds: start.Seconds(), MemoryMB: peakMB(), Processors: runtime.GOMAXPROCS(0)}, nil
}

// taskSeconds is the intended duration of a task of an extraction if the number of tasks is not given; most is the usual limit of a
// scheduler's array.
const (
	taskSeconds = 1800
	most        = 1000
)

// Divide sets the number of tasks; 0: so many that each takes about half an hour.
func (p *Plan) Divide(n int) {
	if n == 0 {
		n = 1
		if p.Rate != nil {
			size := 0
			for _, u := range p.Units {
				size += u.Size
			}
			n = int(float64(size)/p.Rate.ImagesPerSecond/taskSeconds) + 1
		}
		n = min(n, most)
	}
	p.Tasks = max(1, min(n, len(p.Units)))
}

// Ask is the memory and time to request from a scheduler for each task.
type Ask struct {
	MemoryMB int    `json:"memory_mb"`
	Seconds  int    `json:"seconds"`
	Time     string `json:"time"` // Seconds as h:mm:ss
}

// Ask returns one and a half times the measured memory and twice the measured time; nil: nothing was measured.
func (p *Plan) Ask() *Ask {
	if p.Rate == nil {
		return nil
	}
	size := 0
	for i, u := range p.Units {
		if i%p.Tasks == 0 {
			size += u.Size
		}
	}
	s := int(2*(float64(size)/p.Rate.ImagesPerSecond+p.Rate.StartSeconds)) + 60
	return &Ask{MemoryMB: (p.Rate.MemoryMB*3/2 + 255) / 256 * 256, Seconds: s, Time: fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)}
}

// Print writes the status as text.
func (s *Status) Print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d of %d units done", s.Plan, s.Done, s.Units)
	if s.Command == KindExtract {
		fmt.Fprintf(w, " (%d of %d images)", s.SizeDone, s.Size)
	}
	if s.Skipped > 0 {
		fmt.Fprintf(w, ", %d images skipped", s.Skipped)
	}
	fmt.Fprintln(w)
	if s.Done == s.Units {
		fmt.Fprintln(w, "all done: vzsl finish writes the result")
		return
	}
	fmt.Fprintf(w, "%d tasks running", len(s.Running))
	if s.Rate > 0 {
		fmt.Fprintf(w, ", %.1f per second together, %s left", s.Rate, (time.Duration(s.Left) * time.Second).Round(time.Second))
	}
	fmt.Fprintln(w)
	for _, r := range s.Stragglers {
		fmt.Fprintf(w, "straggler: task %s on %s (pid %d) has been working on one unit for %s\n", r.Task, r.Host, r.PID, (time.Duration(r.Seconds) * time.Second).Round(time.Second))
	}
	for _, f := range s.Failed {
		fmt.Fprintln(w, "failed:", f)
	}
	fmt.Fprintf(w, "not done: tasks %s\n", s.Missing)
	for _, later := range s.Later {
		fmt.Fprintf(w, "and then: tasks %s\n", later)
	}
}
