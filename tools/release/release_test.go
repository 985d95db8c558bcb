package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"time"
)

// TestArchives reads archives back: names, modes, times and bytes, and the same bytes a second time.
func TestArchives(t *testing.T) {
	at := time.Unix(1700000000, 0).UTC()
	entries := []entry{{"vzsl-1/README.md", 0o644, []byte("read")}, {"vzsl-1/vzsl", 0o755, bytes.Repeat([]byte("run"), 1000)}}
	tgz, err := tarball(entries, at)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(tgz))
	if err != nil {
		t.Fatal(err)
	}
	if !z.ModTime.IsZero() || z.Name != "" {
		t.Error("the gzip header tells when and of what it was made")
	}
	r := tar.NewReader(z)
	for _, e := range entries {
		h, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(r); h.Name != e.name || h.FileInfo().Mode() != e.mode || !h.ModTime.Equal(at) || !bytes.Equal(b, e.data) {
			t.Errorf("%+v of %d bytes", h, len(b))
		}
	}
	zipFile, err := zipped(entries, at)
	if err != nil {
		t.Fatal(err)
	}
	zr, err := zip.NewReader(bytes.NewReader(zipFile), int64(len(zipFile)))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		f := zr.File[i]
		c, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(c); f.Name != e.name || f.Mode() != e.mode || !f.Modified.Equal(at) || !bytes.Equal(b, e.data) {
			t.Errorf("%+v of %d bytes", f.FileHeader, len(b))
		}
	}
	for name, pack := range map[string]func([]entry, time.Time) ([]byte, error){"tar": tarball, "zip": zipped} {
		a, _ := pack(entries, at)
		if b, _ := pack(entries, at); !bytes.Equal(a, b) {
			t.Errorf("%s: other bytes the second time", name)
		}
	}
}

// TestSettled: Go builds by the release's settings, not by those around it.
func TestSettled(t *testing.T) {
	for name, value := range map[string]string{"GOAMD64": "v3", "GOARM64": "v9.0", "GOFLAGS": "-tags=onnxruntime -buildvcs=false", "GOEXPERIMENT": "greenteagc"} {
		t.Setenv(name, value)
	}
	got, err := output([]string{"GOARCH=amd64"}, "go", "env", "GOARCH", "GOAMD64", "GOARM64", "GOFLAGS", "GOEXPERIMENT")
	if want := "amd64\nv1\nv8.0\n-mod=readonly"; err != nil || got != want {
		t.Errorf("%q, not %q: %v", got, want, err)
	}
}

// TestLicences looks for licences of each kind of place: Go's, a module's, a package's own, one that stands in a README.
func TestLicences(t *testing.T) {
	t.Chdir("../..")
	b, err := licences(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nGo\n", "\ngithub.com/apache/arrow/go/v15 v", "\ngorgonia.org/gorgonia v", "John C. Griffin", "\ngithub.com/klauspost/compress v", "Caleb Spare"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("nothing of %q", want)
		}
	}
}

// TestInstalled: where the packages put the archive's files.
func TestInstalled(t *testing.T) {
	for name, want := range map[string]string{
		"vzsl-1-linux-amd64/vzsl":                  "usr/bin/vzsl",
		"vzsl-1-linux-amd64/LICENSE":               "usr/share/doc/vzsl/copyright",
		"vzsl-1-linux-amd64/docs/methods.md":       "usr/share/doc/vzsl/docs/methods.md",
		"vzsl-1-linux-amd64/share/man/man1/vzsl.1": "usr/share/man/man1/vzsl.1",
		"vzsl-1-linux-amd64/THIRD-PARTY.txt":       "usr/share/doc/vzsl/THIRD-PARTY.txt",
	} {
		if got := installed(name); got != want {
			t.Errorf("%s: %s, expected %s", name, got, want)
		}
	}
}
