package pipeline

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// DetailsKey is the annotation of a command with the part of its description that only --help-all and the reference show.
const DetailsKey = "details"

// rareKey is the annotation of flags that only --help-all and the reference explain.
const rareKey = "rare"

const helpAllFlag = "help-all"

// rare leaves flags out of a command's help; --help-all explains them.
func rare(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		must(cmd.Flags().SetAnnotation(name, rareKey, nil))
	}
}

// details is the part of a command's description that only --help-all and the reference show.
func details(text string) map[string]string { return map[string]string{DetailsKey: text} }

// The groups of flags.
const (
	groupInput  = "Input"
	groupOutput = "Output"
)

// groupKey is the annotation of a flag with its group, where that is not the one of its name.
const groupKey = "group"

// inGroup puts flags of a command into a group of its help.
func inGroup(cmd *cobra.Command, group string, flags ...string) {
	for _, name := range flags {
		must(cmd.Flags().SetAnnotation(name, groupKey, []string{group}))
	}
}

type flagGroup struct {
	title string
	flags []string
}

// flagGroups are the groups of a command's flags in its help, by the flags' names; a flag that is in none is in the last.
var flagGroups = []flagGroup{
	{groupInput, []string{"dataset", "data", "layout", "split", "network", "descriptions", "csv", "model", "images", "labels", "seen", "unseen", "xlsa17", "classes", "words", "names", "text", "text-model", "examples", "from"}},
	{groupOutput, []string{"run", "force", "to", "format", "parquet", "top", "published"}},
	{"Settings", nil},
}

// The groups of the commands.
const (
	groupStages      = "stages"
	groupExperiments = "experiments"
	groupModels      = "models"
	groupFiles       = "files"
	groupTasks       = "tasks"
)

// addGroups puts the commands into groups.
func addGroups(root *cobra.Command) {
	root.AddGroup(&cobra.Group{ID: groupFiles, Title: "Data"}, &cobra.Group{ID: groupStages, Title: "Stages"},
		&cobra.Group{ID: groupModels, Title: "Trained models"}, &cobra.Group{ID: groupExperiments, Title: "Experiments"},
		&cobra.Group{ID: groupTasks, Title: "Several machines"})
	of := map[string]string{"download": groupFiles, "check": groupFiles, "import": groupFiles, "verify": groupFiles, "demo": groupFiles,
		"extract": groupStages, "attributes": groupStages, "split": groupStages, "train": groupStages, "evaluate": groupStages,
		"predict": groupModels, "serve": groupModels, "generate": groupModels, "export": groupModels, "report": groupModels, "runs": groupModels,
		"plan": groupTasks, "finish": groupTasks, "status": groupTasks,
		"tune": groupExperiments, "compare": groupExperiments, "fewshot": groupExperiments, "audit": groupExperiments, "methods": groupExperiments}
	for _, cmd := range root.Commands() {
		cmd.GroupID = of[cmd.Name()]
	}
}

// asksHelpAll looks for --help-all and puts --help, which every command has, in its place.
func asksHelpAll(args []string) ([]string, bool) {
	at := slices.Index(args, "--"+helpAllFlag)
	if end := slices.Index(args, "--"); at < 0 || end >= 0 && end < at {
		return args, false
	}
	args = slices.Clone(args)
	args[at] = "--help"
	return args, true
}

// showHelp prints a command's help: an example first, then what it does, then its flags in groups.
func (c *cli) showHelp(cmd *cobra.Command, _ []string) {
	w := &printable{w: cmd.OutOrStdout()}
	if cmd.Example != "" {
		fmt.Fprintf(w, "%s\n\n", strings.Trim(cmd.Example, "\n"))
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintln(w, strings.TrimRight(text, "\n"))
	if more := cmd.Annotations[DetailsKey]; more != "" && c.helpAll {
		fmt.Fprintf(w, "\n%s\n", strings.TrimRight(more, "\n"))
	}
	if !cmd.Runnable() && !cmd.HasAvailableSubCommands() { // a topic
		return
	}
	if cmd.HasParent() {
		fmt.Fprintf(w, "\nUsage: %s\n", cmd.UseLine())
	}
	sayCommands(w, cmd)
	c.sayFlags(w, cmd)
}

func sayCommands(w io.Writer, cmd *cobra.Command) {
	say := func(title, group string) {
		for _, sub := range cmd.Commands() {
			if sub.GroupID != group || !sub.IsAvailableCommand() && !sub.IsAdditionalHelpTopicCommand() || sub.Name() == "help" {
				continue
			}
			if title != "" {
				fmt.Fprintf(w, "\n%s:\n", title)
				title = ""
			}
			fmt.Fprintf(w, "  %-12s %s\n", sub.Name(), sub.Short)
		}
	}
	for _, g := range cmd.Groups() {
		say(g.Title, g.ID)
	}
	say("Commands", "")
}

func (c *cli) sayFlags(w io.Writer, cmd *cobra.Command) {
	sets := make([]*pflag.FlagSet, len(flagGroups))
	for i := range sets {
		sets[i] = pflag.NewFlagSet("", pflag.ContinueOnError)
	}
	var rest []string
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		_, isRare := f.Annotations[rareKey]
		switch {
		case f.Hidden || f.Name == "help" || f.Name == helpAllFlag:
		case isRare && !c.helpAll:
			rest = append(rest, "--"+f.Name)
		default:
			group := slices.IndexFunc(flagGroups, func(g flagGroup) bool {
				if own := f.Annotations[groupKey]; own != nil {
					return g.title == own[0]
				}
				return slices.Contains(g.flags, f.Name)
			})
			if group < 0 || !cmd.HasParent() {
				group = len(sets) - 1
			}
			sets[group].AddFlag(f)
		}
	})
	for i, set := range sets {
		if set.HasFlags() {
			fmt.Fprintf(w, "\n%s:\n%s", flagGroups[i].title, set.FlagUsages())
		}
	}
	if len(rest) > 0 {
		fmt.Fprintf(w, "\nFurther flags (--%s explains them): %s\n", helpAllFlag, strings.Join(rest, " "))
	}
	if cmd.Annotations[DetailsKey] != "" && !c.helpAll {
		fmt.Fprintf(w, "\n'%s --%s' has details.\n", cmd.CommandPath(), helpAllFlag)
	}
	if cmd.HasParent() {
		fmt.Fprintln(w, "\nFor every command: --out, --config, --json, --quiet, --verbose ('vzsl --help').")
	}
}
