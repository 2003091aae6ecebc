package state

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"
)

// ETag is an opaque revision of one document: the provider's ETag on an object store, a content hash elsewhere.
// It is compared for equality only. The empty ETag stands for "none".
type ETag string

// Entry is one key of a listing.
type Entry struct {
	Key     string
	ETag    ETag
	Size    int64     // bytes
	ModTime time.Time // the store's clock: show it, never decide by it (law 8)
}

// Object is an open document. The caller closes Body.
type Object struct {
	Entry
	Body io.ReadCloser
}

// Condition limits a Put. The zero Condition writes whatever is there.
type Condition struct {
	IfMatch  ETag // write only over this revision
	IfAbsent bool // write only if there is no such key
}

// Store is the bucket: the only way that master and agents share facts. It is safe for concurrent use.
// Every implementation passes state/storetest.
//
// A key is a slash-separated relative path that CheckKey accepts; others fail with code Invalid.
// A store that cannot be reached fails with code Unavailable, and never with NotFound: absence is a fact, an outage is not.
type Store interface {
	// Get opens the document at key. With ifNoneMatch equal to its current ETag it fails with code NotModified and
	// moves no body. A missing key is code NotFound. Body is one revision, whole: a concurrent Put never mixes into it.
	Get(ctx context.Context, key string, ifNoneMatch ETag) (*Object, error)

	// Put writes the document at key, all or nothing, durably, and returns its new ETag.
	// A failed IfMatch, a missing key included, is code Stale. A failed IfAbsent is code Exists.
	// body is read from its current position to the end; Put may seek back to that position to try again.
	// Code Unavailable leaves open whether the document was written: the answer may have been lost.
	Put(ctx context.Context, key string, body io.ReadSeeker, cond Condition) (ETag, error)

	// Delete removes the document at key. With ifMatch not empty it removes that revision only, else code Stale.
	// A missing key is code NotFound.
	Delete(ctx context.Context, key string, ifMatch ETag) error

	// List gives every key that starts with prefix, in byte order, with its ETag. The sequence ends at the first error.
	// A document that is written meanwhile appears in its old or its new revision.
	List(ctx context.Context, prefix string) iter.Seq2[Entry, error]

	// Watch gives a channel that receives a value some time after something under prefix may have changed, from now on.
	// It is a hint: values are merged, and a store may send too many or none at all; the truth is List and Get.
	// The channel is closed after ctx ends.
	Watch(ctx context.Context, prefix string) <-chan struct{}

	// Close lets go of connections and goroutines. Calls in flight may fail.
	Close() error
}

// MaxDocument is the size in bytes past which a document is refused unread.
const MaxDocument = 8 << 20

const maxKey = 900 // bytes; S3 allows 1,024, and prefixes of the bucket URL count into that

// CheckKey says what is wrong with key, code Invalid. Keys are relative slash paths in UTF-8 without empty, "." and ".."
// segments, control characters and backslashes, so that they mean the same in a directory and in an object store.
func CheckKey(key string) error {
	bad := func(why string) error { return Errorf(Invalid, "", "key %q: %s", key, why) }
	switch {
	case key == "":
		return bad("must not be empty")
	case len(key) > maxKey:
		return bad("is longer than 900 bytes")
	case !utf8.ValidString(key):
		return bad("is not UTF-8")
	case strings.ContainsFunc(key, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }):
		return bad(`must not contain control characters or "\"`)
	}
	for seg := range strings.SplitSeq(key, "/") {
		if seg == "" || seg == "." || seg == ".." {
			return bad(`must not have empty, "." or ".." segments`)
		}
		if len(seg) > 255 {
			return bad("has a segment longer than 255 bytes")
		}
	}
	return nil
}

// Read gets a whole document of at most limit bytes; a larger one is code TooLarge, its Entry still given.
func Read(ctx context.Context, s Store, key string, ifNoneMatch ETag, limit int64) ([]byte, Entry, error) {
	o, err := s.Get(ctx, key, ifNoneMatch)
	if err != nil {
		return nil, Entry{}, err
	}
	defer o.Body.Close()
	tooLarge := func() error {
		return Errorf(TooLarge, key, "the document is larger than %d bytes", limit)
	}
	if o.Size > limit {
		return nil, o.Entry, tooLarge()
	}
	data, err := io.ReadAll(io.LimitReader(o.Body, min(limit, math.MaxInt64-1)+1))
	switch {
	case err != nil && CodeOf(err) == Internal:
		return nil, o.Entry, Errorf(Unavailable, key, "cannot read the document: %w", err)
	case err != nil:
		return nil, o.Entry, err
	case int64(len(data)) > limit:
		return nil, o.Entry, tooLarge()
	case int64(len(data)) < o.Size:
		return nil, o.Entry, Errorf(Unavailable, key, "the document was cut off after %d of %d bytes", len(data), o.Size)
	}
	return data, o.Entry, nil
}

// Write puts a whole document from memory.
func Write(ctx context.Context, s Store, key string, data []byte, cond Condition) (ETag, error) {
	return s.Put(ctx, key, bytes.NewReader(data), cond)
}

// ErrNoChange makes Update stop without writing.
var ErrNoChange = errors.New("no change")

// Update is read, decide, write until no other writer comes between (law 2). edit gets the present bytes, nil when the
// key is missing, and returns the new ones; it may run several times. With ErrNoChange nothing is written and what was
// read is returned, nil and no ETag for a missing key; any other error of edit is returned as it is. Code Unavailable
// leaves open whether the edit was written: whoever calls again lets edit look at what is there. More than MaxDocument
// bytes are code TooLarge and not written: nobody could read them.
func Update(ctx context.Context, s Store, key string, edit func(old []byte) ([]byte, error)) ([]byte, ETag, error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		old, entry, err := Read(ctx, s, key, "", MaxDocument)
		cond := Condition{IfMatch: entry.ETag}
		switch CodeOf(err) {
		case codeUnstated:
			if cond.IfMatch == "" {
				return nil, "", Errorf(Internal, key, "the store gave no ETag: writing without one would lose other writers' edits")
			}
		case NotFound:
			old, cond = nil, Condition{IfAbsent: true}
		default:
			return nil, "", err
		}
		data, err := edit(old)
		if errors.Is(err, ErrNoChange) {
			return old, entry.ETag, nil
		} else if err != nil {
			return nil, "", err
		}
		if len(data) > MaxDocument {
			return nil, "", Errorf(TooLarge, key, "the document would be larger than %d bytes", MaxDocument)
		}
		etag, err := Write(ctx, s, key, data, cond)
		if code := CodeOf(err); code != Stale && code != Exists {
			return data, etag, err
		}
		select {
		case <-ctx.Done():
			return nil, "", Errorf(Unavailable, key, "cannot write: other writers kept winning: %w", context.Cause(ctx))
		case <-time.After(rand.N(wait)):
		}
	}
}
