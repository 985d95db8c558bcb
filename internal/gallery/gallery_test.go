package gallery

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"vzsl/internal/pagetest"
)

// The tasks and the interface are opened in the frontend of Label Studio, where npm has it: it shows the same classes.
func TestPagesLabelStudio(t *testing.T) {
	said := pagetest.Script(t)(filepath.Join("testdata", "label_studio.js"))
	if strings.HasPrefix(said, "absent") {
		t.Skip("needs npm's label-studio in NODE_PATH")
	}
	t.Log(said)
}

// Names of any kind end no element and start none; the page allows no script but its own.
func TestWrite(t *testing.T) {
	odd := `</script><script>alert(1)</script> & "q" 'a'`
	d := Data{Title: odd, About: odd, ModelVersion: odd, Classes: []string{odd}, Shown: []string{odd}, Attributes: map[string]string{odd: odd},
		Items: []Item{{Image: odd, Top: []any{}, Truth: &odd}, {Image: "b", Error: odd}}}
	var b bytes.Buffer
	if err := d.Write(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if strings.Contains(text, "<script>alert") || strings.Count(text, "<script") != 2 || strings.Count(text, "</script>") != 2 {
		t.Error("a name became an element")
	}
	for _, want := range []string{"default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", `"error":"\u003c/script`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, "\nimport ") || strings.Contains(text, "\nexport ") {
		t.Error("modules are left in the page")
	}
	var again bytes.Buffer
	if err := d.Write(&again); err != nil || again.String() != text {
		t.Error("another page of the same data", err)
	}
}
