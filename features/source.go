package features

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// DefaultShardRows is the number of dataset images per part where [Source.ShardRows] is 0.
const DefaultShardRows = 1024

// Limits that no real extraction reaches; they keep a damaged file from asking for absurd amounts of memory.
const (
	maxDim       = 1 << 24
	maxShardRows = 1 << 20
	maxParts     = 100_000
)

// Source says where the features of a folder come from. Every shard and the manifest carry it; two folders with equal
// sources hold the same features.
type Source struct {
	Dataset       string `json:"dataset"`
	DatasetSHA256 string `json:"dataset_sha256"` // identifies the list of classes and images
	Network       string `json:"network"`
	NetworkSHA256 string `json:"network_sha256"` // empty where features were imported and no file is known
	Layer         string `json:"layer"`
	Recipe        string `json:"recipe"`
	Engine        string `json:"engine"`
	Program       string `json:"program"`    // program and version that computed the features
	Dim           int    `json:"dim"`        // values per feature
	ShardRows     int    `json:"shard_rows"` // dataset images per part; 0 means DefaultShardRows
	Images        int    `json:"images"`     // images in the dataset, skipped ones included
}

// field is one value of a Source under its metadata key.
type field struct {
	key  string // in Parquet metadata, after "vzsl."
	text *string
	num  *int
}

func (s *Source) fields() []field {
	return []field{
		{key: "dataset", text: &s.Dataset},
		{key: "dataset_sha256", text: &s.DatasetSHA256},
		{key: "network", text: &s.Network},
		{key: "network_sha256", text: &s.NetworkSHA256},
		{key: "layer", text: &s.Layer},
		{key: "recipe", text: &s.Recipe},
		{key: "engine", text: &s.Engine},
		{key: "program", text: &s.Program},
		{key: "dim", num: &s.Dim},
		{key: "shard_rows", num: &s.ShardRows},
		{key: "images", num: &s.Images},
	}
}

func (f field) value() string {
	if f.num != nil {
		return strconv.Itoa(*f.num)
	}
	return *f.text
}

// metadata appends the source as key-value pairs.
func (s *Source) metadata(kv *metadata, without ...string) {
	for _, f := range s.fields() {
		if slices.Contains(without, f.key) {
			continue
		}
		kv.add(keyPrefix+f.key, f.value())
	}
}

// sourceFrom reads a source out of a file's metadata.
func sourceFrom(get func(key string) (string, bool)) (Source, error) {
	s, err := readSource(get)
	if err != nil {
		return s, err
	}
	return s, s.check()
}

func readSource(get func(key string) (string, bool), without ...string) (Source, error) {
	var s Source
	for _, f := range s.fields() {
		if slices.Contains(without, f.key) {
			continue
		}
		v, ok := get(keyPrefix + f.key)
		if !ok {
			return s, fmt.Errorf("metadata %q is missing", keyPrefix+f.key)
		}
		if f.num == nil {
			*f.text = v
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil {
			return s, fmt.Errorf("metadata %q is %q, want a whole number", keyPrefix+f.key, v)
		}
		*f.num = n
	}
	return s, nil
}

func (s *Source) check() error {
	switch {
	case s.Dim < 1 || s.Dim > maxDim:
		return fmt.Errorf("feature size %d is not within 1..%d", s.Dim, maxDim)
	case s.Images < 1:
		return fmt.Errorf("%d images: there is nothing to store", s.Images)
	case s.ShardRows < 1 || s.ShardRows > maxShardRows:
		return fmt.Errorf("%d images per shard is not within 1..%d", s.ShardRows, maxShardRows)
	case s.parts() > maxParts:
		return fmt.Errorf("%d images make %d shards of %d; at most %d: raise the images per shard", s.Images, s.parts(), s.ShardRows, maxParts)
	}
	return nil
}

func (s *Source) parts() int { return (s.Images + s.ShardRows - 1) / s.ShardRows }

func (s *Source) partRange(part int) (lo, hi int) {
	lo = part * s.ShardRows
	return lo, min(lo+s.ShardRows, s.Images)
}

// differences names every field in which the two sources differ but for some, "field: there x, here y".
func (s *Source) differences(other *Source, but ...string) []string {
	var d []string
	theirs := other.fields()
	for i, f := range s.fields() {
		if a, b := f.value(), theirs[i].value(); a != b && !slices.Contains(but, f.key) && (f.key != "recipe" || !SameRecipe(a, b)) {
			d = append(d, fmt.Sprintf("%s: there %s, now %s", strings.ReplaceAll(f.key, "_", " "), shown(a), shown(b)))
		}
	}
	return d
}

func shown(v string) string {
	if v == "" {
		return "(empty)"
	}
	return v
}
