package artifact

import "sync/atomic"

// Progress is how far a download is.
type Progress struct {
	Done  int64 // bytes that lie in the cache, those of an earlier try included
	Total int64 // bytes; 0: the source did not say
}

// meter counts the bytes of one download. The zero value is one that has not begun.
type meter struct{ done, total atomic.Int64 }

// Progress tells of the download of uri; false when none is under way, or nothing came yet.
func (c *Cache) Progress(uri string) (Progress, bool) {
	c.mu.Lock()
	f := c.flights[uri]
	c.mu.Unlock()
	if f == nil {
		return Progress{}, false
	}
	p := Progress{Done: f.meter.done.Load(), Total: max(0, f.meter.total.Load())}
	return p, p.Done > 0 || p.Total > 0
}
