package tokenize

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// bpe joins, of all neighbours in a word, those first that were joined first when the vocabulary was made.
type bpe struct {
	vocabulary
	merges map[[2]int32]merge
	prefix string // of pieces that continue a word
	suffix string // of pieces that end one
	fuse   bool   // unknown characters that follow each other are one token
	whole  bool   // a word that is in the vocabulary is not split
	bytes  *[256]int32
}

type merge struct{ rank, id int32 }

// read takes the merges: lines "left right", or pairs.
func (m *bpe) read(b json.RawMessage) error {
	var pairs [][2]string
	var lines []string
	if err := json.Unmarshal(b, &lines); err == nil {
		for i, l := range lines {
			left, right, ok := strings.Cut(l, " ")
			if !ok || strings.Contains(right, " ") {
				return fmt.Errorf("its merge %d is %q, expected two tokens", i+1, l)
			}
			pairs = append(pairs, [2]string{left, right})
		}
	} else if err := json.Unmarshal(b, &pairs); err != nil {
		return fmt.Errorf("its merges: %w", err)
	}
	m.merges = make(map[[2]int32]merge, len(pairs))
	for i, p := range pairs {
		left, ok1 := m.tokens[p[0]]
		right, ok2 := m.tokens[p[1]]
		both, ok3 := m.tokens[p[0]+strings.TrimPrefix(p[1], m.prefix)]
		if !ok1 || !ok2 || !ok3 {
			return fmt.Errorf("its merge %d of %q and %q is not in its vocabulary", i+1, p[0], p[1])
		}
		m.merges[[2]int32{left, right}] = merge{int32(i), both}
	}
	return nil
}

// symbol is a piece of a word; those that are left form a list.
type symbol struct {
	id         int32 // -1: it has been joined to the one before
	prev, next int
}

// joint is a pair that may be joined.
type joint struct {
	merge
	at          int
	left, right int32
}

type joints []joint

func (j joints) Len() int { return len(j) }
func (j joints) Less(a, b int) bool {
	if j[a].rank != j[b].rank {
		return j[a].rank < j[b].rank
	}
	return j[a].at < j[b].at
}
func (j joints) Swap(a, b int) { j[a], j[b] = j[b], j[a] }
func (j *joints) Push(x any)   { *j = append(*j, x.(joint)) }
func (j *joints) Pop() any {
	last := (*j)[len(*j)-1]
	*j = (*j)[:len(*j)-1]
	return last
}

func (m *bpe) pieces(word string, ids []int32) []int32 {
	if m.whole {
		if id, ok := m.tokens[word]; ok {
			return append(ids, id)
		}
	}
	s := m.symbols(word)
	var queue joints
	offer := func(at int) {
		if at < 0 || s[at].next < 0 {
			return
		}
		left, right := s[at].id, s[s[at].next].id
		if g, ok := m.merges[[2]int32{left, right}]; ok {
			heap.Push(&queue, joint{g, at, left, right})
		}
	}
	for i := range s {
		offer(i)
	}
	for len(queue) > 0 {
		j := heap.Pop(&queue).(joint)
		p := &s[j.at]
		if p.id != j.left || p.next < 0 || s[p.next].id != j.right {
			continue // one of them is part of another by now
		}
		q := &s[p.next]
		p.id, q.id, p.next = j.id, -1, q.next
		if p.next >= 0 {
			s[p.next].prev = j.at
		}
		offer(p.prev)
		offer(j.at)
	}
	for i := 0; i >= 0 && i < len(s); i = s[i].next {
		ids = append(ids, s[i].id)
	}
	return ids
}

// symbols are the characters of a word.
func (m *bpe) symbols(word string) []symbol {
	var s []symbol
	unknown := false
	put := func(id int32) {
		s = append(s, symbol{id, len(s) - 1, len(s) + 1})
	}
	for at := 0; at < len(word); {
		_, n := utf8.DecodeRuneInString(word[at:])
		c := word[at : at+n]
		if at > 0 {
			c = m.prefix + c
		}
		if at+n == len(word) {
			c += m.suffix
		}
		id, ok := m.tokens[c]
		switch {
		case ok:
			put(id)
		case m.bytes != nil:
			for _, b := range []byte(word[at : at+n]) {
				put(m.bytes[b])
			}
		case m.unknown >= 0 && (!m.fuse || !unknown):
			put(m.unknown)
		}
		unknown = !ok && m.bytes == nil
		at += n
	}
	if len(s) > 0 {
		s[len(s)-1].next = -1
	}
	return s
}
