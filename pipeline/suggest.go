package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vzsl/internal/spelling"
	"vzsl/pipeline/usage"
)

// wrongFlag explains a command line whose flags cannot be read.
func wrongFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return err
	}
	name := unknown.GetSpecifiedName()
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags = append(flags, f.Name)
		}
	})
	if near := spelling.Close(name, flags); near != "" {
		return fmt.Errorf("%w (did you mean --%s?)", err, near)
	}
	var has []string
	for _, other := range cmd.Root().Commands() {
		if slices.Contains(flagsOf(other), name) {
			has = append(has, "'vzsl "+other.Name()+"'")
		}
	}
	if len(has) > 0 {
		return fmt.Errorf("%w: it is a flag of %s", err, strings.Join(has, ", "))
	}
	return err
}

// wrongArguments explains a command line whose words are not what the command takes.
func wrongArguments(cmd *cobra.Command, err error) error {
	args := cmd.Flags().Args()
	if len(args) == 0 || cmd.Args == nil || cmd.Args(cmd, args) == nil {
		return err
	}
	if !cmd.HasSubCommands() {
		if cmd.Args(cmd, nil) == nil && cmd.Args(cmd, args[:1]) != nil {
			return fmt.Errorf("'%s' takes no arguments, only flags: %q", cmd.CommandPath(), args[0])
		}
		return err
	}
	return unknownCommand(cmd, args[0])
}

func unknownCommand(cmd *cobra.Command, word string) error {
	names := commandNames(cmd)
	if near := usage.DidYouMean(word, names); near != "" {
		return fmt.Errorf("unknown command %q for %q%s", word, cmd.CommandPath(), near)
	}
	return fmt.Errorf("unknown command %q for %q; there are %s", word, cmd.CommandPath(), usage.And(names))
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	return names
}
