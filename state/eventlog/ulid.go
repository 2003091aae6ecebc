package eventlog

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"time"
)

// ids makes ULIDs (https://github.com/ulid/spec), each greater than the one before, also when the clock is set back.
type ids struct{ high, low uint64 } // the last one: 48 bits of milliseconds, 80 bits of randomness

// crockford is the alphabet of ULIDs: base 32 without I, L, O and U. It sorts as its values do.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// ulidLength is the length of a ULID in characters, 5 bits each.
const ulidLength = 26

// step bounds the random distance of two IDs of one millisecond, so that 80 bits hold any number of them.
const step = 1 << 32

func (g *ids) next(now time.Time) string {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand.Read
	ms := uint64(max(0, now.UnixMilli())) & (1<<48 - 1)
	if ms > g.high>>16 {
		g.high = ms<<16 | uint64(binary.BigEndian.Uint16(random[:2]))
		g.low = binary.BigEndian.Uint64(random[2:])
	} else {
		var carry uint64
		g.low, carry = bits.Add64(g.low, 1+binary.BigEndian.Uint64(random[2:])%step, 0)
		g.high += carry
	}
	return g.String()
}

// String gives the last ID.
func (g *ids) String() string {
	var text [ulidLength]byte
	high, low := g.high, g.low
	for i := ulidLength - 1; i >= 0; i-- {
		text[i] = crockford[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(text[:])
}

// parseULID takes a ULID apart; it is false for what is none.
func parseULID(text string) (g ids, ok bool) {
	if len(text) != ulidLength || text[0] > '7' {
		return ids{}, false
	}
	for i := range ulidLength {
		value := index(text[i])
		if value < 0 {
			return ids{}, false
		}
		g.high = g.high<<5 | g.low>>59
		g.low = g.low<<5 | uint64(value)
	}
	return g, true
}

func index(c byte) int {
	for i := range len(crockford) {
		if crockford[i] == c {
			return i
		}
	}
	return -1
}

// time is when the ID was made, by the clock of its maker.
func (g ids) time() time.Time { return time.UnixMilli(int64(g.high >> 16)).UTC() }

// Time gives when an ID was made, by the clock of its maker, in UTC. It is false for what is no ID.
func Time(id string) (time.Time, bool) {
	g, ok := parseULID(id)
	return g.time(), ok
}
