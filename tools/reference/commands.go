package main

import (
	"bytes"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"vzsl/pipeline"
)

// commandPages are the pages of all commands, as commands/vzsl_train.md.
func commandPages() (map[string][]byte, error) {
	files := map[string][]byte{}
	err := eachCommand(func(c *cobra.Command) error {
		var b bytes.Buffer
		link := func(name string) string { return name }
		if err := doc.GenMarkdownCustom(c, &b, link); err != nil {
			return err
		}
		text := strings.ReplaceAll(b.String(), ")\t - ", "): ") // its lists of commands
		files["commands/"+strings.ReplaceAll(c.CommandPath(), " ", "_")+".md"] = []byte(strings.TrimRight(text, "\n") + "\n")
		return nil
	})
	return files, err
}

// shared are the man pages and completions, by their places below /usr/share. The man pages' date is that of
// SOURCE_DATE_EPOCH, where it is set.
func shared() (map[string][]byte, error) {
	files := map[string][]byte{}
	err := eachCommand(func(c *cobra.Command) error {
		// These become text of a page; the generator takes them for Markdown.
		escape := func(f *pflag.Flag) {
			if f.Annotations["escaped"] == nil {
				_, usage := pflag.UnquoteUsage(f)
				f.Usage, f.Annotations = literal(usage), map[string][]string{"escaped": {}}
			}
		}
		c.InitDefaultHelpFlag()
		c.NonInheritedFlags().VisitAll(escape)
		c.InheritedFlags().VisitAll(escape)
		var b bytes.Buffer
		if err := doc.GenMan(c, &doc.GenManHeader{Source: "vzsl", Manual: "vzsl"}, &b); err != nil {
			return err
		}
		files["man/man1/"+strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"] = b.Bytes()
		return nil
	})
	if err != nil {
		return nil, err
	}
	root := pipeline.Command()
	var bash, zsh, fish, powershell bytes.Buffer
	for _, err := range []error{
		root.GenBashCompletionV2(&bash, true), root.GenZshCompletion(&zsh), root.GenFishCompletion(&fish, true),
		root.GenPowerShellCompletionWithDesc(&powershell),
	} {
		if err != nil {
			return nil, err
		}
	}
	files["bash-completion/completions/vzsl"] = bash.Bytes()
	files["zsh/site-functions/_vzsl"] = zsh.Bytes()
	files["fish/vendor_completions.d/vzsl.fish"] = fish.Bytes()
	files["powershell/vzsl.ps1"] = powershell.Bytes()
	return files, nil
}

// eachCommand visits the commands and help topics that help shows, their descriptions turned from plain text to Markdown.
func eachCommand(visit func(*cobra.Command) error) error {
	root := pipeline.Command()
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	root.DisableAutoGenTag = true
	var walk func(c *cobra.Command) error
	walk = func(c *cobra.Command) error {
		c.Long, c.DisableAutoGenTag = paragraphs(c.Long+"\n\n"+c.Annotations[pipeline.DetailsKey]), true
		if err := visit(c); err != nil {
			return err
		}
		for _, sub := range c.Commands() {
			if sub.Name() != "help" && (sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand()) {
				if err := walk(sub); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return walk(root)
}

// paragraphs turns a help text to Markdown: what is indented there is shown as it is, in a block of code.
func paragraphs(text string) string {
	var out []string
	for p := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		switch {
		case strings.HasPrefix(p, " ") || strings.HasPrefix(p, "\t") || strings.Contains(p, "\n  "):
			out = append(out, "```\n"+strings.Trim(p, "\n")+"\n```")
		default:
			out = append(out, literal(p))
		}
	}
	return strings.Join(out, "\n\n")
}

// literal is text in which Markdown has nothing to find.
func literal(s string) string {
	return strings.NewReplacer("\\", "\\\\", "<", "\\<", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "|", "\\|").Replace(s)
}
