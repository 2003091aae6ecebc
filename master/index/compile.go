package index

import (
	"context"
	"strings"

	"stathub/master/query"
)

// matcher is a query that is ready to be asked of segments. What the language means is decided here.
type matcher interface {
	// find gives the documents of the segment that match. The caller may change the set.
	find(ctx context.Context, l *lookup) (set, error)
}

func compile(q query.Query) (matcher, error) {
	switch q := q.(type) {
	case query.All:
		return everything{}, nil
	case query.Exists:
		return present{q.Field}, nil
	case *query.Term:
		return newTerm(q), nil
	case *query.Wildcard:
		return values{q.Field, newWildcard(q.Pattern).find}, nil
	case *query.Regexp:
		p, err := newRegexp(q)
		return values{q.Field, p.find}, err
	case *query.Fuzzy:
		return values{q.Field, newFuzzy(q).find}, nil
	case *query.Range:
		return values{q.Field, newSpan(q).find}, nil
	case *query.Bool:
		return newBoolean(q)
	}
	return nothing{}, nil
}

type everything struct{}

func (everything) find(_ context.Context, l *lookup) (set, error) { return fullSet(len(l.docs)), nil }

type nothing struct{}

func (nothing) find(_ context.Context, l *lookup) (set, error) { return newSet(len(l.docs)), nil }

// present is the documents with a value at a path.
type present struct{ field string }

func (q present) find(_ context.Context, l *lookup) (set, error) {
	if p := l.names[q.field]; p != nil {
		return l.with(p), nil
	}
	return newSet(len(l.docs)), nil
}

// values asks one question of the values at a path or, without a field, at each.
type values struct {
	field string
	ask   func(l *lookup, p *path, hits set) error
}

func (q values) find(ctx context.Context, l *lookup) (set, error) {
	hits := newSet(len(l.docs))
	if q.field != "" {
		if p := l.names[q.field]; p != nil {
			return hits, q.ask(l, p, hits)
		}
		return hits, nil
	}
	for _, p := range l.paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := q.ask(l, p, hits); err != nil {
			return nil, err
		}
	}
	return hits, nil
}

// textTerm is a text as a value of each kind.
type textTerm struct {
	whole       string
	words       []string
	slop        int
	number      string // its key; empty: it is none
	first, last string // the keys of the first and last address; empty: it is none
}

func newTerm(q *query.Term) matcher {
	t := textTerm{whole: strings.ToLower(q.Text), slop: q.Slop}
	t.words = split(t.whole)
	if key, ok := sizeKey(q.Text, q.Field); ok {
		t.number = key
	}
	if first, last, ok := blockKeys(q.Text); ok {
		t.first, t.last = first, last
	}
	return values{q.Field, t.find}
}

func (t textTerm) find(l *lookup, p *path, hits set) error {
	if err := l.exact(p, whole, t.whole, hits); err != nil {
		return err
	}
	switch {
	case len(t.words) > 1:
		if err := t.phrase(l, p, hits); err != nil {
			return err
		}
	case len(t.words) == 1:
		if err := l.word(p, t.words[0], hits); err != nil {
			return err
		}
	}
	if t.number != "" {
		if err := l.exact(p, number, t.number, hits); err != nil {
			return err
		}
	}
	if t.first != "" {
		return l.between(p, address, interval{from: t.first, to: behind(t.last)}, hits)
	}
	return nil
}

// word adds the documents with a value that has the word; a value that is just the word is indexed as a whole only.
func (l *lookup) word(p *path, w string, hits set) error {
	if err := l.exact(p, whole, w, hits); err != nil {
		return err
	}
	return l.exact(p, words, w, hits)
}

// phrase asks bleve which documents have all the words, and then looks at their values: a phrase is within one value, and
// values are terms, so no positions need be indexed.
func (t textTerm) phrase(l *lookup, p *path, hits set) error {
	if !p.has(words) {
		return nil
	}
	candidates, one := fullSet(len(l.docs)), newSet(len(l.docs))
	for _, w := range t.words {
		clear(one)
		if err := l.exact(p, words, w, one); err != nil {
			return err
		}
		if candidates.and(one); candidates.empty() {
			return nil
		}
	}
	c, err := l.column(p, whole)
	if err != nil {
		return err
	}
	for i := range c.len() {
		for _, d := range c.of(i, i+1) {
			if candidates.has(int(d)) {
				if t.in(c.key(i)) {
					c.add(i, i+1, hits)
				}
				break
			}
		}
	}
	return nil
}

