package state

import "fmt"

// MaxSequence is the highest term and the highest generation that there is: numbers up to it are exact in every JSON
// reader (RFC 8259 section 6), and one more is no overflow. Nobody gets there who did not type it; with a higher one a
// document cannot be read, so that one document never has masters and agents believe that all others are old.
const MaxSequence = 1<<53 - 1

// sequence checks a term or a generation.
func (c *checker) sequence(n int64) {
	if n < 0 || n > MaxSequence {
		c.fail(fmt.Sprintf("must be from 0 to %d", int64(MaxSequence)))
	}
}
