package index

import "slices"

// phraseIn reports whether a phrase is among the words of a value: in order and adjacent or, with slop, so that the
// words can be moved to be so by that many positions in all. Two words that have changed places are two away.
func phraseIn(in, phrase []string, slop int) bool {
	if slop == 0 {
		for i := 0; i+len(phrase) <= len(in); i++ {
			if slices.Equal(in[i:i+len(phrase)], phrase) {
				return true
			}
		}
		return false
	}
	// A word's shift is how far it lies behind its place in the phrase. The shifts must be within slop of each other.
	for first := -len(phrase); first < len(in); first++ {
		if shifted(in, phrase, first, first+slop) {
			return true
		}
	}
	return false
}

// shifted reports whether every word of the phrase can be found with a shift of least to most, each at a position of its
// own. Windows of one word lie in order, so the first free position is always the best.
func shifted(in, phrase []string, least, most int) bool {
	taken := make([]bool, len(in))
	for i, w := range phrase {
		found := false
		for at := max(0, i+least); at <= min(len(in)-1, i+most) && !found; at++ {
			if in[at] == w && !taken[at] {
				taken[at], found = true, true
			}
		}
		if !found {
			return false
		}
	}
	return true
}
