package result

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"vzsl/evaluate"
)

const schema = "vzsl.report/1"

// document is report.json. Keys are only ever added; a change of meaning changes the schema.
type document struct {
	Schema string           `json:"schema"`
	Run    *Run             `json:"about"`
	Result *evaluate.Result `json:"result"`
	// Confusion lists the cells that are not zero as [true class, predicted class, images], the classes being indices
	// into result.candidates.
	Confusion [][3]int          `json:"confusion"`
	Published *Published        `json:"published,omitempty"`
	Files     map[string]string `json:"files_sha256"`
}

func encode(r *evaluate.Result, run *Run, published *Published, files map[string][]byte) ([]byte, error) {
	d := document{
		Schema:    schema,
		Run:       run,
		Result:    r,
		Confusion: [][3]int{},
		Published: published,
		Files:     map[string]string{},
	}
	for _, c := range r.Confusion() {
		d.Confusion = append(d.Confusion, [3]int{c.True, c.Predicted, c.Count})
	}
	for name, data := range files {
		d.Files[name] = sha256Hex(data)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(&d); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
