package scheduler

import (
	"reflect"

	"stathub/state"
)

// digests remembers the digests of one plan. The nodes of an app share a few contents, and comparing contents is much
// cheaper than encoding each.
type digests map[string][]*variant

// variant is one content of an app's entries, count apart.
type variant struct {
	content state.ManifestEntry
	sums    map[int]string // by count
}

// maxVariants bounds the search. More than this many contents of one app are rare, and are then encoded each.
const maxVariants = 8

// of gives e.Digest().
func (d digests) of(e *state.ManifestEntry) string {
	bare := *e
	bare.Owner, bare.Sum, bare.Count = "", "", 0
	for _, v := range d[e.App.Name] {
		if reflect.DeepEqual(&v.content, &bare) {
			sum, ok := v.sums[e.Count]
			if !ok {
				sum = e.Digest()
				v.sums[e.Count] = sum
			}
			return sum
		}
	}
	sum := e.Digest()
	if all := d[e.App.Name]; len(all) < maxVariants {
		d[e.App.Name] = append(all, &variant{content: bare, sums: map[int]string{e.Count: sum}})
	}
	return sum
}

// sum is the digest of the app's entry with n instances, as a number, and with nothing in it that the documents of the
// app do not decide.
func (k *known) sum(n int) uint64 {
	for len(k.sums) <= min(n, maxSums) {
		k.sums = append(k.sums, 0)
	}
	if n <= maxSums && k.sums[n] != 0 {
		return k.sums[n]
	}
	e := k.entry
	e.Count = n
	sum := number(e.Digest())
	if n <= maxSums {
		k.sums[n] = sum
	}
	return sum
}

// digest is that as digests are written.
func (k *known) digest(n int) string {
	const digits = "0123456789abcdef"
	sum, text := k.sum(n), [16]byte{}
	for i := range text {
		text[i] = digits[sum>>(60-4*i)&15]
	}
	return string(text[:])
}

// maxSums bounds the counts whose digests are remembered.
const maxSums = 256
