package state

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Bytes is a size in bytes. In JSON it is a number; people may also write a string with a unit, "512MiB" or "1.5GB".
type Bytes int64

var byteUnits = []struct {
	name string
	size float64
}{
	{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"TIB", 1 << 40}, {"PIB", 1 << 50},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"PB", 1e15},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"P", 1 << 50}, {"B", 1}, {"", 1},
}

// ParseBytes reads a size with an optional unit, in any case: KiB, MiB, GiB, TiB, PiB and K, M, G, T, P count by 1024,
// KB, MB, GB, TB, PB by 1000.
func ParseBytes(s string) (Bytes, error) {
	upper := strings.ToUpper(strings.TrimSpace(s))
	for _, u := range byteUnits {
		number, ok := strings.CutSuffix(upper, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			break
		}
		if v *= u.size; math.Abs(v) >= math.MaxInt64 {
			return 0, fmt.Errorf("size %q is too large", s)
		}
		return Bytes(v), nil
	}
	return 0, fmt.Errorf("size %q: want a number of bytes, or a string such as \"512MiB\" or \"1.5GB\"", s)
}

// UnmarshalJSONFrom takes a number of bytes or a string with a unit.
func (b *Bytes) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '"' {
		return json.UnmarshalDecode(dec, (*int64)(b))
	}
	var s string
	if err := json.UnmarshalDecode(dec, &s); err != nil {
		return err
	}
	v, err := ParseBytes(s)
	*b = v
	return err
}
