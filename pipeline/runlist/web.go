package runlist

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"vzsl/evaluate/report"
	"vzsl/internal/version"
	"vzsl/pipeline/experiment"
	"vzsl/pipeline/workspace"
)

// Handler shows the runs of a workspace in a browser: at / the list, with links to the reports, whose files are below /reports/; at
// /runs.json the list for programs. Nothing can be changed by it.
func Handler(w *workspace.Workspace) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) {
		all, err := List(r.Context(), w, nil)
		var page []byte
		if err == nil {
			page, err = Page(w, all).HTML()
		}
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		send(rw, "text/html; charset=utf-8", page)
	})
	mux.HandleFunc("GET /runs.json", func(rw http.ResponseWriter, r *http.Request) {
		all, err := List(r.Context(), w, nil)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		b, err := json.Marshal(map[string]any{"runs": append([]*Run{}, all...)})
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		send(rw, "application/json", b)
	})
	mux.HandleFunc("GET /reports/{file...}", func(rw http.ResponseWriter, r *http.Request) { reportFile(w, rw, r.PathValue("file")) })
	return mux
}

// policy is what a page may do: nothing but show itself. The scripts of reports are named by their hashes in their own.
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func send(w http.ResponseWriter, kind string, b []byte) {
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(b) // the client has gone
}

// reportKinds are the files of reports that are shown, by their endings.
var reportKinds = map[string]string{
	".html": "text/html; charset=utf-8", ".json": "application/json", ".csv": "text/csv; charset=utf-8", ".md": "text/markdown; charset=utf-8",
	".tex": "text/plain; charset=utf-8", ".parquet": "application/vnd.apache.parquet",
}

// reportFile sends a file below reports/, which no link leads out of.
func reportFile(w *workspace.Workspace, rw http.ResponseWriter, name string) {
	kind := reportKinds[path.Ext(name)]
	root, err := os.OpenRoot(w.ReportDir(""))
	if err == nil {
		defer root.Close()
	}
	if kind == "" || err != nil || slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool { return strings.HasPrefix(s, ".") }) {
		http.Error(rw, "no such report file", http.StatusNotFound)
		return
	}
	b, err := root.ReadFile(name)
	if err != nil {
		http.Error(rw, "no such report file", http.StatusNotFound)
		return
	}
	send(rw, kind, b)
}

// Page is the list as a page, whose links lead below reports/.
func Page(w *workspace.Workspace, all []*Run) *report.Summary {
	t := report.Table{Caption: "Runs and reports, newest first; accuracy in percent", Head: []string{"Run", "Kind", "Dataset, split", "Method", "Network", "Top-1", "Age", "State"}, Words: 4}
	stale := 0
	for _, r := range all {
		name := report.TableCell{Text: r.Name}
		if r.Report != "" {
			name.Link = "reports/" + url.PathEscape(r.Name) + "/report.html"
		}
		top := report.TableCell{Text: "–"}
		if f := r.Figure; f != nil {
			top.Text = experiment.Points(f.Value)
			if f.Interval != nil {
				top.Small = experiment.Between(f.Interval)
			}
		}
		methods := report.TableCell{Text: strings.Join(r.Methods, ", ")}
		if len(r.Methods) > 3 {
			methods.Text = fmt.Sprintf("%d methods", len(r.Methods))
		}
		if r.Figure != nil {
			methods.Small = r.Figure.Of
		}
		state := report.TableCell{Text: r.State, Small: Size(r.Bytes)}
		if len(r.Stale) > 0 {
			stale++
			state.Text += ", stale"
		}
		t.Rows = append(t.Rows, []report.TableCell{name, {Text: r.Kind}, {Text: r.Dataset, Small: r.Split}, methods, {Text: r.Network}, top, {Text: Age(r.Newest())}, state})
	}
	s := &report.Summary{Kicker: "Runs", Heading: fmt.Sprintf("%d runs and reports", len(all)), Lead: "Runs and reports in this folder.",
		Tables: []report.Table{t}, Command: w.Command("runs"), Program: version.Program()}
	if stale > 0 {
		s.Lead += fmt.Sprintf(" %d are stale: their features, class table, split or model have changed.", stale)
		for _, r := range all {
			if len(r.Stale) > 0 {
				s.Notes = append(s.Notes, r.Name+": "+r.Reason())
			}
		}
	}
	return s
}

// Reason is why a run is stale, in short.
func (r *Run) Reason() string {
	if len(r.Stale) == 0 {
		return ""
	}
	if more := len(r.Stale) - 1; more > 0 {
		return fmt.Sprintf("%s (and %d more of its models)", r.Stale[0], more)
	}
	return r.Stale[0]
}

// Age is the time since then in its largest unit.
func Age(since time.Time) string {
	d := time.Since(since)
	switch {
	case since.IsZero():
		return "–"
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// Size is a number of bytes in the unit that gives it one to three digits before the point.
func Size(n int64) string {
	v := float64(n)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if v < 1000 {
			return fmt.Sprintf("%.3g %s", v, unit)
		}
		v /= 1000
	}
	return fmt.Sprintf("%.3g TB", v)
}
