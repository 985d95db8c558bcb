package pipeline

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vzsl/attributes"
	"vzsl/pipeline/usage"
	"vzsl/train/method"
	"vzsl/train/methods"
	"vzsl/train/settings"
)

// setFlag is the flag of the settings of a method, which have no flags of their own.
const setFlag = "set"

// addSettings adds the flags of a training run: the settings that every run has, under their names in config.toml, and --set for
// those of its method.
func addSettings(fs *pflag.FlagSet) {
	def, err := settings.Preset("", methods.Names()[0])
	must(err)
	def.FeatureNorm, def.AttributeNorm = "", "" // each method has its own defaults
	for _, s := range method.Settings(&def) {
		if fs.Lookup(flagName(s.Name)) != nil { // --method, which names the run too
			continue
		}
		f := fs.VarPF(settingValue{s}, flagName(s.Name), "", s.Help)
		if s.Type() == "bool" {
			f.NoOptDefVal = "true"
		}
	}
	fs.StringArray(setFlag, nil, "a setting of the method, `key=value`: --set epochs=20, --set shrink=1,3; repeatable ('vzsl methods METHOD' lists them)")
}

func flagName(setting string) string { return strings.ReplaceAll(setting, "_", "-") }

// settingValue is a pflag.Value.
type settingValue struct{ method.Setting }

func (v settingValue) String() string {
	if !v.Value.IsValid() { // pflag asks a zero value
		return ""
	}
	return v.Text()
}

// assigned is a setting as a command line or a settings file has it.
type assigned struct {
	name, text string
	where      string // "--set epochs=2", "vzsl.toml: method.vzsl.epochs"
}

// assignments are what settings file and flags say of a method's settings, what counts more later: the file's, --set, flags.
// Normalisations come last, as a method's own settings may have a say in their defaults.
func (c *cli) assignments(fs *pflag.FlagSet, methodName string) ([]assigned, error) {
	s, err := settings.Preset("", methodName)
	if err != nil {
		return nil, err
	}
	var own, common, flags []assigned
	for _, a := range c.fileSettings {
		if slices.Contains(a.methods, methodName) {
			own = append(own, a.assigned)
		}
	}
	for _, x := range method.Settings(&s) {
		if f := fs.Lookup(flagName(x.Name)); f != nil && f.Changed && x.Name != "method" {
			a := assigned{x.Name, f.Value.String(), "--" + f.Name}
			if key := c.fromFile[f.Name]; key != "" {
				a.where = key
				common = append(common, a)
			} else {
				flags = append(flags, a)
			}
		}
	}
	sets, err := fs.GetStringArray(setFlag)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		key, text, of, err := splitSet(set)
		if err != nil {
			return nil, err
		}
		if of != "" && of != methodName {
			continue
		}
		a := assigned{key, text, "--set " + set}
		if _, ok := method.Find(s.Config, key); ok {
			own = append(own, a)
		} else if _, err := s.Setting(key); err == nil {
			common = append(common, a)
		}
	}
	return slices.Concat(own, common, flags), nil
}

// splitSet takes a --set apart: [METHOD.]key=value.
func splitSet(set string) (key, text, of string, err error) {
	key, text, ok := strings.Cut(set, "=")
	key = strings.ReplaceAll(strings.TrimSpace(key), "-", "_")
	if m, k, dotted := strings.Cut(key, "."); dotted {
		of, key = strings.ReplaceAll(m, "_", "-"), k
		if err := usage.OneOf(setFlag, of, methods.Names()...); err != nil {
			return "", "", "", err
		}
	}
	if !ok || key == "" {
		return "", "", "", usage.Errorf("--set %q: give key=value, as in --set epochs=20", set)
	}
	return key, text, of, nil
}

// checkSets refuses a --set that none of the methods has, and settings in the file that are of other methods by their old names.
func (c *cli) checkSets(fs *pflag.FlagSet, names []string) error {
	sets, err := fs.GetStringArray(setFlag)
	if err != nil {
		return err
	}
	for _, set := range sets {
		key, _, of, err := splitSet(set)
		if err != nil {
			return err
		}
		if of != "" && !slices.Contains(names, of) {
			return usage.Errorf("--set %s: %s is not among the methods, %s", set, of, usage.And(names))
		}
		var unknown error
		found := false
		for _, m := range names {
			if of != "" && of != m {
				continue
			}
			s, err := settings.Preset("", m)
			if err != nil {
				return err
			}
			if _, err := s.Setting(key); err == nil {
				found = true
			} else if unknown == nil {
				unknown = err
			}
		}
		if !found {
			return usage.Errorf("--set %s: %w", set, unknown)
		}
	}
	for _, a := range c.fileSettings {
		if a.old && !slices.ContainsFunc(names, func(m string) bool { return slices.Contains(a.methods, m) }) {
			return usage.Errorf("%s: it is a setting of %s, not of %s: put it into a table of its method, [method.%s] %s = ...",
				a.where, usage.And(a.methods), usage.And(names), a.methods[0], a.name)
		}
	}
	return nil
}

// apply overrides settings with what settings file and flags say.
func (c *cli) apply(fs *pflag.FlagSet, s *settings.Settings) error {
	all, err := c.assignments(fs, s.Method)
	if err != nil {
		return err
	}
	words := map[string][]string{"features": method.FeatureKinds(), "attributes": attributes.Kinds(), "missing": attributes.MissingPolicies()}
	for _, a := range all {
		if err := s.Set(a.name, a.text); err != nil {
			return usage.Errorf("%s: %w", a.where, err)
		}
		if known := words[a.name]; known != nil {
			if err := usage.OneOf(a.name, a.text, known...); err != nil {
				return err
			}
		}
	}
	return nil
}

