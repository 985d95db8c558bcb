// Package gallery is the gallery of classified images: modules for a browser, served as files or written into one file that opens
// offline. A gallery filters, orders, shows why, takes labels and saves predictions and labels for other programs.
package gallery

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"strings"
)

// Files are the modules: gallery.js, exports.js and gallery.css.
//
//go:embed gallery.js exports.js offline.js gallery.css
var Files embed.FS

// Data is what a page of one file shows.
type Data struct {
	Title string `json:"-"`
	About string `json:"-"` // a sentence below the title
	// ModelVersion identifies the model in downloads.
	ModelVersion string            `json:"model_version"`
	Classes      []string          `json:"classes"`
	Shown        []string          `json:"shown"`      // the classes as they are displayed
	Attributes   map[string]string `json:"attributes"` // names as they are displayed, where that differs
	None         float64           `json:"none"`       // probability below which an image is none of the classes
	Threshold    *float64          `json:"threshold"`  // the best class's score below which it is, as chosen on validation classes; nil: none was
	Auto         bool              `json:"auto"`       // the threshold counts at first
	Items        []Item            `json:"items"`
	ID           string            `json:"id"` // of the content: labels in the browser are kept by it
}

// Item is an image.
type Item struct {
	Image       string  `json:"image"`
	Source      string  `json:"src,omitempty"` // a data URI
	Width       int     `json:"width,omitempty"`
	Height      int     `json:"height,omitempty"`
	Top         any     `json:"top,omitempty"`         // [{"class", "probability", "score"}], best first
	Explanation any     `json:"explanation,omitempty"` // {"seen", "for", "against"}
	Truth       *string `json:"truth,omitempty"`       // class of the folder that the image is in
	Error       string  `json:"error,omitempty"`
}

// module is a module's text without its imports and exports, for one script of several.
func module(name string) (string, error) {
	text, err := Files.ReadFile(name)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "import ") {
			continue
		}
		out.WriteString(strings.TrimPrefix(line, "export "))
	}
	return out.String(), nil
}

// Write writes the page: it asks for nothing and runs no script but its own.
func (d *Data) Write(w io.Writer) error {
	sum := sha256.New()
	for _, i := range d.Items {
		fmt.Fprintf(sum, "%q", i.Image)
	}
	d.ID = d.ModelVersion + " " + hex.EncodeToString(sum.Sum(nil)[:8])
	data, err := json.Marshal(d) // < and > are escaped: no text ends the element
	if err != nil {
		return err
	}
	script := "\n"
	for _, name := range []string{"exports.js", "gallery.js", "offline.js"} {
		text, err := module(name)
		if err != nil {
			return err
		}
		script += text
	}
	style, err := Files.ReadFile("gallery.css")
	if err != nil {
		return err
	}
	css := "\n" + string(style) + "body { margin: 0 auto; max-width: 90rem; padding: 1rem; overflow-wrap: anywhere; }\nh1 { font-size: 1.4rem; margin: 0; }\n"
	var b bytes.Buffer
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:; style-src %s; script-src %s; base-uri 'none'; form-action 'none'">
<title>%s</title>
<link rel="icon" href="data:,">
<style>%s</style>
</head>
<body>
<header><h1>%s</h1><p>%s</p></header>
<main id="gallery"></main>
<script type="application/json" id="data">%s</script>
<script type="module">%s</script>
</body>
</html>
`, hash(css), hash(script), html.EscapeString(d.Title), css, html.EscapeString(d.Title), html.EscapeString(d.About), data, script)
	_, err = w.Write(b.Bytes())
	return err
}

// hash is the source of a Content-Security-Policy that allows this text alone.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
