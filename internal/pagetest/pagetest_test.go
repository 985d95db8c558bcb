package pagetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Everything that is looked for is found on a page that has it, and nothing on one that has not.
func TestPages(t *testing.T) {
	look := browser(t)
	page := func(name, head, body string) string {
		path := filepath.Join(t.TempDir(), name)
		text := `<!DOCTYPE html><html lang="en"><head><title>A page</title><link rel="icon" href="data:,"><meta name="color-scheme" content="light dark">` + head + `</head><body><main><h1>A page</h1>` + body + `</main></body></html>`
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pages := []string{page("right.html", "", "<p>Text.</p>")}
	var wanted []string
	for _, c := range []struct{ name, head, body, want string }{
		{"overflow", "", `<div style="width:800px">wide</div>`, ", 360 px, light: wider than the page, "},
		{"printed", "<style>@media print{p{width:900px}}</style>", `<p>Text.</p>`, ", printed: wider than the page, "},
		{"console", "<script>console.log('a word')</script>", "", ", opening: console: a word"},
		{"script", "<script>missing()</script>", "", ", opening: script: missing is not defined"},
		{"request", "", `<img alt="" src="http://127.0.0.1:9/x.png">`, ", opening: request: http://127.0.0.1:9/x.png"},
		{"axe", "<style>@media(prefers-color-scheme:dark){p{color:#222;background:#111}}</style>", `<p>Text.</p>`, ", 768 px, dark: axe, serious: color-contrast"},
		{"size", "<!--" + strings.Repeat("x", 5e6) + "-->", "", ": 50"},
	} {
		pages = append(pages, page(c.name+".html", c.head, c.body))
		wanted = append(wanted, c.name+".html"+c.want)
	}
	wrong := strings.Join(look(pages...), "\n")
	for _, want := range wanted {
		if !strings.Contains(wrong, want) {
			t.Errorf("no %q in\n%s", want, wrong)
		}
	}
	if strings.Contains(wrong, "right.html") {
		t.Error(wrong)
	}
}
