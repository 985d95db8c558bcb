// Package gallery is the gallery of classified images: JavaScript modules, served as files or written into one HTML
// file that opens offline. It filters and sorts images, explains predictions, keeps labels, and downloads predictions
// and labels for other programs.
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

// Files are the modules: gallery.js, exports.js, parquet.js and gallery.css.
//
//go:embed gallery.js exports.js parquet.js offline.js gallery.css
var Files embed.FS

// Data is the content of a gallery in one HTML file.
type Data struct {
	Title string `json:"-"`
	About string `json:"-"` // a sentence below the title
	// ModelVersion identifies the model in downloads.
	ModelVersion string            `json:"model_version"`
	Classes      []string          `json:"classes"`
	Shown        []string          `json:"shown"`      // display names of the classes
	Attributes   map[string]string `json:"attributes"` // display names of attributes, where they differ
	None         float64           `json:"none"`       // probability below which an image is none of the classes
	Threshold    *float64          `json:"threshold"`  // excess of the best class's score below which an image is none of the classes, as selected on validation classes; nil: none was selected
	Auto         bool              `json:"auto"`       // the threshold is initially applied
	Items        []Item            `json:"items"`
	ID           string            `json:"id"` // identifies the content: key of the labels kept in the browser
}

// Item is an image.
type Item struct {
	Image       string   `json:"image"`
	Source      string   `json:"src,omitempty"` // a data URI
	Width       int      `json:"width,omitempty"`
	Height      int      `json:"height,omitempty"`
	Top         any      `json:"top,omitempty"`         // [{"class", "probability", "score"}], best first
	Excess      *float64 `json:"excess,omitempty"`      // of the best score, compared with Threshold
	Explanation any      `json:"explanation,omitempty"` // {"seen", "for", "against"}
	Truth       *string  `json:"truth,omitempty"`       // name of the image's folder if that is a class
	Error       string   `json:"error,omitempty"`
	Damaged     string   `json:"damaged,omitempty"` // what of the file is damaged
}

// module returns a module's text without imports and exports, to join several into one script.
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

// Write writes the page; its content security policy forbids requests and scripts other than its own.
func (d *Data) Write(w io.Writer) error {
	sum := sha256.New()
	for _, i := range d.Items {
		fmt.Fprintf(sum, "%q", i.Image)
	}
	d.ID = d.ModelVersion + " " + hex.EncodeToString(sum.Sum(nil)[:8])
	data, err := json.Marshal(d) // < and > are escaped: no text can close the element
	if err != nil {
		return err
	}
	script := "\n"
	for _, name := range []string{"parquet.js", "exports.js", "gallery.js", "offline.js"} {
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

// hash returns a Content-Security-Policy source that allows only this text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
