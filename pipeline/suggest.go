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
	"vzsl/train/method"
	"vzsl/train/methods"
)

// wrongFlag explains a command line whose flags cannot be read.
func (c *cli) wrongFlag(cmd *cobra.Command, err error) error {
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
	if cmd.Flags().Lookup(setFlag) != nil {
		if set := c.setFor(cmd, name); set != "" {
			return fmt.Errorf("%w: it is a setting of a method: --%s %s", err, setFlag, set)
		}
	}
	if near := spelling.Close(name, flags); near != "" {
		return fmt.Errorf("%w (did you mean --%s?)", err, near)
	}
	if cmd.Flags().Lookup(setFlag) != nil {
		if near := nearSetting(name); near != "" {
			return fmt.Errorf("%w (did you mean --%s %s?)", err, setFlag, near+"="+c.valueOf(name))
		}
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

// setFor is what --set takes in the place of a flag that is a setting of a method, or was one in version 0.1.0; "": it is none.
func (c *cli) setFor(cmd *cobra.Command, flag string) string {
	setting, of := oldFlag(flag)
	if of == nil {
		name := strings.ReplaceAll(flag, "-", "_")
		for _, m := range methods.All() {
			if _, ok := method.Find(m.Default(), name); ok {
				setting = name
			}
		}
	}
	if setting == "" {
		return ""
	}
	if len(of) == 1 && cmd.Flags().Lookup("methods") != nil { // of several that may have it
		setting = of[0] + "." + setting
	}
	return setting + "=" + c.valueOf(flag)
}

// valueOf is the value of a flag on the command line, which could not be read.
func (c *cli) valueOf(flag string) string {
	for i, a := range c.args {
		if v, ok := strings.CutPrefix(a, "--"+flag+"="); ok {
			return v
		} else if a == "--"+flag && i+1 < len(c.args) && !strings.HasPrefix(c.args[i+1], "--") {
			return c.args[i+1]
		}
	}
	return "VALUE"
}

// nearSetting is the setting of a method that a word is probably meant to be; "" where none is near.
func nearSetting(word string) string {
	var all []string
	for _, m := range methods.All() {
		for _, s := range method.Settings(m.Default()) {
			all = append(all, s.Name)
		}
	}
	return spelling.Close(strings.ReplaceAll(word, "-", "_"), all)
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
