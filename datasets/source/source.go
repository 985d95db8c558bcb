package source

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/text/unicode/norm"

	"vzsl/datasets"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/internal/store"
)

// Options say what of a source is what. The zero value leaves it to what the source says of itself.
type Options struct {
	Stores *store.Opener

	DataColumns
	Names string // file of the class names that numbers stand for, one per line, from 0

	ClassFile string         // that describes the classes; "": classes.csv beside local files, where there is one
	Columns   convert.Choice // of that file

	Progress func(done, total int) // files listed; may be nil
}

// DataColumns say which column of a source is what; "": by its type and the usual names.
type DataColumns struct {
	Image string // of the images in Parquet, of their paths or addresses in a list
	Class string // of the classes; of tar files the member: cls, txt, json, json.KEY or folder
	Name  string // of the images' names in Parquet
}

// entry is one image of a file as it is listed.
type entry struct {
	name  string
	class string // "" with a reason in skip
	skip  string
	at    int64 // where in the file: see the formats
	size  int64 // of the image's bytes; -1: not known
}

// contents lists and reads the images of one file.
type contents interface {
	// list gives them in the order of the file. What is wrong with the file from some place on is damage, and what came before it
	// is given.
	list(ctx context.Context) (all []entry, damage string, err error)
	// read gives those at the places wanted, which rise, as they pass.
	read(ctx context.Context, wanted []int64, give func(at int64, data []byte, skip string) error) error
}

// direct contents can read one image without what stands before it.
type direct interface {
	picture(ctx context.Context, e place, buf []byte) (datasets.Picture, error)
	// stat is what is known of it without reading it: see datasets.Images.
	stat(p place) (bytes, version int64, err error)
}

// place is where the bytes of an image are.
type place struct {
	file     int
	at, size int64
}

// Open lists the images of the files that address names.
func Open(ctx context.Context, address string, o Options) (*datasets.Dataset, error) {
	if o.Stores == nil {
		o.Stores = &store.Opener{}
	}
	fs, is, err := files(ctx, o.Stores, address)
	if err != nil {
		return nil, err
	}
	names, err := readNames(o.Names)
	if err != nil {
		return nil, err
	}
	root := address // where no file of descriptions is
	if local, ok := store.Local(address); ok {
		root = filepath.Dir(local)
	}
	var described []string
	if o.ClassFile != "" || root != address {
		if described, err = datasets.Described(root, o.ClassFile, o.Columns); err != nil {
			return nil, err
		}
	}
	d := &datasets.Dataset{Name: "folder", Root: root}
	s := &set{files: fs, stores: o.Stores}
	switch is {
	case tarFile, tarGzip:
		err = s.openTars(ctx, d, &o)
	case table:
		err = s.openTables(ctx, d, &o)
	case list:
		err = s.openLists(ctx, d, &o)
	default:
		err = s.openPrefix(ctx, d, &o)
	}
	if err == nil {
		err = s.assemble(d, names, described)
	}
	if err != nil {
		if !strings.HasPrefix(err.Error(), address) {
			err = fmt.Errorf("%s: %w", address, err)
		}
		return nil, err
	}
	d.Pictures = s
	return d, d.Check()
}

// set is a source whose images are listed.
type set struct {
	files   []*file
	stores  *store.Opener
	holds   []contents
	entries [][]entry // by file
	places  []place   // by image of the dataset

	hashing sync.Mutex
	sums    map[int]map[int64]string // by file and place, of files that are read from front to end
}

// listAll lists the files, several at a time.
func (s *set) listAll(ctx context.Context, d *datasets.Dataset, o *Options) error {
	s.entries = make([][]entry, len(s.files))
	damage := make([]string, len(s.files))
	done := make(chan struct{})
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		n := 0
		for range done {
			if n++; o.Progress != nil {
				o.Progress(n, len(s.files))
			}
		}
	}()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i := range s.files {
		g.Go(func() (err error) {
			if s.entries[i], damage[i], err = s.holds[i].list(ctx); err != nil {
				return fmt.Errorf("%s: %w", s.files[i].url(), err)
			}
			done <- struct{}{}
			return nil
		})
	}
	err := g.Wait()
	close(done)
	<-counted
	for i, what := range damage {
		if what != "" {
			d.Note("%s is damaged: %s; %d images of it are listed", s.files[i].url(), what, len(s.entries[i]))
		}
	}
	return err
}

