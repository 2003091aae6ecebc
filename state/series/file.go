package series

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

// The form of a file: magic, number of names, each name with its length; for each level step, slots and head, then the values
// of each name from the oldest slot on; last a CRC-32 of all before. Numbers are little-endian.
const magic = "stathub series 1\n"

// MarshalBinary gives all that it keeps.
func (s *Set) MarshalBinary() ([]byte, error) {
	size := len(magic) + 8
	for _, name := range s.names {
		size += 2 + len(name)
	}
	for i := range s.levels {
		size += 24 + 4*len(s.levels[i].data)
	}
	b := append(make([]byte, 0, size), magic...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s.names)))
	for _, name := range s.names {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
	}
	for i := range s.levels {
		r := &s.levels[i]
		for _, n := range []int64{r.step, r.slots, r.head} {
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		}
		for _, v := range r.data {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), nil
}

// UnmarshalBinary takes up what MarshalBinary gave of a set of the same levels; with an error the set is as it was.
func (s *Set) UnmarshalBinary(data []byte) error {
	if len(data) < len(magic)+4 || string(data[:len(magic)]) != magic {
		return errors.New("it is no file of measured values")
	}
	end := len(data) - 4
	if crc32.ChecksumIEEE(data[:end]) != binary.LittleEndian.Uint32(data[end:]) {
		return errors.New("it is broken: its checksum is wrong")
	}
	in := reader{data: data[len(magic):end]}
	next := Set{limit: s.limit, levels: make([]ring, len(s.levels))}
	for range in.uint16() {
		next.names = append(next.names, string(in.take(int(in.uint16()))))
	}
	if len(next.names) > s.limit {
		return fmt.Errorf("it has %d series, and no more than %d are kept", len(next.names), s.limit)
	}
	for i := range s.levels {
		r := ring{step: int64(in.uint64()), slots: int64(in.uint64()), head: int64(in.uint64()), counts: make([]uint16, len(next.names))}
		if r.step != s.levels[i].step || r.slots != s.levels[i].slots || r.head < 0 {
			return errors.New("it has other resolutions")
		}
		r.data = in.floats(int(r.slots) * len(next.names))
		next.levels[i] = r
	}
	if in.short || len(in.data) > 0 {
		return errors.New("its length is wrong")
	}
	if distinct := slices.Compact(slices.Sorted(slices.Values(next.names))); len(distinct) != len(next.names) {
		return errors.New("it has a series twice")
	}
	*s = next
	return nil
}

// reader takes a file apart; after its end it gives zeros.
type reader struct {
	data  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.data) {
		r.data, r.short = nil, true
		return nil
	}
	taken := r.data[:n]
	r.data = r.data[n:]
	return taken
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) floats(n int) []float32 {
	b := r.take(4 * n)
	if b == nil {
		return nil
	}
	all := make([]float32, n)
	for i := range all {
		all[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return all
}
