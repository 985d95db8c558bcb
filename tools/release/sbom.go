package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// The parts of CycloneDX 1.6 that are written: https://cyclonedx.org/docs/1.6/json/.
type bom struct {
	Format       string          `json:"bomFormat"`
	Spec         string          `json:"specVersion"`
	Serial       string          `json:"serialNumber"`
	Version      int             `json:"version"`
	Metadata     bomMetadata     `json:"metadata"`
	Components   []bomComponent  `json:"components"`
	Dependencies []bomDependency `json:"dependencies"`
}

type bomMetadata struct {
	Timestamp string       `json:"timestamp"`
	Component bomComponent `json:"component"`
}

type bomComponent struct {
	Type       string        `json:"type"`
	Ref        string        `json:"bom-ref"`
	Name       string        `json:"name"`
	Version    string        `json:"version"`
	PURL       string        `json:"purl,omitempty"`
	Hashes     []bomHash     `json:"hashes,omitempty"`
	Properties []bomProperty `json:"properties,omitempty"`
}

type bomHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type bomProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type bomDependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// sbom is the list of what a binary was built from, by what Go recorded in it: the modules that are linked, with the sums of go.sum,
// and Go itself. The same binary and time give the same bytes.
func sbom(info *debug.BuildInfo, binary []byte, version, platform string, at time.Time) ([]byte, error) {
	sum := sha256.Sum256(binary)
	root := bomComponent{Type: "application", Ref: "vzsl", Name: "vzsl", Version: version, Hashes: []bomHash{{"SHA-256", fmt.Sprintf("%x", sum)}}}
	root.Properties = append(root.Properties, bomProperty{"platform", platform})
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			root.Properties = append(root.Properties, bomProperty{"vcs.revision", s.Value})
		}
	}
	goVersion := strings.TrimPrefix(strings.Fields(info.GoVersion + " ")[0], "go")
	parts := []bomComponent{{Type: "library", Ref: purl("std", goVersion), Name: "std", Version: goVersion, PURL: purl("std", goVersion)}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		if m.Sum == "" {
			return nil, errors.New(m.Path + " has no checksum: it was built from a local folder; use a published version")
		}
		c := bomComponent{Type: "library", Ref: purl(m.Path, m.Version), Name: m.Path, Version: m.Version, PURL: purl(m.Path, m.Version)}
		c.Properties = []bomProperty{{"go.sum", m.Sum}} // of the module's files together: no hash of one file
		parts = append(parts, c)
	}
	slices.SortFunc(parts, func(a, b bomComponent) int { return strings.Compare(a.Ref, b.Ref) })
	deps := bomDependency{Ref: root.Ref, DependsOn: []string{}}
	for _, c := range parts {
		deps.DependsOn = append(deps.DependsOn, c.Ref)
	}
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // a UUID of version 8, RFC 9562
	return json.MarshalIndent(bom{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Serial:   fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]),
		Metadata: bomMetadata{at.Format(time.RFC3339), root}, Components: parts, Dependencies: []bomDependency{deps},
	}, "", "  ")
}

// purl is a module's package URL: https://github.com/package-url/purl-spec, type golang.
func purl(path, version string) string {
	var parts []string
	for _, p := range strings.Split(strings.ToLower(path), "/") {
		parts = append(parts, url.PathEscape(p))
	}
	return "pkg:golang/" + strings.Join(parts, "/") + "@" + url.QueryEscape(version)
}
