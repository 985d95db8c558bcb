package pipeline

import (
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vzsl/attributes"
	"vzsl/datasets/catalog"
	"vzsl/extract/engine/onnxruntime"
	"vzsl/features/convert"
	"vzsl/pipeline/workspace"
	"vzsl/train/method"
	"vzsl/train/methods"
	"vzsl/train/settings"
)

// names is a list that a shell's completion offers, made when it is asked for.
type names func(cmd *cobra.Command) []string

func fixed(words ...string) names { return func(*cobra.Command) []string { return words } }

// addCompletions lets the shells complete the flags that mean the same in all commands, and arguments. A command whose flag of
// such a name means something else has said before what it takes.
func (c *cli) addCompletions(root *cobra.Command) {
	flags := map[string]names{
		"dataset": c.datasetNames, "network": c.networkNames, "split": c.splitNames,
		"run": c.runNames, "tuned": c.runNames,
		"features": fixed(method.FeatureKinds()...), "attributes": fixed(attributes.Kinds()...), "preset": fixed(settings.Presets()...),
		"ort-provider": fixed(onnxruntime.Providers()...), "published": fixed(catalog.PublishedDatasets()...),
		"matrix": fixed(catalog.Matrices()...), "crop": fixed("none", "bbox"),
		"label-kind": fixed(convert.LabelKinds()...),
	}
	flags[setFlag] = func(cmd *cobra.Command) []string { return settingWords(flagValue(cmd, "method")) }
	arguments := map[string]names{
		"report":  c.runNames,
		"methods": fixed(methods.Names()...),
		"check":   func(cmd *cobra.Command) []string { return slices.Concat(catalog.Layouts(), c.datasetNames(cmd)) },
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			offer := flags[f.Name]
			if f.Name == "missing" {
				if offer = fixed(attributes.MissingPolicies()...); cmd.Name() == "attributes" {
					offer = fixed(workspace.MissingWays()...)
				}
			}
			if _, there := cmd.GetFlagCompletionFunc(f.Name); offer != nil && !there && f.Value.Type() != "bool" {
				must(cmd.RegisterFlagCompletionFunc(f.Name, c.completion(offer)))
			}
		})
		switch offer := arguments[cmd.Name()]; {
		case offer != nil:
			cmd.ValidArgsFunction = c.completion(offer)
		case cmd.Args != nil && cmd.Args(cmd, []string{"any"}) != nil:
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(root)
}

// settingWords are what --set takes of a method: the names of its settings, with the values of those that are words.
func settingWords(methodName string) []string {
	m := methods.Lookup(methodName)
	if m == nil {
		return nil
	}
	var words []string
	for _, s := range m.Describe() {
		if s.Name == "features" || s.Name == "attributes" { // have flags of their own
			continue
		}
		values := s.Words
		if values == nil {
			values = []string{""}
		}
		for _, v := range values {
			words = append(words, s.Name+"="+v)
		}
	}
	return words
}

func (c *cli) completion(offer names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		_ = c.applyConfig(cmd)                                                               // a settings file that is wrong is told when the command runs
		words := slices.DeleteFunc(offer(cmd), func(w string) bool { return shown(w) != w }) // the shell would write them to the terminal
		return slices.Compact(slices.Sorted(slices.Values(words))), cobra.ShellCompDirectiveNoFileComp
	}
}

// datasetNames are those of data/ and features/.
func (c *cli) datasetNames(*cobra.Command) []string {
	return slices.Concat(workspace.Offered("data", "*"), workspace.Offered(filepath.Join(c.Dir, "features"), "*"))
}

func (c *cli) networkNames(cmd *cobra.Command) []string {
	found, _ := c.Networks(flagValue(cmd, "dataset"))
	return found
}

func (c *cli) splitNames(cmd *cobra.Command) []string {
	dataset := flagValue(cmd, "dataset")
	made, _ := c.Splits(dataset)
	found := slices.Concat(catalog.PublishedSplits(dataset), made)
	if cmd.Name() == "split" { // for the others it is there once it is made
		found = append(found, workspace.PicturedSplit)
	}
	return found
}

func (c *cli) runNames(*cobra.Command) []string { return c.RunNames() }

func flagValue(cmd *cobra.Command, name string) string {
	if f := cmd.Flag(name); f != nil {
		return f.Value.String()
	}
	return ""
}
