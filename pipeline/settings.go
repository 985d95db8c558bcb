package pipeline

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vzsl/attributes"
	"vzsl/pipeline/usage"
	"vzsl/train/method"
	"vzsl/train/settings"
)

// addSettings makes a flag of every setting of a training run: name and help are those of its line
// in config.toml. Settings of the method vzsl have plain names, those of another method begin with
// its name.
func addSettings(fs *pflag.FlagSet) {
	def, err := settings.Preset("", "vzsl")
	must(err)
	eachSetting(&def, func(name, help string, v reflect.Value) {
		if fs.Lookup(name) != nil { // --method, which names the run too
			return
		}
		f := fs.VarPF(&settingValue{kind: v.Type(), text: settingText(v)}, name, "", help)
		if v.Kind() == reflect.Bool {
			f.NoOptDefVal = "true"
		}
	})
	fs.StringArray(setFlag, nil, "a setting of the method by its own name, `key=value`, as in config.toml: --set closed=false, --set shrink=1,3; may be given several times")
}

// setFlag is the flag of settings by their own names.
const setFlag = "set"

// applySets makes of each --set key=value the flag of the methods that have such a setting.
func applySets(fs *pflag.FlagSet, methods ...string) error {
	sets, err := fs.GetStringArray(setFlag)
	if err != nil {
		return err
	}
	for _, set := range sets {
		key, value, ok := strings.Cut(set, "=")
		key = strings.ReplaceAll(strings.TrimSpace(key), "-", "_")
		if !ok || key == "" {
			return usage.Errorf("--set %q: key=value is wanted, as in --set closed=false", set)
		}
		found := false
		for _, m := range methods {
			flag := flagOf(m, key)
			if flag == "" {
				continue
			}
			found = true
			if err := fs.Set(flag, value); err != nil {
				return usage.Errorf("--set %s: %w", set, err)
			}
		}
		if found {
			continue
		}
		var have []string
		for _, m := range settings.Methods() {
			if flagOf(m, key) != "" {
				have = append(have, m)
			}
		}
		if have == nil {
			return usage.Errorf("--set %s: no method has a setting %q; docs/methods.md lists them", set, key)
		}
		return usage.Errorf("--set %s: the method %s has no setting %q; %s", set, strings.Join(methods, ", "), key, strings.Join(have, ", ")+map[bool]string{true: " has", false: " have"}[len(have) == 1])
	}
	return nil
}

// flagOf is the flag of a method's setting, or of one that all have, by its name in config.toml; "" where there is none.
func flagOf(methodName, key string) string {
	s, err := settings.Preset("", methodName)
	if err != nil {
		return ""
	}
	prefix := methodName + "-"
	if strings.HasPrefix(methodName, "vzsl") {
		prefix = ""
	}
	for _, x := range []struct {
		prefix string
		of     reflect.Type
	}{{prefix, reflect.TypeOf(s.Config()).Elem()}, {"", reflect.TypeOf(s)}} {
		for _, f := range reflect.VisibleFields(x.of) {
			if f.Tag.Get("toml") == key && key != "-" {
				return x.prefix + strings.ReplaceAll(key, "_", "-")
			}
		}
	}
	return ""
}

// chosenSettings are a method's: the preset with the flags that were set.
func (c *console) chosenSettings(fs *pflag.FlagSet, preset, method string) (settings.Settings, error) {
	all, err := c.settingsOf(fs, preset, method)
	if err != nil {
		return settings.Settings{}, err
	}
	return all[0], nil
}

