package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func TestSBOM(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.25.4 X:nothing", Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}}, Deps: []*debug.Module{
		{Path: "golang.org/x/net", Version: "v0.57.0", Sum: "h1:x"},
		{Path: "github.com/A/b", Version: "v1.0.0+incompatible", Sum: "h1:y"},
		{Path: "old.example/m", Version: "v1.0.0", Replace: &debug.Module{Path: "new.example/m", Version: "v1.1.0", Sum: "h1:z"}},
	}}
	at := time.Unix(1_700_000_000, 0).UTC()
	a, err := sbom(info, []byte("binary"), "1.2.0", "linux/amd64", at)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := sbom(info, []byte("binary"), "1.2.0", "linux/amd64", at); err != nil || !bytes.Equal(a, b) {
		t.Error("not the same bytes again", err)
	}
	if b, _ := sbom(info, []byte("another"), "1.2.0", "linux/amd64", at); bytes.Equal(a, b) {
		t.Error("another binary has the same list")
	}
	var got bom
	if err := json.Unmarshal(a, &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range got.Components {
		names = append(names, c.PURL)
		if c.Name != "std" && (len(c.Properties) != 1 || !strings.HasPrefix(c.Properties[0].Value, "h1:")) {
			t.Errorf("%+v", c)
		}
	}
	want := "pkg:golang/github.com/a/b@v1.0.0%2Bincompatible pkg:golang/golang.org/x/net@v0.57.0 pkg:golang/new.example/m@v1.1.0 pkg:golang/std@1.25.4"
	if strings.Join(names, " ") != want || len(got.Dependencies[0].DependsOn) != 4 {
		t.Errorf("%v", names)
	}
	if got.Format != "CycloneDX" || got.Metadata.Timestamp != "2023-11-14T22:13:20Z" || len(got.Serial) != len("urn:uuid:")+36 || got.Serial[23] != '8' {
		t.Errorf("%+v", got)
	}
	if h := got.Metadata.Component.Hashes[0].Content; h != "9a3a45d01531a20e89ac6ae10b0b0beb0492acd7216a368aa062d1a5fecaf9cd" {
		t.Error(h)
	}
	info.Deps[0].Sum = ""
	if _, err := sbom(info, nil, "1.2.0", "linux/amd64", at); err == nil || !strings.Contains(fmt.Sprint(err), "x/net") {
		t.Error(err)
	}
}
