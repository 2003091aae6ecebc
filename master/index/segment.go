package index

import (
	"fmt"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
	bleveindex "github.com/blevesearch/bleve_index_api"
	bleve "github.com/blevesearch/scorch_segment_api/v2"
	"github.com/blevesearch/zapx/v16"
)

// The documents of a segment: at most, and where some are made at a time, at least. Large segments are searched faster,
// small ones made anew faster.
const (
	maxDocs = 8192
	minDocs = 512
)

// segment is some documents in a bleve segment of their own. It never changes.
type segment struct {
	docs  []Doc // by number
	down  set
	paths []*path // by id
	names map[string]*path
	bleve bleve.Segment

	making sync.Mutex // one column at a time

	mu      sync.Mutex // guards columns
	columns map[string]*column
}

// newSegment makes the segment of 1 to maxDocs documents.
func newSegment(docs []Doc) (*segment, error) {
	s := &segment{docs: docs, down: newSet(len(docs)), names: map[string]*path{}, columns: map[string]*column{}}
	r, fields := newReader(), newFields()
	all := make([]bleveindex.Document, len(docs))
	for i, d := range docs {
		values, err := r.read(d)
		if err != nil {
			return nil, err
		}
		all[i] = &document{fields, values}
		for _, v := range values {
			if p := v.path; p.last != i+1 {
				p.docs.Add(uint32(i))
				p.last = i + 1
			}
		}
		if d.Down {
			s.down.add(i)
		}
	}
	for _, p := range r.paths {
		p.docs.RunOptimize()
		s.names[p.name] = p
	}
	s.paths = r.paths
	var plugin zap.ZapPlugin
	made, _, err := plugin.New(all)
	if err != nil {
		return nil, fmt.Errorf("cannot index %d documents: %w", len(docs), err)
	}
	s.bleve = made
	return s, nil
}

// document is a document as bleve takes it: its terms are known.
type document struct {
	fields *fields
	values []*value
}

func (d *document) VisitFields(visit bleveindex.FieldVisitor) {
	visit(&d.fields.id)
	d.fields.terms.values = d.values
	visit(&d.fields.terms)
}

func (d *document) ID() string                                      { return "" }
func (d *document) Size() int                                       { return 0 }
func (d *document) VisitComposite(bleveindex.CompositeFieldVisitor) {}
func (d *document) HasComposite() bool                              { return false }
func (d *document) NumPlainTextBytes() uint64                       { return 0 }
func (d *document) AddIDField()                                     {}
func (d *document) StoredFieldsBytes() uint64                       { return 0 }
func (d *document) Indexed() bool                                   { return true }

// fields are those of bleve. All documents of a segment share them: bleve is done with one document before it asks for
// the terms of the next.
type fields struct{ id, terms field }

const termField = "t"

func newFields() *fields {
	return &fields{
		id:    field{name: "_id", options: bleveindex.StoreField}, // bleve cannot do without; nothing is found by it
		terms: field{name: termField, options: bleveindex.IndexField | bleveindex.SkipFreqNorm, terms: bleveindex.TokenFrequencies{}},
	}
}

type field struct {
	name    string
	options bleveindex.FieldIndexingOptions
	values  []*value
	terms   bleveindex.TokenFrequencies
}

// once is how often a term is in a document, where nobody counts.
var once bleveindex.TokenFreq

func (f *field) AnalyzedTokenFrequencies() bleveindex.TokenFrequencies {
	clear(f.terms)
	for _, v := range f.values {
		for _, t := range v.terms {
			f.terms[t] = &once
		}
	}
	return f.terms
}

func (f *field) Name() string                             { return f.name }
func (f *field) Value() []byte                            { return nil }
func (f *field) ArrayPositions() []uint64                 { return nil }
func (f *field) EncodedFieldType() byte                   { return 't' }
func (f *field) Analyze()                                 {}
func (f *field) Options() bleveindex.FieldIndexingOptions { return f.options }
func (f *field) AnalyzedLength() int                      { return 1 }
func (f *field) NumPlainTextBytes() uint64                { return 0 }

// lookup finds terms in a segment, for one search.
type lookup struct {
	*segment
	terms   bleve.TermDictionary
	list    bleve.PostingsList // used again and again, as what follows
	found   bleve.PostingsIterator
	scratch set
}

func (l *lookup) dictionary() (bleve.TermDictionary, error) {
	if l.terms == nil {
		d, err := l.bleve.Dictionary(termField)
		if err != nil {
			return nil, fmt.Errorf("cannot read the index: %w", err)
		}
		l.terms = d
	}
	return l.terms, nil
}

// exact adds the documents with a term to hits.
func (l *lookup) exact(p *path, aspect int, key string, hits set) error {
	if !p.has(aspect) {
		return nil
	}
	return l.having(p.prefix(aspect)+key, hits)
}

func (l *lookup) having(term string, hits set) error {
	docs, err := l.postings(term)
	if err != nil || docs == nil {
		return err
	}
	if l.scratch == nil {
		l.scratch = newSet(len(l.docs))
	}
	clear(l.scratch)
	docs.WriteDenseTo(l.scratch)
	hits.or(l.scratch)
	return nil
}

// postings gives the documents with a term, until it is called again; nil: none.
func (l *lookup) postings(term string) (*roaring.Bitmap, error) {
	dict, err := l.dictionary()
	if err != nil {
		return nil, err
	}
	if l.list, err = dict.PostingsList([]byte(term), nil, l.list); err != nil {
		return nil, fmt.Errorf("cannot read the index: %w", err)
	}
	l.found = l.list.Iterator(false, false, false, l.found)
	if found, ok := l.found.(bleve.OptimizablePostingsIterator); ok {
		return found.ActualBitmap(), nil
	}
	return nil, nil
}

// with gives the documents that have a value at a path.
func (l *lookup) with(p *path) set {
	s := newSet(len(l.docs))
	p.docs.WriteDenseTo(s)
	return s
}
