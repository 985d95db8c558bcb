package delimited

import (
	"strings"
	"testing"
)

func FuzzGuarded(f *testing.F) {
	for _, s := range []string{"", "a", "=1+1", "'=1", "''-x", "'", "@SUM(A1)", "+", "\t=", "don't", "'quoted'", "=cmd|' /C calc'!A0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g := Guarded(s)
		if Unguarded(g) != s {
			t.Errorf("%q comes back as %q", s, Unguarded(g))
		}
		if g != "" && strings.ContainsAny(g[:1], formulaSigns) {
			t.Errorf("%q is %q", s, g)
		}
	})
}
