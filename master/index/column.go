package index

import (
	"fmt"
	"slices"
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

// at gives the first key that is not below bound.
func (c *column) at(bound string) int {
	return sort.Search(c.len(), func(i int) bool { return c.key(i) >= bound })
}

// interval is the keys from from, itself included, to to, itself excluded.
type interval struct {
	from, to string
	endless  bool // there is no to
}

// beginning is the keys that begin with prefix, which is text: no text has the byte 255.
func beginning(prefix string) interval { return interval{from: prefix, to: prefix + "\xff"} }

// behind is the smallest key above another.
func behind(key string) string { return key + "\x00" }

func (c *column) span(in interval) (from, to int) {
	from, to = c.at(in.from), c.len()
	if !in.endless {
		to = max(from, c.at(in.to))
	}
	return from, to
}

func (c *column) add(from, to int, hits set) {
	for _, d := range c.of(from, to) {
		hits.add(int(d))
	}
}

// few is how many terms are cheaper to take from bleve's dictionary than to make a column for.
const few = 64

// between adds the documents with a key in the interval.
func (l *lookup) between(p *path, aspect int, in interval, hits set) error {
	if !p.has(aspect) {
		return nil
	}
	if l.made(p.prefix(aspect)) == nil {
		if done, err := l.someTerms(p.prefix(aspect), in, hits); done || err != nil {
			return err
		}
	}
	c, err := l.column(p, aspect)
	if err != nil {
		return err
	}
	from, to := c.span(in)
	c.add(from, to, hits)
	return nil
}

// someTerms adds the documents of the terms in the interval, and gives up where these are more than a few.
func (l *lookup) someTerms(prefix string, in interval, hits set) (done bool, err error) {
	end := after(prefix)
	if !in.endless {
		end = prefix + in.to
	}
	n := 0
	err = l.eachTerm(prefix+in.from, end, func(term string) (bool, error) {
		if n++; n > few {
			return false, nil
		}
		return true, l.having(term, hits)
	})
	return n <= few, err
}

// after is above all that begins with the prefix of an aspect.
func after(prefix string) string {
	end := []byte(prefix)
	end[prefixLength-1]++
	return string(end)
}

// eachTerm visits the terms from from, included, to to, excluded, until visit gives false.
func (l *lookup) eachTerm(from, to string, visit func(term string) (bool, error)) error {
	if from >= to {
		return nil
	}
	dict, err := l.dictionary()
	if err != nil {
		return err
	}
	terms := dict.AutomatonIterator(nil, []byte(from), []byte(to))
	for {
		entry, err := terms.Next()
		if err != nil {
			return fmt.Errorf("cannot read the index: %w", err)
		}
		if entry == nil {
			return nil
		}
		if more, err := visit(entry.Term); err != nil || !more {
			return err
		}
	}
}

// made gives a column that there is already, or nil.
func (l *lookup) made(prefix string) *column {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.columns[prefix]
}

// column gives the column of an aspect of a path.
func (l *lookup) column(p *path, aspect int) (*column, error) {
	if !p.has(aspect) {
		return &column{}, nil
	}
	prefix := p.prefix(aspect)
	if c := l.made(prefix); c != nil {
		return c, nil
	}
	l.making.Lock() // searches that come together wait for one of them: all at once would take memory for each
	defer l.making.Unlock()
	if c := l.made(prefix); c != nil {
		return c, nil
	}
	c, err := l.newColumn(prefix)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.columns[prefix] = c
	return c, nil
}

func (l *lookup) newColumn(prefix string) (*column, error) {
	var text strings.Builder
	c := &column{}
	err := l.eachTerm(prefix, after(prefix), func(term string) (bool, error) {
		docs, err := l.postings(term)
		if err != nil {
			return false, err
		}
		text.WriteString(term[prefixLength:])
		c.ends = append(c.ends, uint32(text.Len()))
		if docs != nil {
			docs.Iterate(func(d uint32) bool {
				c.docs = append(c.docs, uint16(d))
				return true
			})
		}
		c.ended = append(c.ended, uint32(len(c.docs)))
		return true, nil
	})
	c.text = strings.Clone(text.String())
	c.ends, c.docs, c.ended = slices.Clone(c.ends), slices.Clone(c.docs), slices.Clone(c.ended)
	return c, err
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
