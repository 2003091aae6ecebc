// Package mirror lets a master answer the agents that wait at its gateway without asking the bucket for each of them. It
// remembers which revision of each manifest and report it saw last, in whatever the master itself reads, lists and writes.
//
// What Gateway answers from memory keeps these laws:
//
//  1. Whole: bytes go out with the ETag of the very revision that they are.
//  2. Never back: after an operation that began when another one had ended showed a different revision, the earlier one
//     is not answered any more, whatever else is still under way. A listing that began earlier never takes back what a
//     write or a later reading told.
//  3. Own writes count at once: when all writes go through this mirror, each answer is the document of that moment. A
//     document that is being written, or whose write failed, is asked of the bucket.
//  4. Bounded: what is answered was the document at most Options.Fresh ago, whoever else writes the bucket. Past that the
//     bucket is asked, and while it is out of reach the answer is code Unavailable: an agent goes on with what it has.
//
// Everything but a Get of these documents goes through.
package mirror

import (
	"bytes"
	"context"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"stathub/state"
)

// folders are the prefixes whose documents are mirrored: those that agents poll, with what lies beside them.
var folders = [...]string{state.KindManifest.Prefix(), state.KindReport.Prefix()}

// maxKept is the size in bytes up to which the bytes of a document are kept.
const maxKept = 1 << 20

// Options of a Mirror.
type Options struct {
	// Fresh is how long what was seen counts as the truth: twice the time between two listings of the master. 0: 10 s.
	Fresh time.Duration

	// Keep is for how long after a client of the gateway asked for it the bytes of a document are kept; 0: 10 min.
	Keep time.Duration
}

// Mirror is a state.Store that passes everything on to another one, and remembers what it sees.
type Mirror struct {
	store state.Store
	works sync.WaitGroup
	turns *turns

	mu       sync.Mutex
	book     *book
	gateway  watchers // of the gateway: told of every change that the book tells
	watching watchers // of the master: told of what the gateway's clients change
}

// New makes a Mirror that knows nothing yet. Closing it closes store.
func New(store state.Store, o Options) *Mirror {
	if o.Fresh == 0 {
		o.Fresh = 10 * time.Second
	}
	if o.Keep == 0 {
		o.Keep = 10 * time.Minute
	}
	return &Mirror{store: store, book: newBook(o.Fresh, o.Keep), turns: newTurns(), gateway: watchers{}, watching: watchers{}}
}

// Unwrap gives the store behind it.
func (m *Mirror) Unwrap() state.Store { return m.store }

// Mirrored reports whether the document at a key is mirrored: then the gateway's Watch tells of every change of what its
// Get answers.
func Mirrored(key string) bool {
	_, mirrored := folderOf(key)
	return mirrored
}

// folderOf gives the mirrored folder that a key or a prefix lies in.
func folderOf(key string) (string, bool) {
	for _, f := range folders {
		if strings.HasPrefix(key, f) {
			return f, true
		}
	}
	return "", false
}

// Get is state.Store's: it always asks the store.
func (m *Mirror) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	if !Mirrored(key) {
		return m.store.Get(ctx, key, ifNoneMatch)
	}
	m.mu.Lock()
	seq, began, keep := m.book.begin(), time.Now(), m.book.wanted(key, time.Now())
	m.mu.Unlock()
	o, err := m.store.Get(ctx, key, ifNoneMatch)
	switch state.CodeOf(err) {
	case "":
		m.saw(key, o.ETag, seq, began)
		if keep && o.Size <= maxKept {
			o.Body = &recording{ReadCloser: o.Body, entry: o.Entry, keep: m.keep}
		}
	case state.NotModified:
		m.saw(key, ifNoneMatch, seq, began)
	case state.NotFound:
		m.saw(key, "", seq, began)
	}
	return o, err
}

func (m *Mirror) saw(key string, etag state.ETag, seq int64, began time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.book.saw(key, etag, seq, began) {
		m.gateway.hint(key)
	}
}

func (m *Mirror) ask(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.book.ask(key, time.Now())
}

func (m *Mirror) keep(e state.Entry, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.book.keep(e, data, time.Now())
}

