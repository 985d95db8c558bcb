package demo

import (
	"fmt"
	"slices"
	"strings"
)

// Class is one combination of attributes.
type Class struct {
	Name string // e.g. "small-red-striped-star-on-sand"
	Seen bool

	values [len(kinds)]int // for each kind, the index of its value
}

// kinds are the attributes in the order in which a class names them. Each class has exactly one value of each.
var kinds = [...]struct {
	name   string
	values []string
}{
	{"size", []string{"small", "large"}},
	{"colour", []string{"red", "orange", "yellow", "green", "blue", "purple"}},
	{"texture", []string{"plain", "striped", "dotted", "checked"}},
	{"shape", []string{"disc", "square", "triangle", "star", "ring", "cross"}},
	{"ground", []string{"sand", "grass", "water", "stone"}},
}

const (
	kindSize = iota
	kindColour
	kindTexture
	kindShape
	kindGround
)

// seenClasses has two classes for each of 24 of the 36 pairs of shape and colour; unseenClasses has one for each of
// the other 12. Within these bounds the seen classes are chosen so that any two values of different kinds meet about
// equally often.
const seenClasses = `
large orange plain disc on stone
small orange dotted disc on grass
large green dotted disc on water
small green checked disc on stone
large blue striped disc on water
large blue checked disc on grass
small purple plain disc on sand
small purple dotted disc on sand
small red dotted square on stone
small red checked square on sand
small yellow plain square on water
large yellow dotted square on grass
small blue plain square on sand
large blue striped square on water
large purple striped square on stone
large purple checked square on grass
small red plain triangle on water
large red striped triangle on grass
large orange dotted triangle on sand
large orange checked triangle on stone
small green striped triangle on sand
small green dotted triangle on water
small purple plain triangle on grass
large purple checked triangle on water
large red plain star on stone
large red checked star on water
small orange striped star on grass
small orange dotted star on water
large yellow plain star on stone
large yellow striped star on sand
small blue dotted star on sand
small blue checked star on grass
large orange plain ring on sand
small orange checked ring on water
small yellow dotted ring on grass
large yellow checked ring on sand
large green plain ring on grass
small green striped ring on stone
large purple striped ring on water
small purple dotted ring on stone
small red striped cross on grass
large red dotted cross on sand
small yellow striped cross on stone
small yellow checked cross on water
large green plain cross on grass
large green checked cross on sand
small blue plain cross on water
large blue dotted cross on stone`

const unseenClasses = `
large red checked disc on water
small yellow striped disc on stone
large orange striped square on sand
small green plain square on water
large yellow dotted triangle on water
small blue checked triangle on grass
large green dotted star on grass
small purple plain star on sand
small red dotted ring on sand
large blue plain ring on stone
small orange checked cross on stone
large purple striped cross on grass`

// Classes lists all classes, the seen ones first, always in the same order.
func Classes() []Class { return slices.Clone(classes) }

var classes = parseClasses()

func parseClasses() []Class {
	classes := make([]Class, 0, 60)
	for _, list := range []struct {
		text string
		seen bool
	}{{seenClasses, true}, {unseenClasses, false}} {
		for _, line := range strings.Split(strings.TrimSpace(list.text), "\n") {
			c := Class{Name: strings.ReplaceAll(line, " ", "-"), Seen: list.seen}
			words := strings.Fields(strings.Replace(line, " on ", " ", 1))
			for k, kind := range kinds {
				if c.values[k] = slices.Index(kind.values, words[k]); c.values[k] < 0 {
					panic(fmt.Sprintf("demo: %q in %q is no %s", words[k], line, kind.name)) // a slip in the lists above
				}
			}
			classes = append(classes, c)
		}
	}
	return classes
}

// attributeNames names the columns of the class descriptions, e.g. "shape:star": one for each value of each kind.
func attributeNames() []string {
	var names []string
	for _, kind := range kinds {
		for _, v := range kind.values {
			names = append(names, kind.name+":"+v)
		}
	}
	return names
}

// attributes describes the class in the columns of attributeNames: 1 where it has the value, else 0.
func (c Class) attributes() []int {
	var row []int
	for k, kind := range kinds {
		for v := range kind.values {
			if c.values[k] == v {
				row = append(row, 1)
			} else {
				row = append(row, 0)
			}
		}
	}
	return row
}
