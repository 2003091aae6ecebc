package artifact

import (
	"errors"
	"net"
	"time"

	"stathub/state"
)

// stillSilent is an error while the source's host is left alone, since it did not answer lately.
func (c *Cache) stillSilent(src source, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.silent[src.host()]
	if !ok || !now.Before(until) || until.Sub(now) > silence { // the clock may have been set back
		delete(c.silent, src.host())
		return nil
	}
	return state.Errorf(state.Unavailable, "", "cannot fetch %s: the source did not answer %d s ago", src, int((silence - until.Sub(now)).Seconds()))
}

// note remembers whether the source's host answered in time. A refusal is an answer, and costs nobody time.
func (c *Cache) note(src source, err error, now time.Time) {
	var late net.Error
	isLate := errors.Is(err, errStalled) || errors.As(err, &late) && late.Timeout()
	c.mu.Lock()
	defer c.mu.Unlock()
	if isLate {
		c.silent[src.host()] = now.Add(silence)
	} else {
		delete(c.silent, src.host())
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
