package method

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Setting is one setting of a struct: a field with the tags
//
//	toml     its name in config.toml, in the settings file and for --set
//	comment  its help
//	range    its allowed values: "(0, 10]", "[1, inf) whole", or words, "fixed | learned"
//
// A list is a grid of which one value is selected: each of its values must be allowed, and there must be one.
type Setting struct {
	Name, Help, Range string
	Value             reflect.Value // of the struct's field: can be set
}

// Settings are those of a pointer to a struct, embedded structs included, in the order of its fields.
func Settings(of any) []Setting {
	v := reflect.ValueOf(of).Elem()
	var all []Setting
	for _, f := range reflect.VisibleFields(v.Type()) {
		if name := f.Tag.Get("toml"); name != "" && name != "-" {
			all = append(all, Setting{name, f.Tag.Get("comment"), f.Tag.Get("range"), v.FieldByIndex(f.Index)})
		}
	}
	return all
}

// Find is the setting of a name.
func Find(of any, name string) (Setting, bool) {
	for _, s := range Settings(of) {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

// Text is the value as --set takes it: 20, true, 0.1,1,10.
func (s Setting) Text() string {
	if !s.isList() {
		return fmt.Sprint(s.Value.Interface())
	}
	parts := make([]string, s.Value.Len())
	for i := range parts {
		parts[i] = fmt.Sprint(s.Value.Index(i).Interface())
	}
	return strings.Join(parts, ",")
}

// isList reports whether the value is a list.
func (s Setting) isList() bool { return s.Value.Kind() == reflect.Slice }

// Type is what the value is: number, int, bool, string or numbers.
func (s Setting) Type() string {
	switch s.Value.Kind() {
	case reflect.Slice:
		return "numbers"
	case reflect.Float64:
		return "number"
	case reflect.Int, reflect.Uint64:
		return "int"
	}
	return s.Value.Kind().String()
}

// Set reads the value from text, as Text writes it.
func (s Setting) Set(text string) error {
	v, err := parse(s.Value.Type(), text)
	if err != nil {
		return fmt.Errorf("%q is not a %s", strings.TrimSpace(text), map[bool]string{true: "list of numbers, as in 0.1,1,10", false: s.Type()}[s.isList()])
	}
	s.Value.Set(v)
	return nil
}

func parse(t reflect.Type, text string) (reflect.Value, error) {
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
	case reflect.Int:
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
		v.Set(reflect.MakeSlice(t, 0, 4))
		text = strings.TrimSpace(strings.Trim(text, "[]"))
		if text == "" {
			return v, nil
		}
		for word := range strings.SplitSeq(text, ",") {
			e, err := parse(t.Elem(), word)
			if err != nil {
				return v, err
			}
			v = reflect.Append(v, e)
		}
	default:
		err = errors.ErrUnsupported
	}
	return v, err
}

// ErrSetting is wrapped by every error about a setting that cannot work.
var ErrSetting = errors.New("setting")

// Check explains the first setting of a method that is not in its range.
func Check(methodName string, config any) error {
	for _, s := range Settings(config) {
		if s.Range == "" {
			continue
		}
		r, err := readRange(s.Range)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", methodName, s.Name, err)
		}
		values := []reflect.Value{s.Value}
		if s.isList() {
			values = nil
			for i := range s.Value.Len() {
				values = append(values, s.Value.Index(i))
			}
			if len(values) == 0 && s.Value.Type().Elem().Kind() == reflect.Float64 { // layers may be none, a grid may not
				return fmt.Errorf("%s %w: %s has no values", methodName, ErrSetting, s.Name)
			}
		}
		for _, v := range values {
			if !r.allows(v) {
				return fmt.Errorf("%s %w: %s = %v; it must be %s", methodName, ErrSetting, s.Name, v.Interface(), r)
			}
		}
	}
	return nil
}

// interval are the numbers or the words that a setting may be.
type interval struct {
	words                    []string
	low, high                float64
	openLow, openHigh, whole bool
}

func readRange(text string) (r interval, err error) {
	if text == "" {
		return r, errors.New("no range")
	}
	if !strings.ContainsAny(text, "[(") {
		for word := range strings.SplitSeq(text, "|") {
			r.words = append(r.words, strings.TrimSpace(word))
		}
		return r, nil
	}
	text, r.whole = strings.CutSuffix(text, " whole")
	r.openLow, r.openHigh = text[0] == '(', strings.HasSuffix(text, ")")
	low, high, ok := strings.Cut(strings.Trim(text, "[]()"), ",")
	if r.low, err = strconv.ParseFloat(low, 64); err == nil {
		r.high, err = strconv.ParseFloat(strings.TrimSpace(high), 64)
	}
	if err != nil || !ok {
		return r, fmt.Errorf("%q is not a range", text)
	}
	return r, nil
}

func (r interval) allows(v reflect.Value) bool {
	var x float64
	switch v.Kind() {
	case reflect.String:
		for _, w := range r.words {
			if w == v.String() {
				return true
			}
		}
		return false
	case reflect.Int:
		x = float64(v.Int())
	default:
		x = v.Float()
	}
	return x >= r.low && x <= r.high && (!r.openLow || x > r.low) && (!r.openHigh || x < r.high) && (!r.whole || x == math.Trunc(x))
}

// String completes "it must be ".
func (r interval) String() string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	switch {
	case r.words != nil:
		return strings.Join(r.words, " or ")
	case r.openLow && r.low == 0 && math.IsInf(r.high, 1):
		return "positive"
	case r.openLow && math.IsInf(r.high, 1):
		return "above " + number(r.low)
	case math.IsInf(r.high, 1):
		return map[bool]string{true: "a whole number, "}[r.whole] + "at least " + number(r.low)
	case r.openLow || r.openHigh:
		return map[bool]string{true: "above ", false: "at least "}[r.openLow] + number(r.low) + map[bool]string{true: " and below ", false: " and at most "}[r.openHigh] + number(r.high)
	}
	return "between " + number(r.low) + " and " + number(r.high)
}
