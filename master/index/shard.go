package index

import (
	"context"
	"fmt"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/search"
	blevequery "github.com/blevesearch/bleve/v2/search/query"
)

// shard holds a part of the documents in a bleve index of its own. bleve does not merge what it holds in memory: each batch
// adds a segment, and what it replaced stays. So a shard is built anew after some batches, and shards keep that cheap.
type shard struct {
	bleve   bleve.Index
	docs    map[string]Doc
	batches int
}

// maxBatches bounds the segments of a shard.
const maxBatches = 24

func newShard() (*shard, error) {
	m := bleve.NewIndexMapping()
	m.DefaultMapping.Enabled, m.DefaultMapping.Dynamic = false, false // documents come analysed
	m.StoreDynamic, m.DocValuesDynamic = false, false
	b, err := bleve.NewUsing("", m, scorch.Name, scorch.Name, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot make an index in memory: %w", err)
	}
	return &shard{bleve: b, docs: map[string]Doc{}}, nil
}

// apply changes the shard in one batch. On an error it is as it was.
func (s *shard) apply(puts []Doc, deletes []string) error {
	batch := s.bleve.NewBatch()
	for _, id := range deletes {
		batch.Delete(id)
	}
	for _, n := range puts {
		if err := batch.IndexAdvanced(newDocument(n)); err != nil {
			return fmt.Errorf("cannot index document %q: %w", n.ID, err)
		}
	}
	if err := s.bleve.Batch(batch); err != nil {
		return fmt.Errorf("cannot index %d docs: %w", len(puts), err)
	}
	for _, id := range deletes {
		delete(s.docs, id)
	}
	for _, n := range puts {
		s.docs[n.ID] = n
	}
	s.batches++
	return nil
}

// renewed gives a shard with the same documents in one segment.
func (s *shard) renewed() (*shard, error) {
	fresh, err := newShard()
	if err != nil {
		return nil, err
	}
	all := make([]Doc, 0, len(s.docs))
	for _, n := range s.docs {
		all = append(all, n)
	}
	if len(all) == 0 {
		return fresh, nil
	}
	if err := fresh.apply(all, nil); err != nil {
		return nil, fmt.Errorf("cannot rebuild the index: %w", err)
	}
	return fresh, nil
}

// collect adds the ids of the matching documents to found. It reads bleve's searcher directly: a ranked page, which is what
// bleve's own search gives, is of no use where every match counts and none is better than another.
func (s *shard) collect(ctx context.Context, q blevequery.Query, found map[string]bool) error {
	inner, err := s.bleve.Advanced()
	if err != nil {
		return err
	}
	reader, err := inner.Reader()
	if err != nil {
		return err
	}
	defer reader.Close()
	searcher, err := q.Searcher(ctx, reader, s.bleve.Mapping(), search.SearcherOptions{Score: "none"})
	if err != nil {
		return err
	}
	defer searcher.Close()
	sc := &search.SearchContext{
		DocumentMatchPool: search.NewDocumentMatchPool(searcher.DocumentMatchPoolSize()+1, 0),
		IndexReader:       reader,
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		hit, err := searcher.Next(sc)
		if err != nil || hit == nil {
			return err
		}
		id, err := reader.ExternalID(hit.IndexInternalID)
		if err != nil {
			return err
		}
		found[id] = true
		sc.DocumentMatchPool.Put(hit)
	}
}