// assemble makes classes and images of what was listed: in the order of a folder per class.
func (s *set) assemble(d *datasets.Dataset, names, described []string) error {
	s.uniqueNames(d)
	numbers, err := s.nameClasses(d, names)
	if err != nil {
		return err
	}
	row := make(map[string]int, len(described))
	for i, name := range described {
		row[name] = i + 1
	}
	index := map[string]int{}
	for _, name := range sortedClasses(s.entries) {
		index[name] = len(d.Classes)
		id := row[name]
		if n, ok := numbers[name]; ok && len(described) == 0 {
			id = n + 1
		}
		d.Classes = append(d.Classes, datasets.Class{Name: name, ID: id})
	}
	for _, name := range described {
		if _, pictured := index[name]; !pictured {
			d.Classes = append(d.Classes, datasets.Class{Name: name, ID: row[name]})
		}
	}
	type image struct {
		datasets.Image
		place
	}
	n := 0
	for _, es := range s.entries {
		n += len(es)
	}
	all := make([]image, 0, n)
	for f, es := range s.entries {
		s.entries[f] = nil // a million of them need much memory
		for _, e := range es {
			class := features.Unlabelled
			if e.class != "" {
				class = index[e.class]
			}
			if e.skip != "" {
				if d.Unusable == nil {
					d.Unusable = map[string]string{}
				}
				d.Unusable[e.name] = e.skip
			}
			all = append(all, image{datasets.Image{Path: e.name, Class: class}, place{f, e.at, e.size}})
		}
	}
	slices.SortFunc(all, func(a, b image) int {
		if a.Class != b.Class {
			return a.Class - b.Class
		}
		return strings.Compare(a.Path, b.Path)
	})
	s.entries = nil
	d.Images, s.places = make([]datasets.Image, 0, n), make([]place, 0, n)
	for _, m := range all {
		d.Images, s.places = append(d.Images, m.Image), append(s.places, m.place)
	}
	switch n := d.WithoutImages(); {
	case len(d.Images) == 0:
		return fmt.Errorf("no images in it")
	case len(d.Classes) == 0:
		return fmt.Errorf("the class of no image is known: name its column with --data-columns class=NAME")
	case n > 0:
		d.NoteUnpictured("%d of the %d classes have no images", n, len(d.Classes))
	}
	return nil
}

// sortedClasses are the names of the classes, numbers by their value where all are numbers.
func sortedClasses(entries [][]entry) []string {
	seen := map[string]bool{}
	var names []string
	numbers := true
	for _, es := range entries {
		for _, e := range es {
			if e.class != "" && !seen[e.class] {
				seen[e.class] = true
				names = append(names, e.class)
				numbers = numbers && isNumber(e.class)
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if numbers {
			x, _ := strconv.Atoi(a)
			y, _ := strconv.Atoi(b)
			return x - y
		}
		return strings.Compare(a, b)
	})
	return names
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}

// nameClasses brings class names to normal form C, and puts names for numbers where there is a list of them.
func (s *set) nameClasses(d *datasets.Dataset, names []string) (numbers map[string]int, err error) {
	all := true
	for _, es := range s.entries {
		for i := range es {
			es[i].class = norm.NFC.String(strings.TrimSpace(es[i].class))
			all = all && (es[i].class == "" || isNumber(es[i].class))
		}
	}
	if !all {
		if names != nil {
			return nil, fmt.Errorf("--class-names is for classes that are numbers; these have names")
		}
		return nil, nil
	}
	numbers = map[string]int{}
	for f, es := range s.entries {
		for i := range es {
			if es[i].class == "" {
				continue
			}
			n, _ := strconv.Atoi(es[i].class)
			es[i].class = strconv.Itoa(n)
			if names != nil {
				if n >= len(names) {
					return nil, fmt.Errorf("%s: %s is of class %d; --class-names has %d names, from 0", s.files[min(f, len(s.files)-1)].url(), es[i].name, n, len(names))
				}
				es[i].class = names[n]
			}
			numbers[es[i].class] = n
		}
	}
	if names == nil && len(numbers) > 0 {
		d.Note("the classes are numbers, which are used as names; --class-names gives them names")
	}
	return numbers, nil
}

func readNames(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	return datasets.ReadClassList(file)
}

// uniqueNames leaves the images' names as the source has them where they are unique; else the class stands before them as a folder,
// or else the file.
func (s *set) uniqueNames(d *datasets.Dataset) {
	unique := func(name func(f int, e *entry) string) bool {
		seen := map[string]bool{}
		for f, es := range s.entries {
			for i := range es {
				n := name(f, &es[i])
				if seen[n] {
					return false
				}
				seen[n] = true
			}
		}
		return true
	}
	byClass := func(_ int, e *entry) string { return path.Join(e.class, e.name) }
	byFile := func(f int, e *entry) string { return path.Join(path.Base(s.files[f].key), e.name) }
	with, how := byFile, "file"
	switch {
	case unique(func(_ int, e *entry) string { return e.name }):
		return
	case unique(byClass):
		with, how = byClass, "class"
	case !unique(byFile):
		with = func(f int, e *entry) string { return fmt.Sprintf("%s/%s@%d", path.Base(s.files[f].key), e.name, e.at) }
		how = "file, and their place there behind,"
	}
	for f, es := range s.entries {
		for i := range es {
			es[i].name = with(f, &es[i])
		}
	}
	d.Note("images of different %s have the same names: the %s is put before their names", map[bool]string{true: "classes", false: "files"}[how == "class"], how)
}
