package mirror

import (
	"bytes"
	"strings"
	"time"

	"stathub/state"
)

// book is what a mirror knows. It keeps the order of operations by numbers: one that reads counts from its begin, since it
// may have looked right then; one that writes counts from its end, since it may have written only then. What an operation
// tells counts only over what a smaller number told. It reads no clock, and is not safe for concurrent use.
type book struct {
	fresh, kept time.Duration

	seq     int64
	docs    map[string]*doc
	folders map[string]*folder
	writes  map[string]*flight
	asked   map[string]time.Time // by a client of the gateway, lately
}

// doc is the last that was seen of a document.
type doc struct {
	known bool       // false: a write failed, or two met; only the store can tell
	etag  state.ETag // empty: there is no document
	seq   int64      // of the operation that told it
	at    time.Time  // when the last operation began that told it
	entry state.Entry
	data  []byte // nil: not kept
}

// folder is the last complete listing. It speaks for all documents that docs does not have: they are not there.
type folder struct {
	seq int64 // 0: never
	at  time.Time
}

// flight are the writes of one document that are under way.
type flight struct {
	count int
	mixed bool // they overlapped: nobody knows which one came last
}

func newBook(fresh, kept time.Duration) *book {
	b := &book{
		fresh: fresh, kept: kept, docs: map[string]*doc{}, folders: map[string]*folder{}, writes: map[string]*flight{},
		asked: map[string]time.Time{},
	}
	for _, prefix := range folders {
		b.folders[prefix] = &folder{}
	}
	return b
}

// begin gives the number of an operation that reads.
func (b *book) begin() int64 {
	b.seq++
	return b.seq
}

// saw takes in that an operation found a revision, none when etag is empty, and tells whether that is news.
func (b *book) saw(key string, etag state.ETag, seq int64, began time.Time) (news bool) {
	d := b.docs[key]
	if d == nil {
		prefix, _ := folderOf(key)
		if etag == "" || seq < b.folders[prefix].seq {
			return false // the listing says the same; and nobody fills the memory by asking for what is not there
		}
		d = &doc{}
		b.docs[key] = d
	} else if seq < d.seq {
		return false
	}
	if d.known && d.etag == etag {
		d.seq, d.at = seq, began
		return false
	}
	*d = doc{known: true, etag: etag, seq: seq, at: began}
	return true
}

// listed takes in that a listing of a prefix ended, after all its entries were seen. It gives what is gone.
func (b *book) listed(prefix string, seq int64, began time.Time) (gone []string) {
	for name, f := range b.folders {
		if !strings.HasPrefix(name, prefix) || seq < f.seq {
			continue
		}
		f.seq, f.at = seq, began
		for key, d := range b.docs {
			if strings.HasPrefix(key, name) && d.seq < seq {
				delete(b.docs, key)
				gone = append(gone, key)
			}
		}
		for key, at := range b.asked {
			if strings.HasPrefix(key, name) && age(at, began) > b.kept {
				delete(b.asked, key)
				if d := b.docs[key]; d != nil {
					d.data = nil
				}
			}
		}
	}
	return gone
}

func (b *book) beginWrite(key string) {
	f := b.writes[key]
	if f == nil {
		f = &flight{}
		b.writes[key] = f
	}
	f.count++
	f.mixed = f.mixed || f.count > 1
}

// wrote takes in what a write did, before its endWrite. An empty etag means that the document was deleted.
func (b *book) wrote(key string, etag state.ETag, began time.Time, ok bool) {
	sure := ok && !b.writes[key].mixed
	b.docs[key] = &doc{known: sure, etag: etag, seq: b.begin(), at: began}
}

func (b *book) endWrite(key string) {
	if f := b.writes[key]; f.count > 1 {
		f.count--
	} else {
		delete(b.writes, key)
	}
}

// ask notes that a client of the gateway is interested in a document, if there is one.
func (b *book) ask(key string, now time.Time) {
	if b.docs[key] != nil {
		b.asked[key] = now
	}
}

// wanted reports whether the bytes of a document are to be kept.
func (b *book) wanted(key string, now time.Time) bool {
	at, ok := b.asked[key]
	return ok && age(at, now) <= b.kept
}

// keep keeps the bytes of a revision, if it is the one that is known.
func (b *book) keep(e state.Entry, data []byte, now time.Time) {
	if d := b.docs[e.Key]; d != nil && d.known && d.etag == e.ETag && d.data == nil && b.wanted(e.Key, now) {
		d.entry, d.data = e, bytes.Clone(data)
		if d.data == nil {
			d.data = []byte{} // an empty document is one
		}
	}
}

// look gives what is known of a document now; ok is false when only the store can tell.
func (b *book) look(key string, now time.Time) (d doc, ok bool) {
	if b.writes[key] != nil {
		return doc{}, false
	}
	if d := b.docs[key]; d != nil {
		return *d, d.known && age(d.at, now) <= b.fresh
	}
	prefix, _ := folderOf(key)
	f := b.folders[prefix]
	return doc{}, f.seq > 0 && age(f.at, now) <= b.fresh
}

// age is the time that passed, by the clock of the wall too: the monotonic one stands still while a machine sleeps.
func age(at, now time.Time) time.Duration { return max(now.Sub(at), now.Round(0).Sub(at.Round(0))) }
