package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"

	"vzsl/evaluate"
)

// settings flattens a configuration into dotted names, sorted.
func settings(config any) ([]Entry, error) {
	if config == nil {
		return nil, nil
	}
	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // as written
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var entries []Entry
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
			if err != nil { // it was decoded from JSON
				panic(err)
			}
			text = string(b)
		}
		entries = append(entries, Entry{name, text})
	}
	walk("", v)
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
	return entries, nil
}

// provenance lists what was run and on which features, without what is not known.
func provenance(r *evaluate.Result, about *About, p *page) (program, features []Entry) {
	known := func(entries ...Entry) []Entry {
		var kept []Entry
		for _, e := range entries {
			if e.Value != "" {
				kept = append(kept, e)
			}
		}
		return kept
	}
	program = known(
		Entry{"Run", about.Name},
		Entry{"Program", about.Program},
		Entry{"Started", p.Started},
		Entry{"Time taken", p.Took},
		Entry{"Dataset", r.Dataset},
		Entry{"Split", r.Split},
		Entry{"Classes of the split", fmt.Sprintf("%d seen, %d unseen", r.SeenCount, len(r.Candidates))},
		Entry{"Provenance of the split", r.Provenance},
		Entry{"Intervals", fmt.Sprintf("95 %% percentile bootstrap, %s resamples, seed %d; Wilson for single classes", count(r.Bootstrap.Resamples), r.Bootstrap.Seed)},
	)
	for _, e := range about.Seeds {
		program = append(program, Entry{"Seed: " + e.Name, e.Value})
	}
	program = append(program, about.Environment...)
	f := about.Features
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	features = known(
		Entry{"Network", f.Network},
		Entry{"Layer", f.Layer},
		Entry{"Values per image", number(f.Dim)},
		Entry{"Preprocessing", f.Recipe},
		Entry{"Engine", f.Engine},
		Entry{"Extracted by", f.Program},
	)
	return program, features
}
