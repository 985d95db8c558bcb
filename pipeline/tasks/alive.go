package tasks

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"vzsl/internal/custody"
	"vzsl/internal/wholefile"
)

// Start is what a task says of itself: when it begins, after each unit, every beat, and when it ends.
type Start struct {
	Task  string    `json:"task"`
	Plan  string    `json:"plan,omitempty"` // sha256 of plan.json
	Host  string    `json:"host"`
	PID   int       `json:"pid"`
	Began time.Time `json:"began"`
	Since time.Time `json:"since"` // the last unit was finished, or the task began
	Seen  time.Time `json:"seen"`  // the last beat
	Done  int       `json:"done"`  // units
	Ended bool      `json:"ended,omitempty"`
}

// file is its file's name.
func (s *Start) file() string {
	return strings.ReplaceAll(s.Task, "/", "-of-") + "-" + s.Host + "-" + strconv.Itoa(s.PID) + ".json"
}

// A task that was killed cannot say so: it is taken for ended when several beats are missing.
const (
	beatEvery = 20 * time.Second
	beatsLost = 4 * beatEvery
)

// beats keep a task's record up to date. What cannot be written is left out: the record only informs.
type beats struct {
	p    *Plan
	end  chan struct{}
	done sync.WaitGroup

	mu sync.Mutex
	s  Start
}

func now() time.Time { return time.Now().UTC().Round(time.Millisecond) }

func (p *Plan) begin(t Task) *beats {
	b := &beats{p: p, end: make(chan struct{}), s: Start{Task: t.String(), Plan: p.sum, PID: os.Getpid(), Began: now()}}
	b.s.Host, _ = os.Hostname()
	b.at(0)
	b.done.Go(func() {
		beat := time.NewTicker(beatEvery)
		defer beat.Stop()
		for {
			select {
			case <-beat.C:
				b.mu.Lock()
				b.write()
				b.mu.Unlock()
			case <-b.end:
				return
			}
		}
	})
	return b
}

// at says how many units are done.
func (b *beats) at(done int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Done, b.s.Since = done, now()
	b.write()
}

// stop says that the task ended.
func (b *beats) stop() {
	close(b.end)
	b.done.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Ended = true
	b.write()
}

func (b *beats) write() {
	b.s.Seen = now()
	data, err := custody.EncodeJSON(b.s)
	if err == nil {
		_ = wholefile.Bytes(filepath.Join(b.p.dir, startsDir, b.s.file()), data) // see beats
	}
}
