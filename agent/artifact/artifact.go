// Package artifact brings the files that an app names in its uris to the working directory of its instances. Fetch keeps
// every content once, under its SHA-256, in a cache that outlives the agent, so that a node starts what it ran even when
// the source is gone. Place puts files where the process finds them, whole or not at all, and unpacks archives.
package artifact

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"stathub/state"
)

// File is an artifact that lies in the cache.
type File struct {
	URI       string // as it was asked for
	ETag      string // revision: the SHA-256 of the content in hex, so that a server's new ETag for the same bytes changes nothing
	Path      string // the content in the cache; never to be written to
	FromCache bool   // the source could not be asked, or did not give the file: this is the copy of an earlier time
	Note      string // with FromCache: why, for people
}

// Options are what Open leaves at their defaults.
type Options struct {
	MaxBytes    int64         // a larger artifact is refused; 0: 4 GiB
	IdleTimeout time.Duration // a source that sends less than 16 KiB in so long is given up; 0: 30 s
	Transport   http.RoundTripper
}

const (
	defaultMaxBytes    = 4 << 30
	defaultIdleTimeout = 30 * time.Second
)

// Cache is the artifact cache of one agent. It is safe for concurrent use; only one process may use its directory.
//
//	content/<sha256>      the contents
//	answers/<hash>.json   per URI: which content the source gave last, and its validators
//	placed/<hash>.json    per working directory: which content was placed under which name
//	tmp/                  downloads under way
type Cache struct {
	dir     string
	bucket  state.Store
	opts    Options
	client  *http.Client
	newTemp func() (*os.File, error) // in tmp/; a test makes it fail

	mu      sync.Mutex
	flights map[string]*flight
	places  map[string]*placeLock
}

// flight is one download, and those who wait for it.
type flight struct {
	done   chan struct{}
	file   File
	err    error
	thrown bool // the one who led was called off: the outcome says nothing about the source
}

// Open opens the cache in dir, creating it where needed. bucket serves bucket: URIs and may be nil.
func Open(dir string, bucket state.Store) (*Cache, error) { return OpenWith(dir, bucket, Options{}) }

// OpenWith is Open with options.
func OpenWith(dir string, bucket state.Store, opts Options) (*Cache, error) {
	if opts.MaxBytes == 0 {
		opts.MaxBytes = defaultMaxBytes
	}
	if opts.IdleTimeout == 0 {
		opts.IdleTimeout = defaultIdleTimeout
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, state.Errorf(state.Internal, "", "cannot open the artifact cache: %w", err)
	}
	c := &Cache{dir: dir, bucket: bucket, opts: opts, flights: map[string]*flight{}, places: map[string]*placeLock{}}
	c.client = newClient(opts)
	c.newTemp = func() (*os.File, error) { return c.temp("get-") }
	// What a killed agent left half done is of no use to anybody.
	if err := os.RemoveAll(c.path("tmp")); err != nil {
		return nil, state.Errorf(state.Internal, "", "cannot clean the artifact cache: %w", err)
	}
	if err := c.makeDirs(); err != nil {
		return nil, state.Errorf(state.Internal, "", "cannot open the artifact cache: %w", err)
	}
	return c, nil
}

func (c *Cache) makeDirs() error {
	for _, sub := range []string{"content", "answers", "placed", "tmp"} {
		if err := os.MkdirAll(c.path(sub), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// temp makes a file in tmp/. The cache may have been wiped while it is used: it is made anew.
func (c *Cache) temp(prefix string) (*os.File, error) {
	if err := c.makeDirs(); err != nil {
		return nil, err
	}
	return os.CreateTemp(c.path("tmp"), prefix)
}

func (c *Cache) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

// Fetch asks the source of uri whether it has something newer than the cache and brings it in. Concurrent calls for one
// uri share one download. URIs: http, https, file, and bucket:artifacts/…; "#sha256=<hex>" at the end demands that
// content, and then the cache alone is enough.
//
// Whatever goes wrong with the source, a copy in the cache is used and File says why: absence is not an instruction
// (law 1), so that holds for 404, 410 and 403 too, and when ctx's deadline passes. Without a copy the error names the URI, the status and
// the cause. Codes: Invalid for a bad URI or a checksum that does not match, Unsupported for a scheme that is not served,
// NotFound, Denied, TooLarge, and Unavailable for all that may pass by itself.
func (c *Cache) Fetch(ctx context.Context, uri string) (File, error) {
	src, err := parseURI(uri)
	if err != nil {
		return File{}, err
	}
	for {
		f, leads := c.join(uri)
		if leads {
			c.lead(ctx, src, f)
			return f.file, f.err
		}
		select {
		case <-ctx.Done():
			return c.copyOr(ctx, src, state.Errorf(state.Unavailable, "", "cannot fetch %s: %w", src, context.Cause(ctx)))
		case <-f.done:
		}
		if !f.thrown {
			return f.file, f.err
		}
	}
}

func (c *Cache) lead(ctx context.Context, src source, f *flight) {
	defer func() {
		c.mu.Lock()
		delete(c.flights, src.uri)
		c.mu.Unlock()
		close(f.done)
	}()
	f.file, f.err = c.fetch(ctx, src)
	f.thrown = ctx.Err() != nil && (f.err != nil || f.file.FromCache)
}

func (c *Cache) join(uri string) (f *flight, leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[uri]; f != nil {
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	c.flights[uri] = f
	return f, true
}

func (c *Cache) fetch(ctx context.Context, src source) (File, error) {
	if src.sum != "" {
		if file, ok := c.held(src, answer{SHA256: src.sum, Size: -1}); ok {
			return file, nil
		}
	}
	known, have := c.recall(src)
	if !have {
		known = answer{}
	}
	got, err := c.download(ctx, src, known)
	if state.CodeOf(err) == state.NotModified && have {
		got, err = known, nil
	}
	if err != nil {
		return c.copyOr(ctx, src, err)
	}
	file, ok := c.held(src, got)
	if !ok {
		return File{}, state.Errorf(state.Internal, "", "cannot fetch %s: its content vanished from the cache", src)
	}
	return file, nil
}

// copyOr gives the copy in the cache and notes err as the reason, or err when there is none or the caller called it off.
func (c *Cache) copyOr(ctx context.Context, src source, err error) (File, error) {
	known, have := c.recall(src)
	if !have || errors.Is(context.Cause(ctx), context.Canceled) {
		return File{}, err
	}
	file, ok := c.held(src, known)
	if !ok {
		return File{}, err
	}
	file.FromCache, file.Note = true, err.Error()+"; the copy in the cache is used"
	return file, nil
}

// held gives the content of an answer if the cache has it whole.
func (c *Cache) held(src source, a answer) (File, bool) {
	path := c.path("content", a.SHA256)
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() || a.Size >= 0 && st.Size() != a.Size {
		return File{}, false
	}
	return File{URI: src.uri, ETag: a.SHA256, Path: path}, true
}
