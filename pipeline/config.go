package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vzsl/pipeline/usage"
	"vzsl/train/methods"
	"vzsl/train/settings"
)

const defaultConfigFile = "vzsl.toml"

// methodTable is the table of the settings file that holds one for each method: [method.devise].
const methodTable = "method"

// fileSetting is a setting of methods in the settings file.
type fileSetting struct {
	assigned
	methods []string
	old     bool // by the flag that it had in version 0.1.0
}

// applyConfig gives the flags that were not on the command line the values of the settings file.
// A key at the top of the file holds for every command that has such a flag, one in a table named
// like a command ([train]) for that command alone and before the other. A table [method.NAME] has settings of a method.
func (c *cli) applyConfig(cmd *cobra.Command) error {
	if c.noConfig {
		return nil
	}
	path := cmp.Or(c.configFile, defaultConfigFile)
	data, err := os.ReadFile(path)
	if c.configFile == "" && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("settings file: %w", err)
	}
	var file map[string]any
	if err := toml.Unmarshal(data, &file); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			row, col := at.Position()
			return fmt.Errorf("%s:%d:%d: %s", path, row, col, at.Error())
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	if json, ok := file["json"].(bool); ok && !cmd.Flags().Changed("json") {
		c.json = json // first, so that errors of the file are JSON too
	}
	c.fromFile, c.fileSettings = map[string]string{}, nil
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
	if stage.Name() == "plan" && stage != cmd { // `vzsl plan compare` reads [compare]
		stage = commands[cmd.Name()]
	}
	set := func(flag *pflag.Flag, key string, value any) error {
		if flag == nil || flag.Changed {
			return nil
		}
		texts := []any{value}
		if list, ok := value.([]any); ok && flag.Value.Type() == "stringArray" { // given once for each
			texts = list
		}
		var err error
		for _, v := range texts {
			text, e := flagText(v)
			if e == nil {
				e = cmd.Flags().Set(flag.Name, text) // marks it as changed
			}
			err = errors.Join(err, e)
		}
		if err != nil {
			return fmt.Errorf("%s: %s = %v: %w", path, key, value, err)
		}
		c.fromFile[flag.Name] = path + ": " + key
		return nil
	}
	// old keeps a setting of methods by the flag that it had in version 0.1.0.
	old := func(flag, key string, value any) (bool, error) {
		name, of := oldFlag(flag)
		if of == nil || cmd.Flags().Lookup(setFlag) == nil {
			return of != nil, nil
		}
		text, err := flagText(value)
		c.fileSettings = append(c.fileSettings, fileSetting{assigned{name, text, path + ": " + key}, of, true})
		return true, err
	}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		if _, isTable := file[key].(map[string]any); isTable || known[key] && cmd.Flags().Lookup(key) != nil {
			continue
		}
		if found, err := old(key, key, file[key]); err != nil {
			return fmt.Errorf("%s: %s: %w", path, key, err)
		} else if !found && !known[key] {
			return fmt.Errorf("%s: no command has a flag --%s%s", path, key, cmp.Or(usage.DidYouMean(key, slices.Sorted(maps.Keys(known))), meantSetting(key)))
		}
	}
	// The command's own table first: what it sets, the top of the file no longer does.
	for _, key := range slices.Sorted(maps.Keys(file)) {
		table, isTable := file[key].(map[string]any)
		if !isTable || key == methodTable {
			continue
		}
		sub := commands[key]
		if sub == nil {
			return fmt.Errorf("%s: [%s] is not a command%s; the commands are %s", path, key, usage.DidYouMean(key, slices.Sorted(maps.Keys(commands))), usage.Or(slices.Sorted(maps.Keys(commands))))
		}
		for _, name := range slices.Sorted(maps.Keys(table)) {
			if !slices.Contains(flagsOf(sub), name) {
				if sub.Flags().Lookup(setFlag) != nil {
					if _, of := oldFlag(name); of != nil {
						if sub == stage {
							if _, err := old(name, key+"."+name, table[name]); err != nil {
								return fmt.Errorf("%s: %s.%s: %w", path, key, name, err)
							}
						}
						continue
					}
				}
				return fmt.Errorf("%s: [%s] %s: 'vzsl %s' has no flag --%s%s", path, key, name, key, name, cmp.Or(usage.DidYouMean(name, flagsOf(sub)), meantSetting(name)))
			}
			if sub == stage {
				if err := set(cmd.Flags().Lookup(name), key+"."+name, table[name]); err != nil {
					return err
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		if _, isTable := file[key].(map[string]any); isTable {
			continue
		}
		if err := set(cmd.Flags().Lookup(key), key, file[key]); err != nil {
			return err
		}
	}
	if tables, ok := file[methodTable].(map[string]any); ok {
		return c.methodTables(path, tables)
	}
	return nil
}

// meantSetting asks whether a key was to be a setting of a method.
func meantSetting(key string) string {
	if near := nearSetting(key); near != "" {
		return fmt.Sprintf(" (did you mean %q? It is a setting of a method and belongs in [%s.NAME])", near, methodTable)
	}
	return ""
}

// methodTables keeps what the tables [method.NAME] say.
func (c *cli) methodTables(path string, tables map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		s, err := settings.Preset("", name)
		if err != nil {
			return fmt.Errorf("%s: [%s.%s]: there is no such method%s; 'vzsl methods' lists them", path, methodTable, name, usage.DidYouMean(name, methods.Names()))
		}
		table, ok := tables[name].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: %s.%s is not a table: put the settings of a method in [%s.%s]", path, methodTable, name, methodTable, name)
		}
		for _, key := range slices.Sorted(maps.Keys(table)) {
			where := fmt.Sprintf("%s: %s.%s.%s", path, methodTable, name, key)
			if _, err := s.Setting(key); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			text, err := flagText(table[key])
			if err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			c.fileSettings = append(c.fileSettings, fileSetting{assigned{key, text, where}, []string{name}, false})
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
