package pipeline

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vzsl/pipeline/usage"
	"vzsl/train/method"
	"vzsl/train/methods"
	"vzsl/train/settings"
)

func newMethods(con *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "methods [METHOD]",
		Short: "list the methods, or the settings of one",
		Long: `Lists the methods that can be trained or, given a method, its settings: default, allowed range, the values that
'vzsl tune' tries, and the meaning of each.

  vzsl methods devise
  vzsl train --method devise --set margin=0.2 --set epochs=30

In the settings file, the same settings are a table of the method:

  [method.devise]
  margin = 0.2`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return con.listMethods()
			}
			if err := usage.OneOf("method", args[0], methods.Names()...); err != nil {
				return err
			}
			return con.describeMethod(methods.Lookup(args[0]))
		},
	}
}

// describedMethod is a method as 'vzsl methods' prints it.
type describedMethod struct {
	Name         string             `json:"name"`
	Title        string             `json:"title"`
	Paper        string             `json:"paper,omitempty"`
	Presets      []string           `json:"presets"`
	Features     string             `json:"features"`
	Attributes   string             `json:"attributes"`
	Transductive bool               `json:"transductive"`
	NeedsShots   bool               `json:"needs_shots"`
	Seedless     bool               `json:"seedless"`
	Settings     []method.Described `json:"settings,omitempty"`
}

func describeSpec(m *method.Spec) describedMethod {
	c := m.Default()
	_, transductive := c.(method.Transductive)
	d := describedMethod{Name: m.Name, Title: m.Title, Paper: m.Paper, Features: m.Features, Attributes: m.AttributeNorm(c),
		Transductive: transductive, NeedsShots: m.NeedsShots, Seedless: m.Seedless}
	for _, p := range settings.Presets() {
		if settings.HasPreset(p, m.Name) {
			d.Presets = append(d.Presets, p)
		}
	}
	return d
}

func (c *cli) listMethods() error {
	var all []describedMethod
	for _, m := range methods.All() {
		all = append(all, describeSpec(m))
	}
	return c.result(all, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, m := range all {
			about := m.Paper
			if about == "" {
				about = "of this project"
			}
			if m.NeedsShots {
				about = "few-shot only: learns from labelled images of the unseen classes"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", m.Name, m.Title, about)
		}
		_ = t.Flush()
	})
}

func (c *cli) describeMethod(m *method.Spec) error {
	d := describeSpec(m)
	d.Settings = m.Describe()
	return c.result(d, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s\n", d.Name, d.Title)
		if d.Paper != "" {
			fmt.Fprintf(w, "%s\n", d.Paper)
		}
		fmt.Fprintf(w, "default normalisations: features %s, attributes %s; presets: %s\n", d.Features, d.Attributes, strings.Join(d.Presets, ", "))
		for _, s := range d.Settings {
			fmt.Fprintf(w, "\n%s = %s\n    %s\n", s.Name, s.Default, s.Help)
			var limits []string
			if s.Range != "" {
				limits = append(limits, "range: "+s.Range)
			}
			if s.Tuned != "" {
				limits = append(limits, "tuning tries: "+s.Tuned)
			}
			if limits != nil {
				fmt.Fprintf(w, "    %s\n", strings.Join(limits, "; "))
			}
		}
	})
}
