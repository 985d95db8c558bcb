package attributes

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestGoogleNewsSize makes a file of 3 million words x 300 values and finds 1,000 names in it: in one pass, under 300 MB, at
// the speed the file is read at all. VZSL_LONG=1; the file (3.6 GB) goes to the test's temporary folder.
func TestGoogleNewsSize(t *testing.T) {
	if os.Getenv("VZSL_LONG") == "" {
		t.Skip("long test; set VZSL_LONG=1")
	}
	const count, dim = 3_000_000, 300
	path := filepath.Join(t.TempDir(), "synthetic.bin")
	value := func(word, k int) float32 { return float32(uint32(word*31+k*7919)%2000)/1000 - 1 }
	writeSynthetic(t, path, count, dim, value)

	var classes []string
	for i := range 900 {
		classes = append(classes, fmt.Sprintf("word %07d", i*3331))
	}
	for i := range 90 {
		classes = append(classes, fmt.Sprintf("%07d word", i)) // the mean of two words
	}
	for i := range 10 {
		classes = append(classes, fmt.Sprintf("unknown%d", i))
	}
	size := float64(fileSize(t, path))
	for range 2 { // the second from memory
		began := time.Now()
		if out, err := exec.Command("sh", "-c", `cat "$0" >/dev/null`, path).CombinedOutput(); err != nil {
			t.Fatalf("cat: %v %s", err, out)
		}
		cat := time.Since(began)
		began = time.Now()
		got, err := ReadWords(context.Background(), path, classes, WordOptions{})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		t.Logf("%.0f MB: %.0f MB/s, cat %.0f MB/s; peak RSS %d MB", size/1e6, size/1e6/took.Seconds(), size/1e6/cat.Seconds(), peakMB(t))
		if len(got.Unknown()) != 10 || got.Vocabulary != count {
			t.Errorf("%d unknown, %d words", len(got.Unknown()), got.Vocabulary)
		}
		for i := range 900 {
			for k, v := range got.Values[i] {
				if v != value(i*3331, k) {
					t.Fatalf("%s, value %d: %v", classes[i], k, v)
				}
			}
		}
	}
	if mb := peakMB(t); mb > 300 {
		t.Errorf("peak RSS %d MB", mb)
	}
}

func writeSynthetic(t *testing.T, path string, count, dim int, value func(word, k int) float32) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(w, "%d %d\n", count, dim)
	row := make([]byte, 4*dim)
	for i := range count {
		switch i {
		case 17:
			fmt.Fprint(w, "word ")
		case 18:
			fmt.Fprint(w, "0000050 ")
		default:
			if i >= 1000 && i < 1090 {
				fmt.Fprintf(w, "%07d ", i-1000)
			} else {
				fmt.Fprintf(w, "word_%07d ", i)
			}
		}
		for k := range dim {
			binary.LittleEndian.PutUint32(row[4*k:], math.Float32bits(value(i, k)))
		}
		if _, err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func fileSize(t *testing.T, path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

// peakMB is the process's peak resident memory; 0 where the system does not tell.
func peakMB(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Logf("peak memory unknown: %v", err)
		return 0
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		return 0
	}
	kb, _ := strconv.Atoi(string(m[1]))
	return kb / 1024
}
