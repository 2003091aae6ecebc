package artifact

import (
	"context"
	"errors"
	"net"
	"time"

	"stathub/state"
)

const (
	// answerTimeout is how long a source may take to answer while there is a copy to go on with: without a network
	// nothing must wait long for each source.
	answerTimeout = 5 * time.Second
	// silence is how long a source that did not answer in time is not asked again while there is a copy.
	silence = 30 * time.Second
	// badArchive is how long a source that gave a bad archive is not asked again: it would be fetched whole each time.
	badArchive = 5 * time.Minute
)

// rest is why and until when a source is left alone while there is a copy.
type rest struct {
	since, until time.Time
	why          string
}

// resting is an error while the source is left alone.
func (c *Cache) resting(src source, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range [...]string{src.host(), src.uri} {
		r, ok := c.rests[key]
		switch {
		case !ok:
		case now.Before(r.until) && !now.Before(r.since): // the clock may have been set back
			return state.Errorf(state.Unavailable, "", "cannot fetch %s: %s, %d s ago", src, r.why, int(now.Sub(r.since).Seconds()))
		default:
			delete(c.rests, key)
		}
	}
	return nil
}

// answered remembers whether the source's host answered in time. A refusal is an answer, and costs nobody time.
func (c *Cache) answered(src source, err error, now time.Time) {
	var late net.Error
	isLate := errors.Is(err, errStalled) || errors.As(err, &late) && late.Timeout()
	c.mu.Lock()
	defer c.mu.Unlock()
	if isLate {
		c.rests[src.host()] = rest{now, now.Add(silence), "the source did not answer"}
	} else {
		delete(c.rests, src.host())
	}
}

// host gives what answers, or does not, for this source and others alike.
func (s source) host() string {
	switch {
	case s.url == nil:
		return "bucket:"
	case s.store != "":
		return s.store
	default:
		return s.url.Scheme + "://" + s.url.Host
	}
}

// prove looks through an archive that is to follow one that is there: a bad one must not cost the instances that run with
// the good one. Without one before it Place says what is wrong with it.
func (t *transfer) prove(ctx context.Context) error {
	kind := formatOf(t.src.name)
	if kind == nil || t.known.SHA256 == "" || t.known.SHA256 == t.sum() {
		return nil
	}
	if _, err := t.file.Seek(0, 0); err != nil {
		return nil // Place meets it too
	}
	a, err := kind.open(ctx, t.file, t.part.Bytes, defaultLimits)
	if err == nil {
		err = a.walk(newChecker(defaultLimits, t.part.Bytes).entry)
	}
	if state.CodeOf(err) != state.Invalid {
		return nil // whatever it is, it is not the archive's fault
	}
	now := time.Now()
	t.mu.Lock()
	t.rests[t.src.uri] = rest{now, now.Add(badArchive), err.Error()}
	t.mu.Unlock()
	return state.Errorf(state.Invalid, "", "cannot use %s: %w", t.src, err)
}
