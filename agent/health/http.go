package health

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	userAgent = "stathub-agent-health"
	maxBody   = 64 << 10
)

// http asks once. It goes to the transport itself: a client would look into redirects, which are answers here.
func (c *Checker) http(ctx context.Context, p Probe, timeout time.Duration) Outcome {
	target, err := p.parseURL()
	if err != nil {
		return Outcome{Message: shorten(err.Error(), maxMessage)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return Outcome{Message: shorten(err.Error(), maxMessage)}
	}
	req.Header.Set("User-Agent", userAgent)
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return Outcome{Message: explain(ctx, err, "no answer", timeout)}
	}
	defer resp.Body.Close()
	out := Outcome{Code: resp.StatusCode, Message: shorten(resp.Status, maxMessage)}
	body, err := readBody(resp.Body)
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 399:
		if body != "" && !strings.HasPrefix(body, "<") { // a page for browsers says nothing in its first line
			out.Message += ": " + body
		}
	case err != nil:
		out.Message += ": " + explain(ctx, fmt.Errorf("the answer broke off: %w", err), "the answer was not complete", timeout)
	default:
		out.OK = true
	}
	return out
}

// readBody reads as much of a body as is taken, and gives the first line or so.
func readBody(r io.Reader) (string, error) {
	var head strings.Builder
	_, err := io.CopyN(&head, r, 4*maxMessage)
	if err == io.EOF {
		err = nil
	} else if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(r, maxBody-4*maxMessage))
	}
	return shorten(strings.Join(strings.Fields(head.String()), " "), maxMessage), err
}
