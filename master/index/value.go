package index

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/blevesearch/bleve/v2/numeric"

	"stathub/state"
)

// addressPath is where addresses are (seed 5.1.1).
const addressPath = "networks.address"

// numberKey gives 8 bytes that order as numbers do, of a number as JSON writes it; false for anything else. A number too
// large for a float64 is infinite.
func numberKey(s string) (string, bool) {
	if s == "" || strings.Trim(s, "+-.0123456789eE") != "" {
		return "", false // ParseFloat also takes words for infinity, hexadecimal digits and underscores
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return "", false
	}
	return floatKey(f), true
}

func floatKey(f float64) string {
	if f == 0 {
		f = 0 // the negative zero equals the other
	}
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], uint64(numeric.Float64ToInt64(f))^1<<63)
	return string(key[:])
}

// numberOf is the number of a key, as text.
func numberOf(key string) string {
	f := numeric.Int64ToFloat64(int64(binary.BigEndian.Uint64([]byte(key)) ^ 1<<63))
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// sizeKey is numberKey for what people ask, who may add a unit: 8GiB. Units of one letter count only where a field is
// named: 2b and 8g are also names of things.
func sizeKey(s, field string) (string, bool) {
	if key, ok := numberKey(s); ok {
		return key, true
	}
	number := strings.TrimRight(s, "kKmMgGtTpPiIbB")
	if letters := len(s) - len(number); letters == 0 || letters < 2 && field == "" {
		return "", false
	}
	if _, ok := numberKey(strings.TrimRight(number, " ")); !ok {
		return "", false
	}
	size, err := state.ParseBytes(s)
	return floatKey(float64(size)), err == nil
}

// addressKey gives 16 bytes that order as IP addresses do, of an address in any spelling. IPv4 lies below the IPv6
// addresses in use; a zone is left out.
func addressKey(s string) (string, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return "", false
	}
	b := a.As16()
	return string(b[:]), true
}

// blockKeys gives the keys of the first and last address of an address or of a block such as 10.0.0.0/8.
func blockKeys(s string) (first, last string, ok bool) {
	if key, ok := addressKey(s); ok {
		return key, key, true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return "", "", false
	}
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	lo := p.Addr().As16()
	hi := lo
	for i := bits; i < 128; i++ {
		lo[i/8] &^= 0x80 >> (i % 8)
		hi[i/8] |= 0x80 >> (i % 8)
	}
	return string(lo[:]), string(hi[:]), true
}
