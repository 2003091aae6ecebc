package index

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"sort"
)

// snapshot is the index at one moment. It never changes, so a search needs no lock.
type snapshot struct {
	parts []part
	order []ref // every document, by Order, then ID
}

// part is a segment and what of it is still there.
type part struct {
	*segment
	gone set // documents that were replaced or deleted since; never changed, but replaced
	left int
}

// ref is where a document is.
type ref struct{ part, doc uint32 }

func (s *snapshot) at(r ref) *Doc { return &s.parts[r.part].docs[r.doc] }

func byOrder(a, b *Doc) int {
	return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID))
}

// find gives the documents that match, for each part.
func (s *snapshot) find(ctx context.Context, m matcher) ([]set, error) {
	all := make([]set, len(s.parts))
	for i, p := range s.parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		hits, err := m.find(ctx, &lookup{segment: p.segment})
		if err != nil {
			return nil, err
		}
		hits.remove(p.gone)
		all[i] = hits
	}
	return all, nil
}

// page gives the refs of a page of hits, in order.
func (s *snapshot) page(hits []set, total int, opt Options) []ref {
	from, size := max(opt.From, 0), max(opt.Size, 0)
	if from >= total || size == 0 {
		return nil
	}
	size = min(size, total-from)
	var page []ref
	// A walk over all documents passes one hit in so many; sorting the hits is cheaper where there are few.
	if walk := len(s.order) / total * (from + size); total*bits.Len(uint(total))*8 < walk {
		page = s.sorted(hits, total)
		if opt.Reverse {
			slices.Reverse(page)
		}
		return page[from : from+size]
	}
	for i := 0; len(page) < size; i++ {
		r := s.order[i]
		if opt.Reverse {
			r = s.order[len(s.order)-1-i]
		}
		if !hits[r.part].has(int(r.doc)) {
			continue
		}
		if from > 0 {
			from--
			continue
		}
		page = append(page, r)
	}
	return page
}

func (s *snapshot) sorted(hits []set, total int) []ref {
	refs := make([]ref, 0, total)
	for i, h := range hits {
		for d := range h.all {
			refs = append(refs, ref{uint32(i), uint32(d)})
		}
	}
	slices.SortFunc(refs, func(a, b ref) int { return byOrder(s.at(a), s.at(b)) })
	return refs
}

// change is what an update makes of a snapshot.
type change struct {
	gone   map[int]set // of the parts that lose documents, all that they have lost by now
	retire map[int]bool
	fresh  []*segment
}

// after gives the snapshot after a change, and where each part of the old one went; -1 for those that retire.
func (s *snapshot) after(c change) *snapshot {
	next := &snapshot{}
	went := make([]int, len(s.parts))
	for i, p := range s.parts {
		if gone, ok := c.gone[i]; ok {
			p.gone, p.left = gone, len(p.docs)-gone.count()
		}
		if went[i] = -1; !c.retire[i] && p.left > 0 {
			went[i] = len(next.parts)
			next.parts = append(next.parts, p)
		}
	}
	var fresh []ref
	for _, f := range c.fresh {
		for d := range f.docs {
			fresh = append(fresh, ref{uint32(len(next.parts)), uint32(d)})
		}
		next.parts = append(next.parts, part{segment: f, gone: newSet(len(f.docs)), left: len(f.docs)})
	}
	slices.SortFunc(fresh, func(a, b ref) int { return byOrder(next.at(a), next.at(b)) })
	next.order = make([]ref, 0, len(s.order)+len(fresh))
	for _, r := range s.order {
		to := went[r.part]
		if to < 0 || next.parts[to].gone.has(int(r.doc)) {
			continue
		}
		next.order = append(next.order, ref{uint32(to), r.doc})
	}
	next.mergeOrder(fresh)
	return next
}

// mergeOrder takes sorted documents into order, from the end to the beginning, so that each is moved once.
func (s *snapshot) mergeOrder(fresh []ref) {
	kept := len(s.order)
	s.order = append(s.order, fresh...)
	for n := len(fresh); n > 0; n-- {
		at := sort.Search(kept, func(i int) bool { return byOrder(s.at(s.order[i]), s.at(fresh[n-1])) > 0 })
		copy(s.order[at+n:kept+n], s.order[at:kept])
		s.order[at+n-1] = fresh[n-1]
		kept = at
	}
}
