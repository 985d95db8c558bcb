package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"vzsl/evaluate"
)

const reportSchema = "vzsl.report/1"

// facts is report.json. Keys are only ever added; a change of meaning changes the schema.
type facts struct {
	Schema string           `json:"schema"`
	About  *About           `json:"about"`
	Result *evaluate.Result `json:"result"`
	// Confusion lists the cells that are not zero as [true class, predicted class, images], the classes being indices
	// into result.candidates.
	Confusion [][3]int          `json:"confusion"`
	Published *Published        `json:"published,omitempty"`
	Files     map[string]string `json:"files_sha256"`
}

func encodeJSON(r *evaluate.Result, about *About, files map[string][]byte) ([]byte, error) {
	f := facts{
		Schema:    reportSchema,
		About:     about,
		Result:    r,
		Confusion: [][3]int{},
		Published: publishedFor(r, about),
		Files:     map[string]string{},
	}
	for _, c := range r.Confusion() {
		f.Confusion = append(f.Confusion, [3]int{c.True, c.Predicted, c.Count})
	}
	for name, data := range files {
		sum := sha256.Sum256(data)
		f.Files[name] = hex.EncodeToString(sum[:])
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(&f); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
