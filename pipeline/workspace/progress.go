package workspace

// Progress is told of long steps.
type Progress interface {
	// Begin begins a step that counts units: images, rows, bytes.
	Begin(step, unit string) Step
}

// Step is a long step under way.
type Step interface {
	Done(n, total int) // how much of it is done; total below 0: not known
	Say(note string)   // what it is at
	End()              // over; may be called again
}

// Begin begins a long step. End must be called.
func (w *Workspace) Begin(step, unit string) Step { return w.Progress.Begin(step, unit) }

type silent struct{}

func (silent) Begin(string, string) Step { return silent{} }
func (silent) Done(int, int)             {}
func (silent) Say(string)                {}
func (silent) End()                      {}

// Phases is a step of several phases, one after another.
type Phases struct {
	w          *Workspace
	step, unit string
	phase      string
	Step
}

// BeginPhases begins a step with what goes before its first phase. End must be called.
func (w *Workspace) BeginPhases(step, unit string) *Phases {
	return &Phases{w: w, step: step, unit: unit, Step: w.Begin(step+": prepare", unit)}
}

// Show tells how much of a phase is done.
func (p *Phases) Show(phase string, done, total int) {
	if phase != p.phase {
		p.End()
		p.phase, p.Step = phase, p.w.Begin(p.step+": "+phase, p.unit)
	}
	p.Done(done, total)
}
