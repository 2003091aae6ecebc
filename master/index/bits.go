package index

import "math/bits"

// set is a set of documents of a segment, by their numbers.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

// fullSet has the documents 0 to n-1.
func fullSet(n int) set {
	s := newSet(n)
	for i := range s {
		s[i] = ^uint64(0)
	}
	if n%64 != 0 {
		s[len(s)-1] = 1<<(n%64) - 1
	}
	return s
}

func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// or, and and remove change s. other is as large or, for nothing, nil.
func (s set) or(other set) {
	for i, w := range other {
		s[i] |= w
	}
}

func (s set) and(other set) {
	for i := range s {
		s[i] &= other[i]
	}
}

func (s set) remove(other set) {
	for i, w := range other {
		s[i] &^= w
	}
}

func (s set) count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s set) empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// all gives the members in order.
func (s set) all(yield func(int) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !yield(i*64 + bits.TrailingZeros64(w)) {
				return
			}
		}
	}
}
