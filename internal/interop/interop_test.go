package interop

import (
	"runtime"
	"testing"
)

// recorder keeps how a test ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Fatal(...any) { r.ended = "failed"; runtime.Goexit() }
func (r *recorder) Skip(...any)  { r.ended = "skipped"; runtime.Goexit() }

// TestLacks: without its packages a test skips, or fails where make interop promised them.
func TestLacks(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no node, and no other Python than Debian's
	for _, test := range []struct{ promised, node, python string }{
		{"", "skipped", "skipped"},
		{"node", "failed", "skipped"},
		{"node,python", "failed", "failed"},
	} {
		t.Setenv("VZSL_INTEROP", test.promised)
		for program, c := range map[string]struct {
			want string
			call func(t testing.TB)
		}{
			"node":   {test.node, func(t testing.TB) { Node(t, []string{"vzsl-no-such-package"}) }},
			"python": {test.python, func(t testing.TB) { Python(t, []string{"vzsl_no_such_module"}) }},
		} {
			r, done := &recorder{TB: t}, make(chan struct{})
			go func() {
				defer close(done)
				c.call(r)
			}()
			if <-done; r.ended != c.want {
				t.Errorf("VZSL_INTEROP=%s, %s: %q, not %q", test.promised, program, r.ended, c.want)
			}
		}
	}
}
