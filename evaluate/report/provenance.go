package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"

	"vzsl/evaluate"
	"vzsl/evaluate/result"
)

// settings flattens a configuration into dotted names, sorted.
func settings(config any) ([]result.Field, error) {
	if config == nil {
		return nil, nil
	}
	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // keeps the text of the numbers
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var entries []result.Field
	var walk func(name string, v any)
	walk = func(name string, v any) {
		if m, ok := v.(map[string]any); ok && len(m) > 0 {
			for k, v := range m {
				if name != "" {
					k = name + "." + k
				}
				walk(k, v)
			}
			return
		}
		text, ok := v.(string)
		if !ok {
			b, err := json.Marshal(v)
			if err != nil { // cannot fail: it was decoded from JSON
				panic(err)
			}
			text = string(b)
		}
		entries = append(entries, field(name, text))
	}
	walk("", v)
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
	return entries, nil
}

func field(name, value string) result.Field { return result.Field{Name: name, Value: value} }

// provenance lists the run and its features; unknown values are left out.
func provenance(r *evaluate.Result, run *result.Run, p *page) (program, features []result.Field) {
	known := func(entries ...result.Field) []result.Field {
		var kept []result.Field
		for _, e := range entries {
			if e.Value != "" {
				kept = append(kept, e)
			}
		}
		return kept
	}
	program = known(
		field("Run", run.Name),
		field("Program", run.Program),
		field("Started", p.Started),
		field("Time taken", p.Took),
		field("Dataset", r.Dataset),
		field("Split", r.Split),
		field("Classes of the split", fmt.Sprintf("%d seen, %d unseen", r.SeenCount, len(r.Candidates))),
		field("Provenance of the split", r.Provenance),
		field("Intervals", fmt.Sprintf("95 %% percentile bootstrap, %s resamples, seed %d; Wilson for single classes", count(r.Bootstrap.Resamples), r.Bootstrap.Seed)),
	)
	for _, e := range run.Seeds {
		program = append(program, field("Seed: "+e.Name, e.Value))
	}
	program = append(program, run.Environment...)
	f := run.Features
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	features = known(
		field("Network", f.Network),
		field("Layer", f.Layer),
		field("Values per image", number(f.Dim)),
		field("Preprocessing", f.Recipe),
		field("Engine", f.Engine),
		field("Extracted by", f.Program),
	)
	return program, features
}
