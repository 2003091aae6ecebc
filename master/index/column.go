package index

import (
	"sort"
	"strings"
)

// column is the terms of one aspect of one path, flat and in order, each with its documents. bleve's dictionary is good
// for a term that is known; to go through many of its terms costs a microsecond each. So a column is made of it when a
// query first wants a range or a pattern of terms, and kept as long as the segment.
type column struct {
	text  string   // all keys, one after the other
	ends  []uint32 // of each key in text
	docs  []uint16 // the documents of all keys
	ended []uint32 // where the documents of each key end
}

func (c *column) len() int { return len(c.ends) }

func (c *column) key(i int) string {
	start := uint32(0)
	if i > 0 {
		start = c.ends[i-1]
	}
	return c.text[start:c.ends[i]]
}

// of gives the documents of the keys from to to-1.
func (c *column) of(from, to int) []uint16 {
	if from >= to {
		return nil
	}
	start := uint32(0)
	if from > 0 {
		start = c.ended[from-1]
	}
	return c.docs[start:c.ended[to-1]]
}

// at gives the first key that is not below bound or, if after, that is above it.
func (c *column) at(bound string, after bool) int {
	return sort.Search(c.len(), func(i int) bool {
		if after {
			return c.key(i) > bound
		}
		return c.key(i) >= bound
	})
}

// span gives the keys that begin with prefix.
func (c *column) span(prefix string) (from, to int) {
	from = c.at(prefix, false)
	rest := c.len() - from
	return from, from + sort.Search(rest, func(i int) bool { return !strings.HasPrefix(c.key(from+i), prefix) })
}

func (c *column) add(from, to int, hits set) {
	for _, d := range c.of(from, to) {
		hits.add(int(d))
	}
}

// column gives the column of an aspect of a path.
func (l *lookup) column(p *path, aspect int) (*column, error) {
	if !p.has(aspect) {
		return &column{}, nil
	}
	name := p.prefix(aspect)
	l.mu.Lock()
	c := l.columns[name]
	l.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := l.newColumn(name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.columns[name] = c
	return c, nil
}

func (l *lookup) newColumn(prefix string) (*column, error) {
	dict, err := l.dictionary()
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	c, hits := &column{}, newSet(len(l.docs))
	end := []byte(prefix)
	end[prefixLength-1]++
	terms := dict.AutomatonIterator(nil, []byte(prefix), end)
	for {
		entry, err := terms.Next()
		if err != nil {
			return nil, err
		}
		if entry == nil {
			break
		}
		text.WriteString(entry.Term[prefixLength:])
		c.ends = append(c.ends, uint32(text.Len()))
		clear(hits)
		if err := l.having(entry.Term, hits); err != nil {
			return nil, err
		}
		for d := range hits.all {
			c.docs = append(c.docs, uint16(d))
		}
		c.ended = append(c.ended, uint32(len(c.docs)))
	}
	c.text = text.String()
	return c, nil
}

// scan adds the documents of those keys from from to to-1 that match. part is in all that match: looking for it in all
// the text at once is far faster than going from key to key.
func (c *column) scan(from, to int, part string, match func(string) bool, hits set) {
	for i := from; i < to; i++ {
		if part != "" {
			start := uint32(0)
			if i > 0 {
				start = c.ends[i-1]
			}
			at := strings.Index(c.text[start:c.ends[to-1]], part)
			if at < 0 {
				return
			}
			last := start + uint32(at+len(part)) // the key that holds the end of what was found, which may begin in another
			i += sort.Search(to-i, func(n int) bool { return c.ends[i+n] >= last })
		}
		if match(c.key(i)) {
			c.add(i, i+1, hits)
		}
	}
}
