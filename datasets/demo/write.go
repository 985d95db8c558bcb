package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"vzsl/internal/wholefile"
)

// SeedsEnd bounds the seeds of the dataset's images: they are below it, those the network is trained on are not.
const SeedsEnd = 1 << 20

// defaultPerClass is how many images of each class Write renders where the options do not say.
const defaultPerClass = 32

// Options of Write. The zero value is the usual demo.
type Options struct {
	PerClass int                   // images of each class; 0 means 32
	Progress func(done, total int) // called after each image, from several goroutines
}

// Write makes dir the demo's dataset, in the layout of an own folder: <class>/<number>.png, the class descriptions in
// classes.csv, the class lists seen.txt and unseen.txt. The folder appears whole or not at all. Where dir already holds
// what Write would make, unharmed, it is left as it is; an older or a damaged one is made again; a folder that holds
// anything that Write did not put there is refused.
func Write(ctx context.Context, dir string, opts Options) error {
	if opts.PerClass == 0 {
		opts.PerClass = defaultPerClass
	}
	if most := SeedsEnd / len(classes); opts.PerClass < 0 || opts.PerClass > most {
		return fmt.Errorf("demo: %d images per class: expected 1 to %d", opts.PerClass, most)
	}
	dir = filepath.Clean(dir)
	whole, err := inspect(dir, opts.PerClass)
	if err != nil || whole {
		return err
	}

	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	temporary, remove, err := wholefile.TemporaryDir(filepath.Dir(dir), filepath.Base(dir))
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { _ = remove() }() // of no harm where it stays: its name starts with a dot
	aside := filepath.Join(temporary, filepath.Base(dir))
	if err := os.Mkdir(aside, 0o755); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := writeInto(ctx, aside, opts); err != nil {
		return fmt.Errorf("demo: rendering into %s: %w", dir, err)
	}
	// What stands at dir is an older demo, an empty folder or nothing.
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := wholefile.Rename(aside, dir); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// mark is the file that says what a demo folder holds. The files are not synced one by one: the mark tells by their
// hash whether they are all there.
const mark = "demo.json"

type contents struct {
	PerClass int    `json:"per_class"`
	Scenes   string `json:"scenes"` // sha256 of what this program renders: see scenesSHA256
	SHA256   string `json:"sha256"` // over the paths and bytes of all other files
}

// inspect reports whether dir is a demo dataset as this program makes it. An error means that dir must not be replaced.
func inspect(dir string, perClass int) (whole bool, err error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("demo: %w", err)
	}
	if !info.IsDir() {
		return false, fmt.Errorf("demo: %s is a file where the dataset's folder should be; remove it or choose another folder", dir)
	}
	if entries, err := os.ReadDir(dir); err != nil {
		return false, fmt.Errorf("demo: %w", err)
	} else if len(entries) == 0 {
		return false, nil
	}
	var found contents
	text, err := os.ReadFile(filepath.Join(dir, mark))
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	if err != nil {
		return false, fmt.Errorf("demo: %s is not empty and not a demo dataset (%w); remove it or choose another folder", dir, err)
	}
	sum, err := hashFiles(dir)
	if err != nil {
		return false, err
	}
	return found == contents{perClass, scenesSHA256(), sum}, nil
}

// hashFiles is the sha256 over the paths and bytes of a demo folder's files but the mark. A file that is not of the
// demo's making, by its name, is an error.
func hashFiles(dir string) (string, error) {
	own := map[string]bool{".": true, mark: true, "classes.csv": true, "seen.txt": true, "unseen.txt": true}
	for _, c := range classes {
		own[c.Name] = true
	}
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		folder, file := filepath.Split(name)
		number, isPicture := strings.CutSuffix(file, ".png")
		if isPicture {
			_, err := strconv.Atoi(number)
			isPicture = err == nil && own[filepath.Clean(folder)] && folder != ""
		}
		if !own[name] && !isPicture {
			return fmt.Errorf("%s was not written by the demo; move it away or choose another folder", path)
		}
		if entry.IsDir() || name == mark {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", filepath.ToSlash(name), len(data))
		sum.Write(data)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// scenesSHA256 tells one version of the renderer from another: the hash over the class descriptions and one image of
// every class.
func scenesSHA256() string {
	sum := sha256.New()
	sum.Write(descriptions())
	for i, c := range classes {
		sum.Write(RGB(c.Render(uint64(i))))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func writeInto(ctx context.Context, dir string, opts Options) error {
	var seen, unseen strings.Builder
	for _, c := range classes {
		if c.Seen {
			seen.WriteString(c.Name + "\n")
		} else {
			unseen.WriteString(c.Name + "\n")
		}
		if err := os.Mkdir(filepath.Join(dir, c.Name), 0o755); err != nil {
			return err
		}
	}
	for name, text := range map[string][]byte{
		"classes.csv": descriptions(), "seen.txt": []byte(seen.String()), "unseen.txt": []byte(unseen.String()),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}

	total := len(classes) * opts.PerClass
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range classes {
		group.Go(func() error {
			for n := range opts.PerClass {
				if err := ctx.Err(); err != nil {
					return err
				}
				var file bytes.Buffer
				if err := png.Encode(&file, c.Render(seedOf(i, n))); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, c.Name, fmt.Sprintf("%03d.png", n)), file.Bytes(), 0o644); err != nil {
					return err
				}
				if d := int(done.Add(1)); opts.Progress != nil {
					opts.Progress(d, total)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}

	sum, err := hashFiles(dir)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(contents{opts.PerClass, scenesSHA256(), sum}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, mark), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// seedOf is the seed of a class's n-th image in the dataset: each image has its own, below SeedsEnd, and it does
// not depend on how many images there are.
func seedOf(class, n int) uint64 {
	return uint64(n*len(classes) + class)
}

// descriptions is the text of classes.csv: a header and a row of 0 and 1 for each class.
func descriptions() []byte {
	var csv bytes.Buffer
	fmt.Fprintf(&csv, "class,%s\n", strings.Join(attributeNames(), ","))
	for _, c := range classes {
		csv.WriteString(c.Name)
		for _, v := range c.attributes() {
			fmt.Fprintf(&csv, ",%d", v)
		}
		csv.WriteByte('\n')
	}
	return csv.Bytes()
}
