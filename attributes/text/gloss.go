package text

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"vzsl/internal/spelling"
)

var (
	synsetLine = regexp.MustCompile(`^(\d{8}) \d\d n `)
	wnidLine   = regexp.MustCompile(`^(n\d{8})[\t ]+(\S.*)$`)
	examples   = regexp.MustCompile(`;\s*"`) // of the word's use: what is said in them is not what the word means
)

// Glosses describes classes by WordNet: "name: gloss", without the examples of use. The file is WordNet's data.noun (of the version that
// the ids are of: ImageNet's are of 3.0), or has lines "n01440764<tab>gloss". wnids are the classes' WordNet ids.
func Glosses(path string, classes, wnids []string) (*Descriptions, error) {
	if len(wnids) != len(classes) || len(classes) == 0 {
		return nil, fmt.Errorf("%s: glosses are found by WordNet id, which the dataset's classes do not have", path)
	}
	of := make(map[string]string, len(wnids))
	for _, w := range wnids {
		of[w] = ""
	}
	if err := readGlosses(path, of); err != nil {
		return nil, err
	}
	d := &Descriptions{Classes: classes, Source: filepath.Base(path)}
	var without []string
	for i, class := range classes {
		gloss := of[wnids[i]]
		if gloss == "" {
			without = append(without, fmt.Sprintf("%s (%s)", class, wnids[i]))
		}
		d.Texts = append(d.Texts, []string{Readable(class) + ": " + gloss})
	}
	if len(without) > 0 {
		return nil, fmt.Errorf("%s: no gloss of %d of %d classes: %s; is it data.noun of the WordNet version of these ids (ImageNet's: 3.0)?", path, len(without), len(classes), spelling.First(without, listed))
	}
	return d, nil
}

// readGlosses fills in the glosses of the ids that are asked for.
func readGlosses(path string, of map[string]string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading glosses: %w", err)
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, maxText)
	known := 0
	for n := 1; ; n++ {
		raw, cut, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading glosses: %w", err)
		}
		if cut {
			return fmt.Errorf("%s:%d: a line of more than %d bytes: this is not a file of glosses", path, n, maxText)
		}
		line := strings.TrimSpace(string(raw))
		var id, gloss string
		if m := synsetLine.FindStringSubmatch(line); m != nil {
			_, after, ok := strings.Cut(line, "| ")
			if !ok {
				return fmt.Errorf("%s:%d: a synset without a gloss", path, n)
			}
			id, gloss = "n"+m[1], after
		} else if m := wnidLine.FindStringSubmatch(line); m != nil {
			id, gloss = m[1], m[2]
		} else {
			continue // the licence at the head of data.noun
		}
		known++
		if _, wanted := of[id]; wanted {
			of[id] = plainGloss(gloss)
		}
	}
	if known == 0 {
		return fmt.Errorf(`%s has no glosses: expected WordNet's data.noun, or lines "n01440764<tab>gloss"`, path)
	}
	return nil
}

// plainGloss is a gloss without examples of use.
func plainGloss(s string) string {
	if at := examples.FindStringIndex(s); at != nil {
		s = s[:at[0]]
	}
	return strings.TrimSpace(strings.Trim(strings.TrimSpace(s), `"`))
}
