package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/datasets/catalog"
	"vzsl/datasets/xlsa17"
	"vzsl/evaluate/result"
	"vzsl/features"
	"vzsl/internal/lookup"
	"vzsl/pipeline/usage"
	"vzsl/train/runs"
)

// checkup is what was found of a dataset and of what was made of it.
type checkup struct {
	Dataset    string   `json:"dataset"`
	Layout     string   `json:"layout"`
	Folder     string   `json:"folder"`
	Usable     bool     `json:"usable"` // the next command can be run
	Classes    int      `json:"classes"`
	Images     int      `json:"images"`
	Attributes int      `json:"attributes"`
	There      []string `json:"there"`
	Missing    []string `json:"missing"`  // not there (yet)
	Problems   []string `json:"problems"` // there, but it does not fit
	Notes      []string `json:"notes"`
	Next       string   `json:"next"`                // a command, or what to do
	NextHint   string   `json:"next_hint,omitempty"` // what to do before it
}

func (c *checkup) there(format string, args ...any) {
	c.There = append(c.There, fmt.Sprintf(format, args...))
}
func (c *checkup) missing(format string, args ...any) {
	c.Missing = append(c.Missing, fmt.Sprintf(format, args...))
}
func (c *checkup) problem(format string, args ...any) {
	c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
}

