package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"vzsl/pipeline/usage"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const defaultConfigFile = "vzsl.toml"

// applyConfig gives the flags that were not on the command line the values of the settings file.
// A key at the top of the file holds for every command that has such a flag, one in a table named
// like a command ([train]) for that command alone and before the other.
func (c *console) applyConfig(cmd *cobra.Command) error {
	if c.noConfig {
		return nil
	}
	path := c.configFile
	if path == "" {
		path = defaultConfigFile
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("settings file: %w", err)
	}
	var settings map[string]any
	if err := toml.Unmarshal(data, &settings); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			row, col := at.Position()
			return fmt.Errorf("%s:%d:%d: %s", path, row, col, at.Error())
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	if json, ok := settings["json"].(bool); ok && !cmd.Flags().Changed("json") {
		c.json = json // first, so that errors of the file are JSON too
	}
	c.fromFile = map[string]string{}
	commands := map[string]*cobra.Command{}
	known := map[string]bool{}
	for _, sub := range cmd.Root().Commands() {
		commands[sub.Name()] = sub
		for _, f := range flagsOf(sub) {
			known[f] = true
		}
	}
	// The stage's name is that of the command below the root: `vzsl import` reads [import].
	stage := cmd
	for stage.HasParent() && stage.Parent() != cmd.Root() {
		stage = stage.Parent()
	}
	set := func(flag *pflag.Flag, key string, value any) error {
		if flag == nil || flag.Changed {
			return nil
		}
		text, err := flagText(value)
		if err == nil {
			err = cmd.Flags().Set(flag.Name, text) // marks it as changed
		}
		if err != nil {
			return fmt.Errorf("%s: %s = %v: %w", path, key, value, err)
		}
		c.fromFile[flag.Name] = path + ": " + key
		return nil
	}
	// The command's own table first: what it sets, the top of the file no longer does.
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		table, isTable := settings[key].(map[string]any)
		if !isTable {
			if !known[key] {
				return fmt.Errorf("%s: no command has a flag --%s%s", path, key, usage.DidYouMean(key, slices.Sorted(maps.Keys(known))))
			}
			continue
		}
		sub := commands[key]
		if sub == nil {
			return fmt.Errorf("%s: [%s] is not a command%s; the commands are %s", path, key, usage.DidYouMean(key, slices.Sorted(maps.Keys(commands))), usage.Or(slices.Sorted(maps.Keys(commands))))
		}
		for _, name := range slices.Sorted(maps.Keys(table)) {
			if !slices.Contains(flagsOf(sub), name) {
				return fmt.Errorf("%s: [%s] %s: 'vzsl %s' has no flag --%s%s", path, key, name, key, name, usage.DidYouMean(name, flagsOf(sub)))
			}
			if sub == stage {
				if err := set(cmd.Flags().Lookup(name), key+"."+name, table[name]); err != nil {
					return err
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if _, isTable := settings[key].(map[string]any); isTable {
			continue
		}
		if err := set(cmd.Flags().Lookup(key), key, settings[key]); err != nil {
			return err
		}
	}
	return nil
}

// flagsOf lists the flags of a command and of the commands below it.
func flagsOf(cmd *cobra.Command) []string {
	var names []string
	add := func(f *pflag.Flag) { names = append(names, f.Name) }
	cmd.NonInheritedFlags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	for _, sub := range cmd.Commands() {
		names = append(names, flagsOf(sub)...)
	}
	return names
}

// flagText writes a TOML value as it would stand on the command line.
func flagText(value any) (string, error) {
	switch v := value.(type) {
	case string, bool, int64, float64:
		return fmt.Sprint(v), nil
	case []any:
		text := ""
		for i, e := range v {
			s, err := flagText(e)
			if err != nil {
				return "", err
			}
			if i > 0 {
				text += ","
			}
			text += s
		}
		return text, nil
	default:
		return "", fmt.Errorf("a flag cannot hold a %T", value)
	}
}
