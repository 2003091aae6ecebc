package mirror

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

// TestLaws runs reads, listings and writes of several programs in every order in which their beginnings, their moments
// at the bucket and their ends can follow each other, and asks the book after each step.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			book: newBook(fresh, time.Hour), now: time.Unix(1e9, 0), alone: rapid.Bool().Draw(t, "nobody else writes"),
			past: map[string][]revision{}, told: map[string][]telling{}, last: map[string]state.ETag{}, hinted: map[string]bool{},
		}
		t.Repeat(map[string]func(*rapid.T){
			"":             w.check,
			"time passes":  func(t *rapid.T) { w.now = w.now.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "s")) * time.Second) },
			"begin read":   w.beginRead,
			"begin list":   w.beginList,
			"begin write":  w.beginWrite,
			"bucket":       w.atBucket,
			"end":          w.end,
			"other writes": w.otherWrites,
			"is asked":     func(t *rapid.T) { w.book.ask(w.key(t), w.now) },
		})
	})
}

const fresh = 6 * time.Second

// world is a bucket, whose past it remembers, and the operations that are under way.
type world struct {
	book   *book
	now    time.Time
	step   int
	alone  bool
	writes int

	past   map[string][]revision // of each document, oldest first
	ops    []*operation
	told   map[string][]telling // what operations that ended told
	last   map[string]state.ETag
	hinted map[string]bool
}

type revision struct {
	etag state.ETag
	at   time.Time
}

// telling is what one operation said, and when it began and ended.
type telling struct {
	etag       state.ETag
	begin, end int
}

type operation struct {
	kind  string
	key   string // empty for a listing
	seq   int64
	began time.Time
	begin int // step
	etag  state.ETag
	lost  bool // a write whose answer gets lost
	acted bool
	found map[string]state.ETag
}

var keys = []string{"manifests/a.json", "manifests/b.json"}

func (w *world) key(t *rapid.T) string { return rapid.SampledFrom(keys).Draw(t, "key") }

func (w *world) truth(key string) state.ETag {
	if p := w.past[key]; len(p) > 0 {
		return p[len(p)-1].etag
	}
	return ""
}

func (w *world) start(o *operation) {
	w.step++
	o.began, o.begin = w.now, w.step
	w.ops = append(w.ops, o)
}

func (w *world) beginRead(t *rapid.T) {
	w.start(&operation{kind: "read", key: w.key(t), seq: w.book.begin()})
}

func (w *world) beginList(t *rapid.T) {
	w.start(&operation{kind: "list", seq: w.book.begin(), found: map[string]state.ETag{}})
}

func (w *world) beginWrite(t *rapid.T) {
	o := &operation{kind: "write", key: w.key(t), etag: w.content(t), lost: rapid.IntRange(0, 5).Draw(t, "lost") == 0}
	w.book.beginWrite(o.key)
	w.start(o)
}

// content is a new revision, an old one again, or the deletion.
func (w *world) content(t *rapid.T) state.ETag {
	switch rapid.IntRange(0, 5).Draw(t, "content") {
	case 0:
		return ""
	case 1:
		return "same"
	}
	w.writes++
	return state.ETag(fmt.Sprint(w.writes))
}

func (w *world) put(key string, etag state.ETag) {
	w.past[key] = append(w.past[key], revision{etag, w.now})
}

func (w *world) otherWrites(t *rapid.T) {
	if w.alone {
		t.Skip("nobody else")
	}
	w.put(w.key(t), w.content(t))
}

func (w *world) pick(t *rapid.T, acted bool) *operation {
	var fit []*operation
	for _, o := range w.ops {
		if o.acted == acted {
			fit = append(fit, o)
		}
	}
	if len(fit) == 0 {
		t.Skip("none")
	}
	return rapid.SampledFrom(fit).Draw(t, "operation")
}

// atBucket is the moment at which an operation happens.
func (w *world) atBucket(t *rapid.T) {
	o := w.pick(t, false)
	o.acted = true
	switch o.kind {
	case "read":
		o.etag = w.truth(o.key)
	case "list":
		for _, key := range keys {
			o.found[key] = w.truth(key)
		}
	case "write":
		w.put(o.key, o.etag)
	}
}