func newCheck(con *console) *cobra.Command {
	var ds datasetFlags
	cmd := &cobra.Command{
		Use:   "check DATASET [DIR]",
		Short: "what of a dataset is there, what is missing, what does not fit, and what to run next",
		Long: `Looks a dataset's folder through before hours are spent on it: are all files there and readable, are
classes, images and attributes as many as published, which images are listed but absent or there but in
no list, which classes have no description; and how far the stages have come. It ends with the next
command to run. Nothing is changed.

DIR is the dataset's folder, by default data/<dataset>. Exit code 3: something does not fit.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ds.name = args[0]
			if len(args) == 2 {
				ds.data = args[1]
			}
			return runCheck(cmd.Context(), con, &ds)
		},
	}
	f := cmd.Flags()
	ds.addLayout(cmd)
	f.StringVar(&ds.csv, "csv", "", "`file` of class descriptions instead of the dataset's own")
	return cmd
}

func runCheck(ctx context.Context, con *console, ds *datasetFlags) error {
	if err := ds.checkName(); err != nil {
		return err
	}
	given := ds.layout
	ds.infer()
	if err := usage.OneOf("layout", ds.layout, catalog.Layouts()...); err != nil {
		return err
	}
	c := &checkup{Dataset: ds.name, Layout: ds.layout, Folder: ds.data, There: []string{}, Missing: []string{}, Problems: []string{}, Notes: []string{}}
	x := &checking{con: con, ds: ds, c: c, layout: given}
	if err := x.all(ctx); err != nil {
		return err
	}
	if err := con.result(c, c.show); err != nil {
		return err
	}
	switch {
	case !c.Usable:
		return fmt.Errorf("%s: not usable yet; next: %s", ds.data, c.Next)
	case len(c.Problems) > 0:
		return errSkipped
	}
	return nil
}

// show writes the checkup on one screen.
func (c *checkup) show(w io.Writer) {
	fmt.Fprintf(w, "%s in %s, laid out as %s\n", c.Dataset, c.Folder, c.Layout)
	for _, s := range []struct {
		head  string
		lines []string
	}{{"there", c.There}, {"missing", c.Missing}, {"does not fit", c.Problems}, {"note", c.Notes}} {
		const most = 6
		for i, line := range s.lines {
			if i == most && len(s.lines) > most+1 {
				fmt.Fprintf(w, "  %-13s and %d more (--json lists all)\n", s.head, len(s.lines)-most)
				break
			}
			fmt.Fprintf(w, "  %-13s %s\n", s.head, line)
		}
	}
	if c.NextHint != "" {
		fmt.Fprintf(w, "  %-13s %s\n", "first", c.NextHint)
	}
	fmt.Fprintf(w, "next: %s\n", c.Next)
}

// checking is a check under way.
type checking struct {
	con         *console
	ds          *datasetFlags
	c           *checkup
	layout      string // as given
	set         *datasets.Dataset
	perName     map[string]int    // images by class
	ownFeatures string            // the dataset's own features, where they are below its folder
	own         *attributes.Table // what the dataset says of its classes; nil: nothing that can be read
	bare        bool              // the dataset does not describe its classes
	broken      bool              // it does, but that cannot be read
}

func (x *checking) all(ctx context.Context) error {
	if !x.open() {
		return nil
	}
	x.c.Usable = true
	x.counts()
	x.classes()
	if err := x.pictures(ctx); err != nil {
		return err
	}
	x.attributes()
	x.stages(ctx)
	return nil
}

// open reads the dataset; where that cannot be done it says what to do.
func (x *checking) open() bool {
	dir, c := x.ds.data, x.c
	if there, err := lookup.Exists(dir); err != nil {
		c.problem("the dataset's folder: %v", err)
		c.Next = x.repair("put this right")
		return false
	} else if !there {
		c.missing("the dataset's folder %s%s", dir, meantData(x.ds))
		switch hint := byHand(x.ds.name); {
		case slices.Contains(offerNames(), x.ds.name):
			c.Next = "vzsl download " + x.ds.name
		case x.ofXLSA17(filepath.Join("data", catalog.XLSA17)):
		case strings.HasSuffix(hint, catalog.DownloadXLSA17):
			c.NextHint, c.Next = strings.TrimSuffix(hint, ": "+catalog.DownloadXLSA17), catalog.DownloadXLSA17
		case hint != "":
			c.Next = hint
		default:
			c.Next = catalog.Lookup(x.ds.layout).Obtain
		}
		return false
	}
	if x.ds.layout == catalog.XLSA17 && x.ofXLSA17(dir) {
		return false
	}
	set, err := x.ds.read()
	if err == nil {
		x.set = set
		c.Notes = append(c.Notes, set.Notes...) // which pictures are not there is counted below
		return true
	}
	c.problem("%v", err)
	c.Next = x.repair("put this right")
	return false
}

// repair is what to do where something is missing in the dataset's folder: unpack what lies there, get it again, or else what.
func (x *checking) repair(what string) string {
	dir := x.ds.data
	archives := archivesIn(dir)
	if len(archives) == 0 {
		return cmp.Or(x.downloaded(), x.again(what))
	}
	x.c.problem("archives lie there that are not unpacked: %s", usage.FirstOf(archives))
	switch {
	case x.downloaded() != "" && filepath.Dir(archives[0]) == ".":
		return fmt.Sprintf("vzsl download %s --force --from %s", x.ds.name, shellWord(dir))
	case wnidArchive.MatchString(filepath.Base(archives[0])):
		x.c.NextHint = fmt.Sprintf(`unpack each archive in %s into a folder of its name: for f in n*.tar; do mkdir "${f%%.tar}" && tar xf "$f" -C "${f%%.tar}"; done`,
			filepath.Join(dir, filepath.Dir(archives[0])))
		return x.again("unpack them")
	}
	return x.again("unpack " + filepath.Join(dir, archives[0]))
}

// wnidArchive is the archive of one class of ImageNet, which lies within that of all.
var wnidArchive = regexp.MustCompile(`^n\d{8}\.tar$`)

// ofXLSA17 looks in the folder of all of xlsa17 for those of single datasets, and says how to go on with the one asked for, or of
// xlsa17 itself with any.
func (x *checking) ofXLSA17(all string) bool {
	var found []string
	for _, below := range []string{"*/", "data/*/", "xlsa17/data/*/"} {
		files, err := lookup.Below(all, below+xlsa17.SplitsFile)
		if err != nil || len(files) == 0 {
			continue
		}
		for _, f := range files {
			found = append(found, filepath.Dir(f))
		}
		break
	}
	var names []string
	for _, dir := range found {
		name := strings.ToLower(filepath.Base(dir))
		if names = append(names, name); x.c.Next == "" && (name == x.ds.name || x.ds.name == catalog.XLSA17) {
			x.c.Next = fmt.Sprintf("vzsl check %s %s", name, shellWord(dir))
		}
	}
	if x.c.Next != "" {
		x.c.there("folders of xlsa17 in %s, each a dataset of its own: %s", all, strings.Join(names, ", "))
	}
	return x.c.Next != ""
}

// downloaded is the command that brings the dataset to where it was looked for, or "".
func (x *checking) downloaded() string {
	for _, o := range downloads {
		if o.Name == x.ds.name && filepath.Clean(x.ds.data) == filepath.FromSlash(o.Place) {
			return "vzsl download " + o.Name + " --force"
		}
	}
	return ""
}

// again is what to do where no command will do.
func (x *checking) again(what string) string {
	s := "vzsl check " + x.ds.name
	if x.ds.data != filepath.Join("data", x.ds.name) {
		s += " " + shellWord(x.ds.data)
	}
	if x.layout != "" {
		s += " --layout " + x.layout
	}
	return what + " and run '" + s + "' again"
}

// archivesIn lists the archives in a folder and in those just below it.
func archivesIn(dir string) (found []string) {
	for _, below := range []string{"*", "*/*"} {
		files, err := lookup.Below(dir, below)
		if err != nil {
			continue
		}
		for _, f := range files {
			for _, ext := range []string{".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".part"} {
				if rel, err := filepath.Rel(dir, f); err == nil && strings.HasSuffix(strings.ToLower(f), ext) {
					found = append(found, rel)
					break
				}
			}
		}
	}
	return found
}

func (x *checking) counts() {
	c := x.c
	c.Classes, c.Images = len(x.set.Classes), len(x.set.Images)
	own := catalog.Lookup(x.ds.layout).Features
	switch {
	case own == nil:
		c.there("%d classes, %d images", c.Classes, c.Images)
	default:
		if c.Images == 0 && own.Find != nil {
			x.ownFeatures, c.Images = own.Find(x.set.Root)
		}
		c.there("%d classes, features of %d images", c.Classes, c.Images)
		if c.Images == 0 {
			c.problem("no features in %s: their archive is not unpacked there", x.set.Root)
			c.Usable = len(x.networks()) > 0
		}
	}
	p := catalog.Lookup(x.ds.name).Counts
	if p.Classes == 0 {
		return
	}
	for _, n := range []struct {
		what            string
		have, published int
	}{{"classes", c.Classes, p.Classes}, {"images", c.Images, p.Images}} {
		if n.have != n.published {
			c.problem("%d %s; %s has %d as published", n.have, n.what, x.ds.name, n.published)
		}
	}
}

// classes finds names that are too much alike and classes without images.
func (x *checking) classes() {
	x.perName = map[string]int{}
	for _, m := range x.set.Images {
		x.perName[x.set.Classes[m.Class].Name]++
	}
	alike := map[string]string{}
	var empty []string
	for _, c := range x.set.Classes {
		plain := strings.ToLower(strings.NewReplacer("_", " ", "+", " ", "-", " ").Replace(c.Name))
		if other, twice := alike[plain]; twice {
			x.c.problem("classes %q and %q differ in case or spacing only: is it one class?", other, c.Name)
		}
		alike[plain] = c.Name
		if x.perName[c.Name] == 0 {
			empty = append(empty, c.Name)
		}
	}
	if len(empty) > 0 && len(x.set.Images) > 0 && x.ds.layout != catalog.Folder { // own classes without pictures are what this is for
		x.c.problem("%d classes have no images: %s", len(empty), usage.FirstOf(empty))
	}
}

// pictureFile: what a walk takes for a picture.
func pictureFile(name string) bool { return datasets.IsPicture(name) && !strings.HasPrefix(name, ".") }

// pictures compares the list of images with the files.
func (x *checking) pictures(ctx context.Context) error {
	if catalog.Lookup(x.ds.layout).Features != nil {
		return nil
	}
	c := x.c
	listed := make(map[string]bool, len(x.set.Images)) // false: no file yet
	folded := make(map[string]string, len(x.set.Images))
	for _, m := range x.set.Images {
		listed[m.Path] = false
		if other, twice := folded[strings.ToLower(m.Path)]; twice {
			c.problem("images %q and %q differ in case only: on some disks they are one", other, m.Path)
		}
		folded[strings.ToLower(m.Path)] = m.Path
	}
	var orphans, empty, unread, unnamed []string
	seen := 0
	hook, end := x.con.progress("look through "+x.set.ImageRoot, "files")
	defer end()
	root := x.set.ImageRoot
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if path == root && errors.Is(err, fs.ErrNotExist) {
				return fs.SkipAll
			}
			c.problem("%v", err)
			return nil
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := datasets.Printable(filepath.ToSlash(rel))
		_, known := listed[name]
		if !known && !pictureFile(d.Name()) {
			return nil
		}
		if seen++; seen%1000 == 0 {
			hook(seen, len(listed))
		}
		if !known {
			orphans = append(orphans, name)
			return nil
		}
		listed[name] = true
		if datasets.Unread(name) {
			unread = append(unread, name)
		}
		if x.set.Unusable[name] != "" {
			unnamed = append(unnamed, name)
		}
		if st, err := d.Info(); err == nil && st.Mode().IsRegular() && st.Size() == 0 {
			empty = append(empty, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var absent []string
	for _, m := range x.set.Images {
		if listed[m.Path] {
			continue
		}
		// Below a linked folder the walk does not go.
		if there, err := lookup.Exists(filepath.Join(x.set.ImageRoot, filepath.FromSlash(m.Path))); err != nil {
			c.problem("%v", err)
		} else if !there {
			absent = append(absent, m.Path)
		}
	}
	switch {
	case len(listed) == 0:
		c.problem("no pictures in %s", x.set.ImageRoot)
		c.Usable = len(x.networks()) > 0
	case len(absent) == len(listed):
		c.problem("none of the %d images listed has a file in %s: is the archive of the pictures unpacked there?", len(listed), x.set.ImageRoot)
		c.Usable = len(x.networks()) > 0 // features made elsewhere will do
	case len(absent) > 0:
		c.problem("%d images are listed but have no file: %s", len(absent), usage.FirstOf(absent))
	}
	if len(empty) > 0 {
		c.problem("%d images are empty files: %s", len(empty), usage.FirstOf(empty))
	}
	if len(unread) > 0 {
		c.problem("%d images are of formats that are not read (HEIC, AVIF, JPEG XL, JPEG 2000) and will be skipped: convert them to JPEG or PNG: %s", len(unread), usage.FirstOf(unread))
	}
	if len(unnamed) > 0 {
		c.problem("%d images have names that are not UTF-8 text and will be skipped: rename them: %s", len(unnamed), usage.FirstOf(unnamed))
	}
	if len(orphans) > 0 {
		slices.Sort(orphans)
		c.problem("%d pictures belong to no class or list and are left out: %s", len(orphans), usage.FirstOf(orphans))
	}
	return nil
}

// attributes reads the class descriptions.
func (x *checking) attributes() {
	c := x.c
	table, err := x.ds.ownDescription(x.set)
	if bare := (undescribedError{}); errors.As(err, &bare) {
		x.bare = true
		c.missing("descriptions of the classes: the dataset has none of its own, word vectors of the names will do")
		return
	}
	if err != nil {
		c.problem("class descriptions: %v", err)
		x.broken = true
		return
	}
	if err := settle(table, x.ds.missing); err != nil {
		c.problem("class descriptions: %v", err)
	}
	x.own = table
	c.Attributes = len(table.Names)
	c.there("%d attributes of every class (%s)", c.Attributes, table.Source)
	c.Notes = append(c.Notes, table.Notes...)
	if p := catalog.Lookup(x.ds.name).Counts; p.Attributes > 0 && p.Attributes != c.Attributes && x.ds.csv == "" {
		c.problem("%d attributes; %s has %d as published", c.Attributes, x.ds.name, p.Attributes)
	}
	var without, some []string
	for i, row := range table.Values {
		n := 0
		for _, v := range row {
			if v != v {
				n++
			}
		}
		switch {
		case n == len(row):
			without = append(without, table.Classes[i])
		case n > 0:
			some = append(some, fmt.Sprintf("%s (%d)", table.Classes[i], n))
		}
	}
	if len(without) > 0 {
		c.problem("%d classes have no attribute at all: %s", len(without), usage.FirstOf(without))
	}
	if len(some) > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%d values are missing, of classes %s: train with --missing class-mean", table.Missing(), usage.FirstOf(some)))
	}
}

func (x *checking) networks() []string {
	n, err := x.con.networks(x.ds.name)
	if err != nil && !slices.Contains(x.c.Problems, err.Error()) {
		x.c.problem("%v", err)
	}
	return n
}

// command is a command line of this dataset; data: it reads the dataset's folder.
func (x *checking) command(stage string, data bool, more ...string) string {
	words := []string{"--dataset", x.ds.name}
	if data {
		if x.ds.data != filepath.Join("data", x.ds.name) {
			words = append(words, "--data", x.ds.data)
		}
		if x.layout != "" {
			words = append(words, "--layout", x.layout)
		}
	}
	words = append(words, more...)
	if x.con.out != "." {
		words = append(words, "--out", x.con.out)
	}
	for i, w := range words {
		words[i] = shellWord(w)
	}
	return "vzsl " + stage + " " + strings.Join(words, " ")
}

// shellWord quotes a word for the shell where it needs that.
func shellWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// stages says how far the work has come and what comes next.
func (x *checking) stages(ctx context.Context) {
	c := x.c
	if !c.Usable {
		what := "put the pictures there"
		if own := catalog.Lookup(x.ds.layout).Features; own != nil {
			what = own.Absent
		}
		c.Next = x.repair(what)
		return
	}
	with := func(step func(ctx context.Context) string) func() string { return func() string { return step(ctx) } }
	for _, step := range []func() string{x.features, x.table, x.splits, with(x.unassigned), with(x.stale), x.runs} {
		if c.Next = step(); c.Next != "" {
			return
		}
	}
}

// features looks at the shards; it returns the command that makes or completes them.
func (x *checking) features() string {
	c := x.c
	complete := 0
	for _, n := range x.networks() {
		dir := x.con.networkDir(x.ds.name, n)
		m, err := features.ReadManifest(dir)
		switch {
		case err != nil:
			c.problem("%v", err)
		case !m.Complete:
			c.missing("%s: the extraction is not finished, %d images so far", dir, m.Rows)
			if m.Source.NetworkSHA256 != "" {
				return x.command("extract", true, x.model(n)...)
			}
		default:
			complete++
			c.there("%s: features of %d images, %d-d", dir, m.Rows, m.Source.Dim)
			if m.Skipped > 0 {
				c.Notes = append(c.Notes, fmt.Sprintf("%d images were skipped, see %s", m.Skipped, filepath.Join(dir, "skipped.csv")))
			}
			if !m.Source.Imported() && m.Source.DatasetSHA256 != "" && m.Source.DatasetSHA256 != x.set.SHA256() {
				c.problem("%s was made from another list of classes and images than the one in %s: extract again with --force", dir, x.ds.data)
			}
		}
	}
	if complete > 0 {
		return ""
	}
	c.missing("features of the images")
	if own := catalog.Lookup(x.ds.layout).Features; own != nil {
		path := cmp.Or(x.ownFeatures, x.ds.data)
		return x.command(own.Import+" "+shellWord(path), path != x.ds.data)
	}
	if c.Images == 0 && x.ds.layout == catalog.Folder {
		return x.command("import FEATURES.npy", true, "--labels", "LABELS.txt")
	}
	models, err := filepath.Glob(filepath.Join("models", "*.onnx"))
	if err != nil || len(models) == 0 {
		c.missing("a network: no .onnx file in models/")
		return "vzsl download vgg19"
	}
	return x.command("extract", true, x.model(stem(models[0]))...)
}

// model is the flag for a network that is not the default one.
func (x *checking) model(network string) []string {
	if network == "vgg19" {
		return nil
	}
	if _, err := os.Stat(filepath.Join("models", "vgg19.onnx")); err == nil && len(x.networks()) == 0 {
		return nil
	}
	return []string{"--model", filepath.Join("models", network+".onnx")}
}

func (x *checking) table() string {
	var more []string
	if _, err := os.Stat(x.con.classTable(x.ds.name)); x.broken && err != nil {
		x.c.missing("the class table %s", x.con.classTable(x.ds.name))
		return x.repair("put the class descriptions right")
	}
	switch vectors := filepath.Join("data", "glove", "glove.6B.300d.txt"); {
	case x.ds.csv != "":
		more = []string{"--csv", x.ds.csv}
	case x.bare:
		more = []string{"--words", vectors}
		if _, err := os.Stat(x.con.classTable(x.ds.name)); err == nil {
			break
		}
		if _, err := os.Stat(vectors); err != nil {
			x.c.missing("word vectors in data/glove; any others will do: vzsl attributes --words FILE")
			return "vzsl download glove"
		}
	}
	path := x.con.classTable(x.ds.name)
	t, err := features.ReadClassTable(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		x.c.problem("%v", err)
		fallthrough
	case err != nil:
		x.c.missing("the class table %s", path)
		return x.command("attributes", true, more...)
	}
	have := map[string]bool{}
	for _, n := range t.Classes {
		have[n] = true
	}
	for _, n := range x.set.Classes {
		if !have[n.Name] {
			x.c.problem("%s: it does not have class %q and is of another list of classes: run attributes again", path, n.Name)
			return x.command("attributes", true, more...)
		}
	}
	if older := x.olderTable(t); older != nil {
		x.c.problem("%s is of an older description of the classes; %s: run attributes again", path, older)
		return x.command("attributes", true, more...)
	}
	x.c.there("%s: %d attributes (%s)", path, len(t.Attributes), t.Source)
	return ""
}

// olderTable says in what the class table differs from the description that it was read from; nil: in nothing, or it was made of
// another one. Values that are missing in the description may have been filled in.
func (x *checking) olderTable(t *features.ClassTable) *features.Change {
	if x.own == nil || x.own.Source != t.Source {
		return nil
	}
	now := &features.ClassTable{Classes: x.own.Classes, Attributes: x.own.Names}
	row := map[string][]float32{}
	if same, err := t.SelectAttributes(now.Attributes); err == nil {
		for i, class := range same.Classes {
			row[class] = same.Values[i]
		}
	}
	for i, class := range now.Classes {
		values := slices.Clone(x.own.Values[i])
		for j, was := range row[class] {
			if values[j] != values[j] {
				values[j] = was
			}
		}
		now.Values = append(now.Values, values)
	}
	return t.Changed(now)
}

// unassigned finds images that were added after a split was made.
func (x *checking) unassigned(ctx context.Context) string {
	next := ""
	var images, classes []string
	for _, n := range x.networks() {
		i, c, err := features.ReadNames(ctx, x.con.networkDir(x.ds.name, n))
		if err != nil {
			continue // features said so
		}
		images, classes = append(images, i...), append(classes, c...)
	}
	for _, name := range x.splitNames() {
		roles, err := features.ReadSplit(x.con.rolesFile(x.ds.name, name))
		if err != nil {
			x.c.problem("%v", err)
			continue
		}
		without := roles.Unassigned(images, classes)
		slices.Sort(without)
		if without = slices.Compact(without); len(without) > roles.LeftOut {
			x.c.problem("split %s: %d images of its classes have no role in it, they were added since it was made (%s): '%s'", name, len(without), usage.FirstOf(without), splitAgain(roles))
			if runs, err := x.con.runsOn(x.ds.name, name); err == nil && len(runs) == 0 { // else they would have to be trained again
				next = cmp.Or(next, splitAgain(roles))
			}
		}
	}
	return next
}

// stale finds runs that were made from other inputs than are there now, and reports of other models.
func (x *checking) stale(ctx context.Context) string {
	next := ""
	err := x.con.eachRun(func(name string, data runData) {
		if data.Dataset != x.ds.name || ctx.Err() != nil {
			return
		}
		again, err := x.con.staleness(ctx, name)
		if err != nil {
			x.c.problem("%v", err)
		}
		next = cmp.Or(next, again)
	})
	if err != nil {
		x.c.problem("%v", err)
	}
	return next
}

// staleness says what of a run, or of its report, is not of what is there, and the command that mends it.
func (c *console) staleness(ctx context.Context, run string) (again string, err error) {
	sum, err := runs.ModelSHA256(c.runDir(run))
	if err != nil || sum == "" { // a training, or a search, that is under way
		return "", ignoreAbsent(err)
	}
	var r runFlags
	model, err := c.loadNamed(run, &r)
	if err != nil {
		return "", err
	}
	in, err := c.inputsOf(ctx, run, &r, model, false)
	if err != nil {
		var changed *changedError
		if errors.As(err, &changed) {
			again = changed.again
		}
		return again, err
	}
	in.close()
	s, err := result.Read(c.reportDir(run))
	if err != nil {
		return "", ignoreAbsent(err)
	}
	if err := c.reportOfModel(run, s, sum); err != nil {
		return c.evaluateAgain(run), err
	}
	return "", nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// splitNames are the splits there are, the published ones first.
func (x *checking) splitNames() []string {
	names, err := x.con.splits(x.ds.name)
	if err != nil && !slices.Contains(x.c.Problems, err.Error()) {
		x.c.problem("%v", err)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		rank := map[string]int{"standard": -2, "proposed": -1}
		return rank[a] - rank[b]
	})
	return names
}

func (x *checking) splits() string {
	c := x.c
	if names := x.splitNames(); len(names) > 0 {
		c.there("splits: %s", strings.Join(names, ", "))
		return ""
	}
	c.missing("a split into seen and unseen classes")
	var wnids []string
	for _, n := range x.set.Classes {
		wnids = append(wnids, n.WNID)
	}
	if _, unseen, _, err := catalog.PublishedSplit("standard", x.ds.name, x.set.ClassNames(), wnids); err == nil {
		pictured := 0
		for _, n := range unseen {
			if x.perName[n] > 0 {
				pictured++
			}
		}
		if pictured < len(unseen) {
			c.problem("%d of the %d unseen classes of the standard split have no images: it measures the others only", len(unseen)-pictured, len(unseen))
		}
		return x.command("split", false)
	}
	seen, unseen := filepath.Join(x.ds.data, "seen.txt"), filepath.Join(x.ds.data, "unseen.txt")
	_, err1 := os.Stat(seen)
	_, err2 := os.Stat(unseen)
	if pictured := len(x.perName); err1 != nil && err2 != nil && pictured > 0 && pictured < len(x.set.Classes) {
		return x.command("split", false, "--split", picturedSplit)
	}
	if err1 != nil || err2 != nil {
		c.NextHint = "write " + seen + " and " + unseen + ": the names of the seen and of the unseen classes, one a line"
	}
	return x.command("split", false, "--split", "own", "--seen", seen, "--unseen", unseen)
}

// runs looks for trained models and their reports.
func (x *checking) runs() string {
	c := x.c
	networks := x.networks()
	for _, split := range x.splitNames() {
		prefix := x.ds.name + "-" + split + "-"
		models, err := lookup.Below(x.con.runDir(""), "*/model.safetensors")
		if err != nil {
			c.problem("%v", err)
		}
		for _, m := range models {
			run := filepath.Base(filepath.Dir(m))
			if !strings.HasPrefix(run, prefix) {
				continue
			}
			page := filepath.Join(x.con.reportDir(run), "report.html")
			if _, err := os.Stat(page); err == nil {
				c.there("%s, %s", m, page)
				return "nothing is left to do: open " + page
			}
			c.there("%s", m)
			if roles, err := features.ReadSplit(x.con.rolesFile(x.ds.name, split)); err == nil && !slices.Contains(roles.Roles, features.RoleTestUnseen) {
				c.Notes = append(c.Notes, "no unseen class of the split "+split+" has pictures: there is nothing to measure, but pictures can be named")
				return x.command("predict", false, "--run", run) + " PICTURE..."
			}
			c.missing("the report of %s", run)
			return x.command("evaluate", catalog.Lookup(x.ds.layout).Features == nil, "--split", split, "--method", strings.TrimPrefix(run, prefix))
		}
	}
	c.missing("a trained model")
	more := []string{"--split", x.splitNames()[0]}
	if len(networks) > 1 {
		more = append(more, "--network", networks[0])
	}
	return x.command("train", false, more...)
}