// settingsOf are the settings of several methods: the preset with the flags that were set, each of which must be a setting of
// one of them.
func (c *console) settingsOf(fs *pflag.FlagSet, preset string, methods ...string) ([]settings.Settings, error) {
	if err := usage.OneOf("preset", preset, settings.Presets()...); err != nil {
		return nil, err
	}
	for _, m := range methods {
		if err := usage.OneOf("method", m, settings.Methods()...); err != nil {
			return nil, err
		}
	}
	if !slices.ContainsFunc(methods, func(m string) bool { return settings.HasPreset(preset, m) }) {
		of := slices.DeleteFunc(settings.Methods(), func(m string) bool { return !settings.HasPreset(preset, m) })
		return nil, usage.Errorf("--preset %s is a set of settings of %s; %s has the default one alone", preset, usage.And(of), usage.And(methods))
	}
	if err := applySets(fs, methods...); err != nil {
		return nil, err
	}
	if err := c.refuseForeign(fs, methods); err != nil {
		return nil, err
	}
	var all []settings.Settings
	for _, m := range methods {
		s, err := settings.Preset(preset, m)
		if err != nil {
			return nil, usage.Wrap(err)
		}
		if err := applySettings(fs, &s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// refuseForeign refuses a setting of methods that are not asked for: it would change nothing.
func (c *console) refuseForeign(fs *pflag.FlagSet, methods []string) error {
	owners := map[string][]string{} // methods by the flag of a setting
	plain := map[string]string{}    // the setting's name in its method
	ours := map[string][]string{}   // flags by method
	for _, m := range settings.Methods() {
		s, err := settings.Preset("", m)
		if err != nil {
			return err
		}
		eachOwn(&s, func(flag, name string) {
			owners[flag], plain[flag] = append(owners[flag], m), name
			ours[m] = append(ours[m], "--"+flag)
		})
	}
	var failed error
	fs.Visit(func(f *pflag.Flag) {
		if failed != nil || owners[f.Name] == nil || slices.ContainsFunc(methods, func(m string) bool { return slices.Contains(owners[f.Name], m) }) {
			return
		}
		said := fmt.Sprintf("--%s is a setting of %s", f.Name, usage.And(owners[f.Name]))
		if key := c.fromFile[f.Name]; key != "" {
			said = key + ": " + strings.TrimPrefix(said, "--")
		}
		for _, m := range methods {
			for _, own := range ours[m] {
				if plain[own[2:]] == plain[f.Name] {
					failed = usage.Errorf("%s; that of %s is %s", said, m, own)
					return
				}
			}
		}
		m := methods[0]
		switch own := ours[m]; {
		case len(methods) > 1:
			failed = usage.Errorf("%s, none of which is among --methods", said)
		case len(own) == 0:
			failed = usage.Errorf("%s; %s has no settings of its own", said, m)
		default:
			failed = usage.Errorf("%s; those of %s are %s", said, m, usage.FirstOf(own))
		}
	})
	return failed
}

// eachOwn visits the settings of the method's own, by their flag and by their name.
func eachOwn(s *settings.Settings, visit func(flag, name string)) {
	prefix := s.Method + "-"
	if strings.HasPrefix(s.Method, "vzsl") {
		prefix = ""
	}
	for _, field := range reflect.VisibleFields(reflect.TypeOf(s.Config()).Elem()) {
		if name := field.Tag.Get("toml"); name != "-" && name != "" {
			name = strings.ReplaceAll(name, "_", "-")
			visit(prefix+name, name)
		}
	}
}

// applySettings overrides a preset with the flags that were set.
func applySettings(fs *pflag.FlagSet, s *settings.Settings) error {
	words := map[string][]string{"features": method.FeatureKinds(), "attributes": attributes.Kinds(), "missing": attributes.MissingPolicies()}
	var failed error
	eachSetting(s, func(name, _ string, v reflect.Value) {
		f := fs.Lookup(name)
		if !f.Changed || failed != nil {
			return
		}
		x, err := parseSetting(v.Type(), f.Value.String())
		if err != nil {
			failed = usage.Errorf("--%s: %w", name, err)
			return
		}
		v.Set(x)
		if known := words[name]; known != nil {
			failed = usage.OneOf(name, x.String(), known...)
		}
	})
	s.WithoutClosed(fs.Changed("attributes"))
	return failed
}

// addMethods is the flag of a command that takes several methods.
func addMethods(cmd *cobra.Command, methods *[]string, known []string, def ...string) {
	cmd.Flags().StringSliceVar(methods, "methods", def, "methods: "+usage.Or(known))
	must(cmd.RegisterFlagCompletionFunc("methods", cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp)))
}

// settingsOfSeveral are the settings of the methods of a command that takes several.
func (c *console) settingsOfSeveral(fs *pflag.FlagSet, preset string, methods []string) ([]settings.Settings, error) {
	if fs.Changed("method") {
		return nil, usage.Errorf("--method: this command takes several, with --methods")
	}
	all, err := c.settingsOf(fs, preset, methods...)
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

// givenFlags are the flags that were set, as words of a command line, but those of every command and those named.
func givenFlags(cmd *cobra.Command, but ...string) []string {
	var words []string
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && f.Name != "force" && !slices.Contains(but, f.Name) {
			text := f.Value.String()
			if list, ok := f.Value.(pflag.SliceValue); ok {
				text = strings.Join(list.GetSlice(), ",")
			}
			words = append(words, "--"+f.Name+"="+text)
		}
	})
	return words
}

// eachSetting visits the settings with their flag's name and help. VZSL and VZSL# share theirs.
func eachSetting(s *settings.Settings, visit func(name, help string, v reflect.Value)) {
	walk := func(s reflect.Value, prefix string) {
		for _, field := range reflect.VisibleFields(s.Type()) {
			if name := field.Tag.Get("toml"); name != "-" && name != "" {
				visit(prefix+strings.ReplaceAll(name, "_", "-"), field.Tag.Get("comment"), s.FieldByIndex(field.Index))
			}
		}
	}
	walk(reflect.ValueOf(s).Elem(), "")
	family := "vzsl"
	if s.Method == "vzsl-sharp" {
		family = s.Method
	}
	for _, name := range settings.Methods() {
		switch {
		case name == family:
			walk(reflect.ValueOf(s.Configs[name]).Elem(), "")
		case !strings.HasPrefix(name, "vzsl"):
			walk(reflect.ValueOf(s.Configs[name]).Elem(), name+"-")
		}
	}
}

// settingValue is a pflag.Value that holds a setting as text.
type settingValue struct {
	kind reflect.Type
	text string
}

func (v *settingValue) String() string { return v.text }
func (v *settingValue) Type() string {
	switch v.kind.Kind() {
	case reflect.Slice:
		return "numbers"
	case reflect.Float64:
		return "number"
	case reflect.Int, reflect.Uint64:
		return "int"
	}
	return v.kind.String()
}
func (v *settingValue) Set(text string) error {
	if _, err := parseSetting(v.kind, text); err != nil {
		return err
	}
	v.text = text
	return nil
}

func settingText(v reflect.Value) string {
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = fmt.Sprint(v.Index(i).Interface())
	}
	return strings.Join(parts, ",")
}

func parseSetting(t reflect.Type, text string) (reflect.Value, error) {
	v := reflect.New(t).Elem()
	text = strings.TrimSpace(text)
	var err error
	switch t.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
	case reflect.Uint64:
		var n uint64
		n, err = strconv.ParseUint(text, 10, 64)
		v.SetUint(n)
	case reflect.Float64:
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		v.SetFloat(x)
	case reflect.Slice:
		for _, word := range strings.Split(strings.Trim(text, "[]"), ",") {
			e, err := parseSetting(t.Elem(), word)
			if err != nil {
				return v, err
			}
			v = reflect.Append(v, e)
		}
	default:
		err = fmt.Errorf("a setting of type %s has no flag", t)
	}
	if err != nil {
		return v, fmt.Errorf("%q is not a %s", text, (&settingValue{kind: t}).Type())
	}
	return v, nil
}
