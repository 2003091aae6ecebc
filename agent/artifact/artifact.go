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
	MaxCache    int64         // bytes of contents that Retain leaves; 0: only those that are needed
	IdleTimeout time.Duration // a source that sends less than 16 KiB in so long is given up; 0: 30 s
	Transport   http.RoundTripper

	// OpenBucket opens the bucket of an s3://, gs:// or azblob:// URI, as state.Open does; the Cache closes it. nil: such
	// URIs are not served.
	OpenBucket func(ctx context.Context, bucketURL string) (state.Store, error)
}

// unpackers is how many archives are unpacked at a time: each may take maxWindow of memory, and a hundred instances that
// start together have one each.
const unpackers = 2

const (
	defaultMaxBytes    = 4 << 30
	defaultIdleTimeout = 30 * time.Second
)

// Cache is the artifact cache of one agent. It is safe for concurrent use; only one process may use its directory.
//
//	content/<sha256>      the contents
//	answers/<hash>.json   per URI: which content the source gave last, and its validators
//	placed/<hash>.json    per working directory: which content was placed under which name
//	partial/<hash>.part   downloads under way, and what came of one that was cut off: <hash>.json says how much of it counts
//	tmp/                  small files being written
//
// The time stamp of a content is that of its last use.
type Cache struct {
	dir    string
	bucket state.Store
	opts   Options
	client *http.Client
	create func(path string) (*os.File, error) // a download's file; a test makes it fail
	unpack chan struct{}                       // holds one for each archive that is being unpacked

	mu      sync.Mutex
	flights map[string]*flight
	places  map[string]*placeLock
	latest  map[string]string      // by URI: the content that its source named last
	rests   map[string]rest        // by host or URI: which sources are left alone for now
	buckets map[string]state.Store // by URL: opened for URIs that name a bucket of their own
	wanted  []string               // URIs of the last Retain
	counted bool                   // there was one
}

// flight is one download, and those who wait for it.
type flight struct {
	done   chan struct{}
	meter  meter
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
	c := &Cache{
		dir: dir, bucket: bucket, opts: opts, client: newClient(opts), create: createPart,
		unpack:  make(chan struct{}, unpackers),
		flights: map[string]*flight{}, places: map[string]*placeLock{}, latest: map[string]string{},
		rests: map[string]rest{}, buckets: map[string]state.Store{},
	}
	// What a killed agent left half done is of no use to anybody.
	if err := os.RemoveAll(c.path("tmp")); err != nil {
		return nil, state.Errorf(state.Internal, "", "cannot clean the artifact cache: %w", err)
	}
	if err := c.makeDirs(); err != nil {
		return nil, state.Errorf(state.Internal, "", "cannot open the artifact cache: %w", err)
	}
	c.sweepPartials(time.Now())
	return c, nil
}

// Close lets go of connections. No other call may be under way or follow.
func (c *Cache) Close() error {
	c.client.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closeBuckets(func(string) bool { return false })
}

func (c *Cache) makeDirs() error {
	for _, sub := range []string{"content", "answers", "placed", "partial", "tmp"} {
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
// uri share one download, which Progress shows. URIs: http, https, file, bucket:artifacts/…, and s3, gs and azblob with
// the bucket's options as a query (state.Open); "#sha256=<hex>" at the end demands that content, and then the cache alone
// is enough. A download over HTTP that was cut off goes on where it ended, at once or with a later Fetch, where the source
// has ranges and a strong validator (RFC 9110, section 14); those of the other schemes start over.
//
// Whatever goes wrong with the source, a copy in the cache is used and File says why: absence is not an instruction
// (law 1), so that holds for 404, 410 and 403 too, and when ctx's deadline passes. While there is a copy a source has 5 s to
// answer, and one that did not is left alone for 30 s; an archive that is bad does not take the place of a good one.
// Without a copy the error names the URI, the status and
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
		if f.err == nil && !f.file.FromCache {
			c.latest[src.uri] = f.file.ETag
		}
		c.mu.Unlock()
		close(f.done)
	}()
	f.file, f.err = c.fetch(ctx, src, &f.meter)
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

func (c *Cache) fetch(ctx context.Context, src source, m *meter) (File, error) {
	if src.sum != "" {
		if file, ok := c.held(src, answer{SHA256: src.sum, Size: -1}); ok {
			return file, nil
		}
	}
	known, have := c.recall(src)
	if !have {
		known = answer{}
	} else if err := c.resting(src, time.Now()); err != nil {
		return c.copyOr(ctx, src, err)
	}
	got, err := c.download(ctx, src, known, m)
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

// held gives the content of an answer if the cache has it whole, and notes that it is used.
func (c *Cache) held(src source, a answer) (File, bool) {
	path := c.path("content", a.SHA256)
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() || a.Size >= 0 && st.Size() != a.Size {
		return File{}, false
	}
	if now := time.Now(); now.Sub(st.ModTime()).Abs() > useStep {
		_ = os.Chtimes(path, now, now) // it only orders what is dropped first
	}
	return File{URI: src.uri, ETag: a.SHA256, Path: path}, true
}

// Latest gives the revision that the source of uri named last, since the Cache was opened; "" when it has named none.
func (c *Cache) Latest(uri string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest[uri]
}

// Pinned reports whether uri demands one content ("#sha256="): there is nothing to ask its source for once it is there.
func Pinned(uri string) bool {
	src, err := parseURI(uri)
	return err == nil && src.sum != ""
}
