package download

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vzsl/internal/wholefile"
)

// File is what is wanted.
type File struct {
	URLs   []string // tried in order
	Size   int64    // bytes; 0 unknown
	SHA256 string   // hexadecimal; "" unknown
	MD5    string   // hexadecimal; "" unknown
}

// Options are hooks and limits; the zero value will do.
type Options struct {
	Client   *http.Client
	Progress func(done, total int64)             // total is 0 while unknown
	Pause    func(ctx context.Context, n int)    // before the n-th try without progress, from 1
	Stall    time.Duration                       // abandon a connection after this long without a byte; default 60 s
	Log      *slog.Logger                        // problems that were overcome
	Agent    string                              // User-Agent
	create   func(path string) (partFile, error) // tests simulate a full disk
}

// Result says what was downloaded.
type Result struct {
	Bytes   int64
	SHA256  string
	URL     string // "" where the file was there already
	Resumed int64  // bytes that an earlier run had left
}

// partFile is the file being written.
type partFile interface {
	io.WriteSeeker
	Truncate(size int64) error
	Sync() error
	Close() error
}

const (
	tries       = 5 // without a new byte, for each address
	maxUnsized  = 1 << 40
	partSuffix  = ".part"
	stateSuffix = ".part.json"
)

// state is what must be the same for a download to be resumed.
type state struct {
	URL      string `json:"url"`
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"last_modified,omitempty"`
	Size     int64  `json:"size,omitempty"`
}

// validator is for the If-Range header; "" where the server gave none that can be trusted.
func (s *state) validator() string {
	if s.ETag != "" && !strings.HasPrefix(s.ETag, "W/") {
		return s.ETag
	}
	return s.Modified
}

// finalError is one for which a retry is useless.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func final(format string, args ...any) error { return finalError{fmt.Errorf(format, args...)} }

// Fetch downloads f to path. An existing file is only checked. After a broken connection it resumes; after tries
// without a byte it fails and leaves path.part for the next call.
func Fetch(ctx context.Context, f File, path string, o Options) (*Result, error) {
	if o.Client == nil {
		o.Client = &http.Client{CheckRedirect: checkRedirect}
	}
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	if o.create == nil {
		o.create = func(path string) (partFile, error) { return os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644) }
	}
	for _, address := range f.URLs {
		if err := f.safe(address); err != nil {
			return nil, err
		}
	}
	if st, err := os.Stat(path); err == nil {
		if st.IsDir() {
			return nil, fmt.Errorf("%s is a folder, but the download is a file: remove the folder or choose another place", path)
		}
		r, err := verify(ctx, f, path)
		if err != nil {
			return nil, fmt.Errorf("%w; remove it to download it again", err)
		}
		return r, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	d := &fetching{f: f, path: path, o: o}
	url, err := d.run(ctx)
	if err != nil {
		return nil, err
	}
	r, err := verify(ctx, f, path+partSuffix)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		d.drop()
		return nil, fmt.Errorf("%w (from %s); it was discarded: run the same command again, if the error persists, the file at this address is no longer the published one", err, url)
	}
	if err := commit(path); err != nil {
		return nil, err
	}
	r.URL, r.Resumed = url, d.resumed
	return r, nil
}

// safe refuses plain http, except from this machine, for a file without a known checksum.
func (f *File) safe(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	if u.Scheme != "http" || f.SHA256 != "" || f.MD5 != "" {
		return nil
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsLoopback() || u.Hostname() == "localhost" {
		return nil
	}
	return fmt.Errorf("%s: a file without a published checksum could be changed on its way over http: use an https address, or get the file another way and give its folder with --from", u.Redacted())
}

// commit gives the part its own name.
func commit(path string) error {
	f, err := os.OpenFile(path+partSuffix, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	err = f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = wholefile.Rename(path+partSuffix, path)
	}
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	_ = os.Remove(path + stateSuffix)
	return nil
}

// checkRedirect follows ten redirections, none from https to http.
func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= 10:
		return errors.New("more than 10 redirections")
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("redirected from https to the unencrypted address %s: refused", req.URL.Redacted())
	}
	return nil
}

func pause(ctx context.Context, n int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Second << (n - 1)):
	}
}

// fetching is the state of one Fetch.
type fetching struct {
	f       File
	path    string
	o       Options
	state   state
	have    int64 // bytes in the part
	resumed int64
}

// run tries the addresses until the part is complete.
func (d *fetching) run(ctx context.Context) (string, error) {
	d.load()
	d.resumed = d.have
	if d.f.Size > 0 && d.have == d.f.Size {
		return d.state.URL, nil // complete, but not yet checked
	}
	if d.f.Size > 0 && d.have > d.f.Size {
		d.drop()
	}
	var failed []error
	for _, url := range d.f.URLs {
		err := d.from(ctx, url)
		if err == nil {
			return url, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if full := new(fullError); errors.As(err, &full) {
			return "", err
		}
		failed = append(failed, fmt.Errorf("%s: %w", url, err))
		d.o.Log.Warn("download failed", "from", url, "error", err)
	}
	err := errors.Join(failed...)
	if d.have > 0 {
		err = fmt.Errorf("%w; %s are kept: run the same command again to continue", err, Bytes(d.have))
	}
	return "", fmt.Errorf("download of %s: %w", filepath.Base(d.path), err)
}

// load finds what an earlier run left.
func (d *fetching) load() {
	st, err := os.Stat(d.path + partSuffix)
	if err != nil || !st.Mode().IsRegular() {
		return
	}
	b, err := os.ReadFile(d.path + stateSuffix)
	if err != nil || json.Unmarshal(b, &d.state) != nil {
		d.state = state{}
		return
	}
	d.have = st.Size()
}

// drop discards the part.
func (d *fetching) drop() {
	_ = os.Remove(d.path + partSuffix)
	_ = os.Remove(d.path + stateSuffix)
	d.have, d.state = 0, state{}
}

// from downloads from one address and resumes after broken connections.
func (d *fetching) from(ctx context.Context, url string) error {
	idle := 0
	for {
		before := d.have
		err := d.once(ctx, url)
		var lasting finalError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &lasting):
			return lasting.error
		}
		if d.have > before {
			idle = 0
		}
		if idle++; idle >= tries {
			return fmt.Errorf("failed after %d attempts: %w", tries, err)
		}
		d.o.Log.Info("connection lost, trying again", "from", url, "have", Bytes(d.have), "error", err)
		d.o.Pause(ctx, idle)
	}
}

// once makes one request and writes what it returns.
func (d *fetching) once(ctx context.Context, url string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return finalError{err}
	}
	req.Header.Set("Accept-Encoding", "identity") // ranges count the file's own bytes
	if d.o.Agent != "" {
		req.Header.Set("User-Agent", d.o.Agent)
	}
	if d.have > 0 {
		// Without a validator only a checksum can tell that the two halves belong together.
		same := d.state.URL == url && d.state.validator() != ""
		if !same && d.f.SHA256 == "" && d.f.MD5 == "" {
			d.have = 0
		} else {
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.have))
			if same {
				req.Header.Set("If-Range", d.state.validator())
			}
		}
	}
	stall := time.AfterFunc(d.o.Stall, func() { cancel(fmt.Errorf("no data received for %v", d.o.Stall)) })
	defer stall.Stop()
	resp, err := d.o.Client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			return cause
		}
		return err
	}
	defer resp.Body.Close()
	total, whole, err := d.head(resp)
	if err != nil || whole {
		return err
	}
	d.state = state{URL: url, ETag: resp.Header.Get("ETag"), Modified: resp.Header.Get("Last-Modified"), Size: total}
	return d.body(ctx, resp.Body, total, func() { stall.Reset(d.o.Stall) })
}

// body writes an answer's body after what the part has.
func (d *fetching) body(ctx context.Context, body io.Reader, total int64, alive func()) (err error) {
	part := d.path + partSuffix
	if free, known := freeSpace(filepath.Dir(part)); known && total > 0 && free < total-d.have {
		return finalError{&fullError{path: d.path, have: d.have, total: total, free: free}}
	}
	b, err := json.Marshal(d.state)
	if err == nil {
		err = os.WriteFile(d.path+stateSuffix, b, 0o644) // if incomplete, it is ignored
	}
	if err != nil {
		return d.writeError(err, total)
	}
	w, err := d.o.create(part)
	if err != nil {
		return d.writeError(err, total)
	}
	defer func() {
		if e := w.Close(); err == nil && e != nil {
			err = d.writeError(e, total)
		}
	}()
	if err := w.Truncate(d.have); err != nil {
		return d.writeError(err, total)
	}
	if _, err := w.Seek(d.have, io.SeekStart); err != nil {
		return d.writeError(err, total)
	}
	most := total
	if most == 0 {
		most = maxUnsized
	}
	d.o.Progress(d.have, total)
	buf := make([]byte, 1<<18)
	for {
		n, rerr := body.Read(buf)
		if n > 0 {
			alive()
			if d.have+int64(n) > most {
				defer d.drop()
				return final("the server sends more than the %d bytes of the file", most)
			}
			k, werr := w.Write(buf[:n])
			d.have += int64(k)
			if werr != nil {
				return d.writeError(werr, total)
			}
			d.o.Progress(d.have, total)
		}
		switch {
		case errors.Is(rerr, io.EOF):
			if total > 0 && d.have < total {
				return fmt.Errorf("the connection ended after %d of %d bytes", d.have, total)
			}
			return nil
		case rerr != nil:
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
				return cause
			}
			return rerr
		}
	}
}

func (d *fetching) writeError(err error, total int64) error {
	if isFull(err) {
		free, _ := freeSpace(filepath.Dir(d.path))
		return finalError{&fullError{path: d.path, have: d.have, total: total, free: free}}
	}
	return final("write %s: %w", d.path+partSuffix, err)
}

// fullError reports a full disk.
type fullError struct {
	path              string
	have, total, free int64
}

func (e *fullError) Error() string {
	s := fmt.Sprintf("%s: the disk is full: %s were written", e.path, Bytes(e.have))
	if e.total > 0 {
		s += fmt.Sprintf(" of %s; %s more are needed and %s are free", Bytes(e.total), Bytes(e.total-e.have), Bytes(e.free))
	}
	return s + "; make room and run the same command again, it goes on where it stopped"
}
