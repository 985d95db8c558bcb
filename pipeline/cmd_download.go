package pipeline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"vzsl/datasets/catalog"
	"vzsl/internal/download"
	"vzsl/internal/lookup"
	"vzsl/internal/version"
	"vzsl/internal/wholefile"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
)

// maxFiles of one dataset; ImageNet has 1.3 million.
const maxFiles = 3_000_000

type downloadOptions struct {
	to, from     string
	accept, list bool
	keep, force  bool
}

func newDownload(con *cli) *cobra.Command {
	var o downloadOptions
	cmd := &cobra.Command{
		Use:     "download NAME...",
		Short:   "datasets, networks and word vectors from their official addresses",
		Example: `  vzsl download cub vgg19`,
		Long: `Downloads files by name, checks and unpacks them, and puts them where the other commands look:
data/<dataset>, models/vgg19.onnx. A folder is complete or does not exist.

The licence is shown first and must be accepted: at the prompt, or with --accept-licence. A broken
connection is resumed, and so is a download that was stopped: run the same command again. Where no checksum
is published, the result says so and gives the SHA-256 of the downloaded file; it is recorded in
data/.downloads/SHA256SUMS, and a later download that differs is refused. Addresses are https.

  --list         what can be downloaded
  --from PLACE   read the files, under their official names, from a folder or another address (a mirror, or
                 files downloaded by hand); they are checked in the same way`,
		ValidArgs: workspace.DownloadNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.list {
				return listOffers(con)
			}
			return runDownload(cmd.Context(), con, args, &o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.list, "list", false, "list what can be downloaded, and from where")
	f.BoolVar(&o.accept, "accept-licence", false, "accept the licences without a prompt")
	f.StringVar(&o.to, "to", ".", "`folder` that holds data/ and models/")
	f.StringVar(&o.from, "from", "", "`folder` or address to read the files from instead")
	f.BoolVar(&o.keep, "keep", false, "keep the archives after unpacking, in data/.downloads")
	f.BoolVar(&o.force, "force", false, "replace existing files")
	must(cmd.MarkFlagDirname("to"))
	must(cmd.MarkFlagDirname("from"))
	return cmd
}

// listedFile is one line of the list.
type listedFile struct {
	Name     string   `json:"name"`
	URLs     []string `json:"urls"`
	Bytes    int64    `json:"bytes,omitempty"`
	About    string   `json:"about,omitempty"`
	SHA256   string   `json:"sha256,omitempty"`
	MD5      string   `json:"md5,omitempty"`
	Checksum string   `json:"checksum_source,omitempty"`
}

func listOffers(con *cli) error {
	type listed struct {
		Name    string       `json:"name"`
		Title   string       `json:"title"`
		Page    string       `json:"page"`
		Licence string       `json:"licence"`
		Place   string       `json:"place"`
		Files   []listedFile `json:"files"`
	}
	var all []listed
	for _, o := range workspace.Downloads {
		l := listed{Name: o.Name, Title: o.Title, Page: o.Page, Licence: o.Licence, Place: o.Place}
		for _, f := range o.Files {
			l.Files = append(l.Files, listedFile{f.Name, f.URLs, f.Size, f.About, f.SHA256, f.MD5, f.Source})
		}
		all = append(all, l)
	}
	return con.result(all, func(w io.Writer) {
		for _, o := range workspace.Downloads {
			fmt.Fprintf(w, "%-16s %s\n", o.Name, o.Title)
			for _, f := range o.Files {
				fmt.Fprintf(w, "                 %s, %s, %s\n", f.Name, sizeOf(&f), checksumOf(&f))
			}
		}
		for _, name := range workspace.NamesByHand() {
			fmt.Fprintf(w, "%-16s by hand: %s\n", name, workspace.ByHand(name))
		}
	})
}

func sizeOf(f *catalog.RemoteFile) string {
	switch {
	case f.Size > 0:
		return download.Bytes(f.Size)
	case f.About != "":
		return "about " + f.About
	}
	return "size unknown"
}

func checksumOf(f *catalog.RemoteFile) string {
	if f.Source != "" {
		return "checksum by " + f.Source
	}
	return "no checksum published"
}

// brought is the result of one offer.
type brought struct {
	Name    string        `json:"name"`
	Place   string        `json:"place"`
	Already bool          `json:"already_there"`
	Files   []broughtFile `json:"files,omitempty"`
	Next    string        `json:"next"`
}

type broughtFile struct {
	Name    string `json:"name"`
	From    string `json:"from"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	Checked string `json:"checked"` // against what
}

func runDownload(ctx context.Context, con *cli, names []string, o *downloadOptions) error {
	if len(names) == 0 {
		return usage.Errorf("name what to download: %s; 'vzsl download --list' has details", usage.Or(workspace.DownloadNames()))
	}
	var wanted []*catalog.Download
	for _, name := range names {
		found := false
		for i := range workspace.Downloads {
			if workspace.Downloads[i].Name == name {
				wanted, found = append(wanted, &workspace.Downloads[i]), true
			}
		}
		if hint := workspace.ByHand(name); !found && hint != "" {
			return fmt.Errorf("%s cannot be downloaded with this command: %s", name, hint)
		}
		if !found {
			return usage.Errorf("%q cannot be downloaded%s; available: %s", name, usage.DidYouMean(name, workspace.DownloadNames()), usage.And(workspace.DownloadNames()))
		}
	}
	var results []brought
	var missing []*catalog.Download
	for _, w := range wanted {
		if there, err := lookup.Exists(filepath.Join(o.to, w.Place)); err != nil {
			return err
		} else if there && !o.force {
			results = append(results, brought{Name: w.Name, Place: filepath.Join(o.to, w.Place), Already: true, Next: w.Next})
			continue
		}
		missing = append(missing, w)
	}
	if err := con.acceptLicences(missing, o.accept); err != nil {
		return err
	}
	for _, w := range missing {
		r, err := con.bring(ctx, w, o)
		if err != nil {
			return err
		}
		results = append(results, *r)
	}
	return con.result(results, func(w io.Writer) {
		for _, r := range results {
			if r.Already {
				fmt.Fprintf(w, "%s: already there (--force replaces it)\n", r.Place)
			} else {
				fmt.Fprintf(w, "%s: complete\n", r.Place)
			}
			for _, f := range r.Files {
				fmt.Fprintf(w, "  %s, %s, %s; SHA-256 %s\n", f.Name, download.Bytes(f.Bytes), f.Checked, f.SHA256)
			}
			fmt.Fprintf(w, "next: %s\n", r.Next)
		}
	})
}

// acceptLicences shows the licences on standard error, whatever --quiet says, and asks.
func (c *cli) acceptLicences(offers []*catalog.Download, accepted bool) error {
	if len(offers) == 0 {
		return nil
	}
	for _, o := range offers {
		if c.json {
			c.Log.Warn("licence", "name", o.Name, "title", o.Title, "page", o.Page, "terms", o.Licence)
			continue
		}
		fmt.Fprintf(c.stderr, "%s: %s\n%s\n\n  %s\n\n", o.Name, o.Title, o.Page, strings.ReplaceAll(o.Licence, "\n", "\n  "))
	}
	if accepted {
		return nil
	}
	if !c.terminal || !term.IsTerminal(int(os.Stdin.Fd())) {
		return usage.Errorf("nothing was downloaded: read the terms above and give --accept-licence to accept them")
	}
	fmt.Fprint(c.stderr, "Accept these terms? [y/N] ")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was downloaded: the terms were not accepted")
}

// bring downloads an offer's files and makes its place appear.
func (c *cli) bring(ctx context.Context, o *catalog.Download, opts *downloadOptions) (*brought, error) {
	place := filepath.Join(opts.to, o.Place)
	store := filepath.Join(opts.to, "data", ".downloads", o.Name)
	r := &brought{Name: o.Name, Place: place, Next: o.Next}
	paths := make([]string, len(o.Files))
	for i, f := range o.Files {
		path, got, err := c.obtain(ctx, f, store, opts.from)
		if err != nil {
			return nil, err
		}
		paths[i] = path
		checked := "as published by " + f.Source
		if f.Source == "" {
			list := filepath.Join(opts.to, "data", ".downloads", "SHA256SUMS")
			first, err := download.Remember(list, o.Name+"/"+f.Name, got.SHA256)
			if errors.Is(err, download.ErrChanged) && opts.from == "" {
				_ = os.Remove(path) // the next call downloads it again
			}
			if err != nil {
				return nil, err
			}
			checked = "no checksum is published; unchanged since its first use"
			if first {
				checked = "no checksum is published; the file's own is recorded in " + list + " and compared the next time"
			}
		}
		if got.URL == "" {
			got.URL = path
		}
		r.Files = append(r.Files, broughtFile{f.Name, got.URL, got.Bytes, got.SHA256, checked})
	}
	staged := filepath.Join(filepath.Dir(place), "."+filepath.Base(place)+".unpacking")
	if err := os.RemoveAll(staged); err != nil {
		return nil, fmt.Errorf("%s: removing files of an earlier run: %w", staged, err)
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return nil, err
	}
	if err := c.stage(ctx, o, paths, staged, opts.from == "" && !opts.keep); err != nil {
		_ = os.RemoveAll(staged)
		return nil, err
	}
	if err := replace(staged, place, opts.force); err != nil {
		_ = os.RemoveAll(staged)
		return nil, err
	}
	if !opts.keep {
		_ = os.RemoveAll(store)
		_ = os.Remove(filepath.Dir(store)) // when it is empty
	}
	return r, nil
}

// obtain has a file in the store, or in the folder it is to be taken from.
func (c *cli) obtain(ctx context.Context, f catalog.RemoteFile, store, from string) (string, *download.Result, error) {
	path := filepath.Join(store, f.Name)
	want := download.File{URLs: f.URLs, Size: f.Size, SHA256: f.SHA256, MD5: f.MD5}
	if from != "" {
		if u, err := url.Parse(from); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
			want.URLs = []string{strings.TrimSuffix(from, "/") + "/" + f.Name}
		} else {
			path, want.URLs = filepath.Join(from, f.Name), nil
			if _, err := os.Stat(path); err != nil {
				return "", nil, fmt.Errorf("--from: %w; the files in it must have their official names", err)
			}
		}
	}
	c.Log.Info("download", "file", f.Name, "size", sizeOf(&f))
	bar := c.Begin("download "+f.Name, "MB")
	got, err := download.Fetch(ctx, want, path, download.Options{Progress: megabytes(bar.Done), Log: c.Log, Agent: version.Program()})
	bar.End()
	return path, got, err
}

// megabytes counts bytes as the progress shows them.
func megabytes(show func(done, total int)) func(done, total int64) {
	return func(done, total int64) {
		if total == 0 {
			show(int(done/1e6), -1)
			return
		}
		show(int(done/1e6), int((total+999_999)/1e6))
	}
}

// stage makes what is to appear, aside: the folder with everything unpacked, or the one file. The files at paths are moved
// rather than copied where they are ours.
func (c *cli) stage(ctx context.Context, o *catalog.Download, paths []string, staged string, ours bool) error {
	if len(paths) == 1 && !o.Files[0].Unpack {
		return putFile(paths[0], staged, ours)
	}
	if err := os.MkdirAll(staged, 0o755); err != nil {
		return err
	}
	for i, f := range o.Files {
		if !f.Unpack {
			if err := putFile(paths[i], filepath.Join(staged, f.Name), ours); err != nil {
				return err
			}
			continue
		}
		bar := c.Begin("unpack "+f.Name, "MB")
		_, err := download.Unpack(ctx, paths[i], staged, download.Limits{Bytes: o.Unpacked, Files: maxFiles}, megabytes(bar.Done))
		bar.End()
		if err != nil {
			return err
		}
	}
	return unwrap(staged)
}

// unwrap takes away a folder that is all there is in its folder: data/awa2/Animals_with_Attributes2/classes.txt becomes
// data/awa2/classes.txt.
func unwrap(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || !entries[0].IsDir() {
		return err
	}
	aside := dir + ".inner"
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	if err := wholefile.Rename(filepath.Join(dir, entries[0].Name()), aside); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !lookup.Absent(err) {
		return err
	}
	return wholefile.Rename(aside, dir)
}

// putFile moves or copies a file.
func putFile(from, to string, move bool) error {
	if move && wholefile.Rename(from, to) == nil {
		return nil
	}
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if err == nil {
		err = w.Sync()
	}
	if e := w.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	return nil
}

// replace gives what is staged its place. With force, what stood there is removed last, also by the call after one that was killed.
func replace(staged, place string, force bool) error {
	if !force {
		return wholefile.Rename(staged, place)
	}
	old := place + ".replaced"
	if _, err := os.Lstat(place); err == nil {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
		if err := wholefile.Rename(place, old); err != nil {
			return err
		}
	}
	if err := wholefile.Rename(staged, place); err != nil {
		return err
	}
	return os.RemoveAll(old)
}
