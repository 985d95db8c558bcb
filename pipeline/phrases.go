package pipeline

import (
	"fmt"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/pipeline/usage"
)

// readPhrases reads --names and says which of its lines count for nothing: a class that such a line was meant for keeps the
// vector of its own name.
func (c *console) readPhrases(path string, ds *datasets.Dataset) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	wnids := make([]string, len(ds.Classes))
	for i, class := range ds.Classes {
		wnids[i] = class.WNID
	}
	p, err := attributes.ReadPhrases(path, ds.ClassNames(), wnids)
	if err != nil {
		return nil, fmt.Errorf("--names: %w", err)
	}
	if len(p.Of) == 0 {
		return nil, fmt.Errorf("%s: none of its lines begins with the name of a class of %s, such as %q", path, ds.Name, ds.Classes[0].Name)
	}
	for _, note := range p.Notes {
		c.log.Info(note, "file", path)
	}
	if n := len(p.Unmatched); n > 0 {
		c.log.Warn(fmt.Sprintf("%d of the %d lines of --names name no class and were left out", n, p.Lines), "file", path, "lines", usage.FirstOf(p.Unmatched))
	}
	return p.Of, nil
}