// given are the settings that settings file and flags decide, by their names in config.toml: what a search leaves alone.
func (c *cli) given(fs *pflag.FlagSet, methodName string) ([]string, error) {
	all, err := c.assignments(fs, methodName)
	var names []string
	for _, a := range all {
		names = append(names, a.name)
	}
	slices.Sort(names)
	return slices.Compact(names), err
}

// chosenSettings are a method's: the preset with what settings file and flags say.
func (c *cli) chosenSettings(fs *pflag.FlagSet, preset, methodName string) (settings.Settings, error) {
	all, err := c.settingsOf(fs, preset, methodName)
	if err != nil {
		return settings.Settings{}, err
	}
	return all[0], nil
}

// settingsOf are the settings of several methods: the preset with what settings file and flags say, each of which must be a
// setting of one of them.
func (c *cli) settingsOf(fs *pflag.FlagSet, preset string, names ...string) ([]settings.Settings, error) {
	if err := usage.OneOf("preset", preset, settings.Presets()...); err != nil {
		return nil, err
	}
	for _, m := range names {
		if err := usage.OneOf("method", m, methods.Names()...); err != nil {
			return nil, err
		}
	}
	has := func(m string) bool { return settings.HasPreset(preset, m) }
	if !slices.ContainsFunc(names, has) {
		of := slices.DeleteFunc(methods.Names(), func(m string) bool { return !has(m) })
		return nil, usage.Errorf("--preset %s belongs to %s; %s has only the default preset", preset, usage.And(of), usage.And(names))
	}
	if err := c.checkSets(fs, names); err != nil {
		return nil, err
	}
	var all []settings.Settings
	for _, m := range names {
		s, err := settings.Preset(preset, m)
		if err != nil {
			return nil, usage.Wrap(err)
		}
		if err := c.apply(fs, &s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// addMethods is the flag of a command that takes several methods.
func addMethods(cmd *cobra.Command, names *[]string, known []string, def ...string) {
	cmd.Flags().StringSliceVar(names, "methods", def, "methods, separated by commas ('vzsl methods' lists them)")
	must(cmd.RegisterFlagCompletionFunc("methods", cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp)))
}

// settingsOfSeveral are the settings of the methods of a command that takes several.
func (c *cli) settingsOfSeveral(fs *pflag.FlagSet, preset string, names []string) ([]settings.Settings, error) {
	if fs.Changed("method") {
		return nil, usage.Errorf("--method: use --methods, this command runs several")
	}
	all, err := c.settingsOf(fs, preset, names...)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := all[i].Validate(); err != nil {
			return nil, usage.Wrap(err)
		}
	}
	return all, nil
}

// givenSettings are givenFlags and, as --set, what the settings file says of the methods named: the same command for where that
// file is not. Those of the file stand before the command's own, which count more.
func (c *cli) givenSettings(cmd *cobra.Command, names []string, but ...string) []string {
	words := givenFlags(cmd, append(but, setFlag)...)
	for _, a := range c.fileSettings {
		for _, m := range a.methods {
			if slices.Contains(names, m) {
				words = append(words, "--"+setFlag+"="+m+"."+a.name+"="+a.text)
			}
		}
	}
	sets, err := cmd.Flags().GetStringArray(setFlag)
	must(err)
	for _, set := range sets {
		words = append(words, "--"+setFlag+"="+set)
	}
	return words
}

// givenFlags are the flags that were set, as words of a command line, but those of every command and those named.
func givenFlags(cmd *cobra.Command, but ...string) []string {
	var words []string
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Changed || f.Name == "force" || slices.Contains(but, f.Name) {
			return
		}
		text := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			if f.Value.Type() == "stringArray" { // given once for each
				for _, v := range list.GetSlice() {
					words = append(words, "--"+f.Name+"="+v)
				}
				return
			}
			text = strings.Join(list.GetSlice(), ",")
		}
		words = append(words, "--"+f.Name+"="+text)
	})
	return words
}

// oldFlag is the setting of methods that a flag of version 0.1.0 was: VZSL's had plain names, those of another method began with
// its name.
func oldFlag(name string) (setting string, of []string) {
	for _, m := range methods.All() {
		prefix := m.Name + "-"
		if vzsl := methods.Names()[0]; m.Name == vzsl || m.Settings == vzsl {
			prefix = ""
		}
		for _, s := range method.Settings(m.Default()) {
			if name == prefix+flagName(s.Name) {
				setting, of = s.Name, append(of, m.Name)
			}
		}
	}
	return setting, of
}

// onlySeed refuses settings beside those of a tuned run.
func (c *cli) onlySeed(fs *pflag.FlagSet, methodName string) error {
	all, err := c.assignments(fs, methodName)
	for _, a := range all {
		if a.name != "seed" && a.name != "transductive" {
			return usage.Errorf("%s cannot be combined with --tuned: a tuned run determines all settings except the seed", a.where)
		}
	}
	return err
}

// settingFlags are the flags of 'vzsl train' that make settings of the defaults, but for method and setting.
func settingFlags(s settings.Settings) []string {
	def, err := settings.Preset("", s.Method)
	if err != nil {
		return nil
	}
	var flags, own []string
	for _, x := range method.Settings(s.Config) {
		if was, _ := method.Find(def.Config, x.Name); x.Text() != was.Text() {
			own = append(own, "--"+setFlag, x.Name+"="+x.Text())
			must(def.Set(x.Name, x.Text())) // which may bring another normalisation
		}
	}
	for _, x := range method.Settings(&s) {
		if was, _ := method.Find(&def, x.Name); x.Text() != was.Text() && x.Name != "method" && x.Name != "transductive" {
			flags = append(flags, "--"+flagName(x.Name)+"="+x.Text())
		}
	}
	return append(flags, own...)
}