// in reports whether the phrase is in a value.
func (t textTerm) in(value string) bool {
	for _, w := range t.words {
		if !strings.Contains(value, w) {
			return false // most values end here, which is cheaper than cutting them
		}
	}
	return phraseIn(split(value), t.words, t.slop)
}

// find adds the documents with a value or a word that looks like the pattern. Numbers do not look like anything.
func (p pattern) find(l *lookup, at *path, hits set) error {
	for _, aspect := range [...]int{whole, words, text} {
		if p.any && p.prefix != "" {
			if err := l.between(at, aspect, beginning(p.prefix), hits); err != nil {
				return err
			}
			continue
		}
		c, err := l.column(at, aspect)
		if err != nil {
			return err
		}
		from, to := c.span(beginning(p.prefix))
		c.scan(from, to, p.part, p.match, hits)
	}
	return nil
}

// span is a range, with the interval that it is among the keys of each aspect; it leaves out what an end is no value of.
type span []struct {
	aspect int
	in     interval
}

func newSpan(q *query.Range) span {
	var s span
	add := func(aspect int, keyOf func(string) (string, bool)) {
		var in interval
		ok, from, to := true, q.From, q.To
		if !from.Unbounded {
			if in.from, ok = keyOf(from.Text); !from.Inclusive {
				in.from = behind(in.from)
			}
		}
		if in.endless = to.Unbounded; ok && !to.Unbounded {
			if in.to, ok = keyOf(to.Text); to.Inclusive {
				in.to = behind(in.to)
			}
		}
		if ok {
			s = append(s, struct {
				aspect int
				in     interval
			}{aspect, in})
		}
	}
	add(whole, func(s string) (string, bool) { return strings.ToLower(s), true })
	add(address, addressKey)
	add(number, func(s string) (string, bool) { return sizeKey(s, "any") })
	return s
}

func (s span) find(l *lookup, p *path, hits set) error {
	for _, kind := range s {
		if err := l.between(p, kind.aspect, kind.in, hits); err != nil {
			return err
		}
	}
	return nil
}

// boolean leaves Should clauses out beside Must clauses: they change nothing then.
type boolean struct{ must, should, mustNot []matcher }

func newBoolean(q *query.Bool) (matcher, error) {
	var b boolean
	for _, c := range q.Clauses {
		m, err := compile(c.Query)
		if err != nil {
			return nil, err
		}
		switch c.Occur {
		case query.Must:
			b.must = append(b.must, m)
		case query.MustNot:
			b.mustNot = append(b.mustNot, m)
		default:
			b.should = append(b.should, m)
		}
	}
	return b, nil
}

func (b boolean) find(ctx context.Context, l *lookup) (set, error) {
	var hits set
	for i, m := range b.must {
		found, err := m.find(ctx, l)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			hits = found
		} else {
			hits.and(found)
		}
		if hits.empty() {
			return hits, nil
		}
	}
	if len(b.must) == 0 {
		var err error
		if hits, err = b.some(ctx, l); err != nil {
			return nil, err
		}
	}
	for _, m := range b.mustNot {
		if hits.empty() {
			break
		}
		found, err := m.find(ctx, l)
		if err != nil {
			return nil, err
		}
		hits.remove(found)
	}
	return hits, nil
}

// some is what a Bool without Must clauses finds, its MustNot clauses apart.
func (b boolean) some(ctx context.Context, l *lookup) (set, error) {
	if len(b.should) == 0 {
		return fullSet(len(l.docs)), nil
	}
	hits := newSet(len(l.docs))
	for _, m := range b.should {
		found, err := m.find(ctx, l)
		if err != nil {
			return nil, err
		}
		hits.or(found)
	}
	return hits, nil
}
