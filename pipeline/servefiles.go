package pipeline

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"vzsl/internal/delimited"
	"vzsl/pipeline/usage"
)

// begin settles --classes before the classes are read: a CSV file that does not exist yet is made at the first change, of the classes
// that there are without it.
func (o *serveOptions) begin(con *cli) error {
	if o.Classes.File == "" {
		return nil
	}
	if _, err := os.Stat(o.Classes.File); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !strings.HasSuffix(strings.ToLower(o.Classes.File), ".csv") {
		return usage.Errorf("--classes %s: not found; a name that ends in .csv would be created at the first change of the classes", o.Classes.File)
	}
	con.Log.Info("the file of classes does not exist yet: it is created at the first change, from the split's unseen classes", "file", o.Classes.File)
	o.classFile, o.Classes.File = o.Classes.File, ""
	return nil
}

// classesTo is the file that changes of the classes are written to; "": they are lost when the server stops, which is said where a
// file was given. What a file holds beside the classes and the model's attributes would be lost, so that it is left alone.
func (o *serveOptions) classesTo(con *cli, attributes []string) string {
	if o.classFile != "" || o.Classes.File == "" {
		return o.classFile
	}
	why := "it is not a CSV file"
	if r, err := delimited.Open(o.Classes.File); err == nil && strings.HasSuffix(strings.ToLower(o.Classes.File), ".csv") {
		header := slices.Clone(r.Header())
		_ = r.Close()
		for i := range header {
			header[i] = delimited.Unguarded(header[i])
		}
		more := slices.DeleteFunc(slices.Clone(header), func(h string) bool { return slices.Contains(attributes, h) })
		lacks := slices.ContainsFunc(attributes, func(a string) bool { return !slices.Contains(header, a) })
		switch {
		case len(more) == 1 && !lacks:
			return o.Classes.File
		case len(more) > 1:
			why = "it has more columns than the model's attributes: " + usage.FirstOf(more[1:])
		default:
			why = "it lacks columns for some of the model's attributes"
		}
	}
	con.Log.Warn("changes of the classes are not written to the file and are lost when the server stops; /classes.csv saves them", "file", o.Classes.File, "because", why)
	return ""
}