func (w *world) end(t *rapid.T) {
	o := w.pick(t, true)
	w.step++
	for i := range w.ops {
		if w.ops[i] == o {
			w.ops = append(w.ops[:i:i], w.ops[i+1:]...)
			break
		}
	}
	tell := func(key string, etag state.ETag) {
		w.told[key] = append(w.told[key], telling{etag, o.begin, w.step})
	}
	switch o.kind {
	case "read":
		if w.book.saw(o.key, o.etag, o.seq, o.began) {
			w.hinted[o.key] = true
		}
		tell(o.key, o.etag)
		w.book.keep(state.Entry{Key: o.key, ETag: o.etag}, []byte(o.etag), w.now)
	case "list":
		for _, key := range keys {
			if o.found[key] != "" && w.book.saw(key, o.found[key], o.seq, o.began) {
				w.hinted[key] = true
			}
			tell(key, o.found[key])
		}
		for _, key := range w.book.listed("manifests/", o.seq, o.began) {
			w.hinted[key] = true
		}
	case "write":
		w.book.wrote(o.key, o.etag, o.began, !o.lost)
		if !o.lost {
			tell(o.key, o.etag)
			if o.etag != "" {
				w.book.keep(state.Entry{Key: o.key, ETag: o.etag}, []byte(o.etag), w.now)
			}
		}
		w.book.endWrite(o.key)
		w.hinted[o.key] = true
	}
}

func (w *world) check(t *rapid.T) {
	for _, key := range keys {
		d, ok := w.book.look(key, w.now)
		if !ok {
			if w.hinted[key] { // who was told asks the bucket, and waits again
				delete(w.hinted, key)
				w.step++
				w.last[key] = w.truth(key)
				w.book.saw(key, w.truth(key), w.book.begin(), w.now)
				w.told[key] = append(w.told[key], telling{w.truth(key), w.step, w.step})
			}
			continue
		}
		if d.data != nil && string(d.data) != string(d.etag) {
			t.Fatalf("%s: the bytes of %q go out as %q", key, d.data, d.etag)
		}
		if d.data != nil && d.entry.ETag != d.etag {
			t.Fatalf("%s: the entry of %q goes out as %q", key, d.entry.ETag, d.etag)
		}
		if w.overtaken(key, d.etag) {
			t.Fatalf("%s: %q is answered, though something newer was seen: %+v", key, d.etag, w.told[key])
		}
		if !w.lately(key, d.etag) {
			t.Fatalf("%s: %q is answered at %v, and was never so within %v: %+v", key, d.etag, w.now, fresh, w.past[key])
		}
		if w.alone && d.etag != w.truth(key) {
			t.Fatalf("%s: %q is answered, and it is %q", key, d.etag, w.truth(key))
		}
		if before, was := w.last[key]; was && before != d.etag && !w.hinted[key] {
			t.Fatalf("%s: nobody was told that %q became %q", key, before, d.etag)
		}
		w.last[key] = d.etag
		delete(w.hinted, key)
	}
}

// overtaken reports whether everything that told of this revision had ended before something began that told of another.
func (w *world) overtaken(key string, etag state.ETag) bool {
	last, begun := 0, 0
	for _, t := range w.told[key] {
		if t.etag == etag {
			last = max(last, t.end)
		} else {
			begun = max(begun, t.begin)
		}
	}
	return begun > last
}

func (w *world) lately(key string, etag state.ETag) bool {
	since := w.now.Add(-fresh)
	if p := w.past[key]; etag == "" && (len(p) == 0 || !p[0].at.Before(since)) {
		return true
	}
	for i, r := range w.past[key] {
		replaced := i+1 < len(w.past[key]) && w.past[key][i+1].at.Before(since)
		if r.etag == etag && !replaced {
			return true
		}
	}
	return false
}

// A reading that began before a document was deleted, and ends after a listing that does not have it any more, does not
// bring it back.
func TestLateReading(t *testing.T) {
	b, now := newBook(fresh, time.Hour), time.Unix(1e9, 0)
	late := b.begin()
	b.beginWrite(keys[0])
	b.wrote(keys[0], "", now, true)
	b.endWrite(keys[0])
	b.listed("", b.begin(), now)
	if b.saw(keys[0], "old", late, now) {
		t.Error("it counts")
	}
	if d, ok := b.look(keys[0], now); !ok || d.etag != "" {
		t.Errorf("%q is answered, %v", d.etag, ok)
	}
}
