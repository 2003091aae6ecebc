package state

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Opener opens a store from its URL.
type Opener func(ctx context.Context, u *url.URL) (Store, error)

var openers sync.Map // scheme → Opener; filled by the init functions of the store packages, as database/sql has it

// Register makes Open understand URLs of a scheme. Store packages call it from init; a program links the stores that
// it imports.
func Register(scheme string, o Opener) { openers.Store(scheme, o) }

// Open opens the bucket at a URL (design section 2): file:///dir, s3://bucket?endpoint=…, gs://bucket,
// azblob://container, mem://. It does not touch the bucket; see Probe. A bad URL is code Invalid.
func Open(ctx context.Context, rawURL string) (Store, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		return nil, Errorf(Invalid, "", "state URL %q: want scheme://…, one of %s; a directory is file:///its/path", redact(rawURL), strings.Join(schemes(), ", "))
	}
	o, ok := openers.Load(u.Scheme)
	if !ok {
		return nil, Errorf(Invalid, "", "state URL %q: unknown scheme %q; this program knows %s",
			redact(rawURL), u.Scheme, strings.Join(schemes(), ", "))
	}
	return o.(Opener)(ctx, u)
}

func schemes() []string {
	var all []string
	openers.Range(func(k, _ any) bool { all = append(all, k.(string)+"://"); return true })
	slices.Sort(all)
	return all
}

// redact keeps passwords out of errors. Of a URL that cannot be read only the scheme is shown: its password cannot be found.
func redact(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return u.Redacted()
	}
	scheme, _, _ := strings.Cut(raw, ":")
	return scheme + ":…"
}

// Probe checks that a store keeps its promises on conditions: writes that must succeed, and writes that must fail.
// Some object stores ignore conditions silently, and would lose edits; such a store is code Unsupported.
// It leaves nothing behind, unless the store goes away meanwhile. A store that may not be written is code Denied. It may
// take 5 s longer than ctx.
func Probe(ctx context.Context, s Store) error {
	key := "leases/.probe-" + strings.ToLower(rand.Text())
	put := func(text string, c Condition) (ETag, error) { return s.Put(ctx, key, bytes.NewReader([]byte(text)), c) }
	first, err := put("one", Condition{IfAbsent: true})
	if err == nil || CodeOf(err) == Unavailable { // the answer may have been lost
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeCleanup)
			defer cancel()
			_ = s.Delete(ctx, key, "") // the verdict stands; at worst a small object stays
		}()
	}
	if err != nil {
		return probeFailed("create an object", err)
	}
	if _, err := put("two", Condition{IfAbsent: true}); CodeOf(err) != Exists {
		return probeIgnored("If-None-Match: * (create only if absent)", err)
	}
	second, err := put("three", Condition{IfMatch: first})
	if err != nil {
		return probeFailed("replace an object by its ETag", err)
	}
	if second == first {
		return probeIgnored("ETags (two contents have the same one)", nil)
	}
	if _, err := put("four", Condition{IfMatch: first}); CodeOf(err) != Stale {
		return probeIgnored("If-Match (replace only this revision)", err)
	}
	if o, err := s.Get(ctx, key, second); CodeOf(err) != NotModified {
		if err == nil {
			o.Body.Close()
		}
		return probeIgnored("If-None-Match on reads", err)
	}
	return nil
}

const probeCleanup = 5 * time.Second

func probeFailed(what string, err error) error {
	return &Error{Code: CodeOf(err), Message: "the store's self-test could not " + what, Err: err}
}

func probeIgnored(what string, err error) error {
	if c := CodeOf(err); c == Unavailable || c == Denied {
		return probeFailed("check "+what, err)
	}
	return &Error{Code: Unsupported, Err: err, Message: "this store ignores " + what +
		", so that edits of two writers would be lost; use another store, or --state.unsafe to run on this one with a single writer"}
}