// Put is state.Store's.
func (m *Mirror) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	return m.put(ctx, key, body, cond, false)
}

// put is Put. A client of the gateway is one that may ask for what it wrote; and the master will read it.
func (m *Mirror) put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition, client bool) (state.ETag, error) {
	if !Mirrored(key) {
		return m.store.Put(ctx, key, body, cond)
	}
	data, body, err := m.copyOf(key, body, client)
	if err != nil {
		return "", err
	}
	if !client && strings.HasPrefix(key, state.KindManifest.Prefix()) {
		defer m.turns.begin()()
	}
	defer m.writing(key)()
	began := time.Now()
	etag, err := m.store.Put(ctx, key, body, cond)
	m.wrote(key, etag, began, err)
	if err == nil && client {
		m.ask(key)
	}
	if err == nil && data != nil {
		m.keep(state.Entry{Key: key, ETag: etag, Size: int64(len(data)), ModTime: began}, data)
	}
	return etag, err
}

// copyOf gives what a Put is about to write, nil when it is not to be kept, and a body that is exactly that.
func (m *Mirror) copyOf(key string, body io.ReadSeeker, client bool) ([]byte, io.ReadSeeker, error) {
	m.mu.Lock()
	wanted := client || m.book.wanted(key, time.Now())
	m.mu.Unlock()
	if !wanted {
		return nil, body, nil
	}
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, nil, state.Errorf(state.Internal, key, "cannot read what is to be written: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(body, maxKept+1))
	if err != nil {
		return nil, nil, state.Errorf(state.Internal, key, "cannot read what is to be written: %w", err)
	}
	if len(data) <= maxKept {
		return data, bytes.NewReader(data), nil
	}
	if _, err := body.Seek(start, io.SeekStart); err != nil {
		return nil, nil, state.Errorf(state.Internal, key, "cannot read what is to be written: %w", err)
	}
	return nil, body, nil
}

// writing says that a write of the document is under way, until done.
func (m *Mirror) writing(key string) (done func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.book.beginWrite(key)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.book.endWrite(key)
		m.gateway.hint(key) // who was told to ask the store meanwhile may look again
	}
}

// wrote takes in how a write ended; an empty etag means that the document is gone.
func (m *Mirror) wrote(key string, etag state.ETag, began time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.book.wrote(key, etag, began, err == nil)
}

// Delete is state.Store's.
func (m *Mirror) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	if !Mirrored(key) {
		return m.store.Delete(ctx, key, ifMatch)
	}
	defer m.writing(key)()
	began := time.Now()
	err := m.store.Delete(ctx, key, ifMatch)
	m.wrote(key, "", began, err)
	return err
}

// List is state.Store's. Entries are taken in as they come; that a document is gone, once the listing came to its end.
func (m *Mirror) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		m.mu.Lock()
		seq, began := m.book.begin(), time.Now()
		m.mu.Unlock()
		for e, err := range m.store.List(ctx, prefix) {
			if err == nil && Mirrored(e.Key) {
				m.saw(e.Key, e.ETag, seq, began)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, gone := range m.book.listed(prefix, seq, began) {
			m.gateway.hint(gone)
		}
	}
}

// Close is state.Store's.
func (m *Mirror) Close() error {
	m.mu.Lock()
	m.gateway.close()
	m.watching.close()
	m.mu.Unlock()
	err := m.store.Close()
	m.works.Wait()
	return err
}

// recording is the body of a document that is kept once it was read to its end.
type recording struct {
	io.ReadCloser
	entry state.Entry
	data  []byte
	keep  func(e state.Entry, data []byte)
}

func (r *recording) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.keep == nil {
		return n, err
	}
	r.data = append(r.data, p[:n]...)
	switch over := int64(len(r.data)) > r.entry.Size; {
	case over || err != nil && err != io.EOF:
		r.keep, r.data = nil, nil
	case err == io.EOF:
		if int64(len(r.data)) == r.entry.Size {
			r.keep(r.entry, r.data)
		}
		r.keep = nil
	}
	return n, err
}
