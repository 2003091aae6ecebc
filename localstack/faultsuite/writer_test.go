package faultsuite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"stathub/state"
)

// callTimeout is how long a writer waits for an answer.
const callTimeout = 3 * time.Second

// writer is one of those who edit at the same time.
type writer struct {
	name      string
	masters   []string    // their URLs, through proxies
	bucket    state.Store // through faults
	registers []*register
	solo      string // the app that this writer alone scales
	journal   *journal
	random    *rand.Rand
	client    *http.Client
	edits     int
}

// write edits until the journal has so many acknowledged edits, or ctx ends. Its error is of an answer that no fault
// explains.
func (w *writer) write(ctx context.Context, enough int64) error {
	for ctx.Err() == nil && w.journal.acknowledged.Load() < enough {
		var err error
		if w.random.IntN(20) == 0 {
			err = w.scale(ctx)
		} else {
			err = w.edit(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("writer %s: %w", w.name, err)
		}
	}
	return nil
}

// edit edits one register, by the API or in the bucket.
func (w *writer) edit(ctx context.Context) error {
	r := w.registers[w.random.IntN(len(w.registers))]
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	w.edits++
	e := &edit{token: fmt.Sprintf("%s-%d", w.name, w.edits), register: r}
	if i := w.random.IntN(len(r.ways) + 1); i < len(r.ways) {
		e.way = w.masters[w.random.IntN(len(w.masters))] + r.ways[i].path
		return w.byAPI(ctx, r.ways[i], e)
	}
	e.way = "the bucket"
	return w.byBucket(ctx, e)
}

func (w *writer) byAPI(ctx context.Context, via way, e *edit) error {
	status, etag, data, err := w.call(ctx, "GET", e.way, "", nil)
	if err != nil || status == http.StatusServiceUnavailable {
		w.pause(ctx)
		return nil // nothing was edited
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: %d %s", e.way, status, data)
	}
	next, err := e.from(data, via.read, via.edit)
	if err != nil {
		return err
	}
	w.journal.begin(e)
	status, _, data, err = w.call(ctx, "PUT", e.way, etag, next)
	switch {
	case err != nil || status == http.StatusServiceUnavailable:
	case status == http.StatusPreconditionFailed:
		w.journal.end(e, refused)
	case status == http.StatusOK:
		w.journal.end(e, acknowledged)
	default:
		return fmt.Errorf("PUT %s: %d %s", e.way, status, data)
	}
	return nil
}

func (w *writer) byBucket(ctx context.Context, e *edit) error {
	data, entry, err := state.Read(ctx, w.bucket, e.register.key, "", state.MaxDocument)
	if state.CodeOf(err) == state.Unavailable {
		w.pause(ctx)
		return nil
	} else if err != nil {
		return err
	}
	next, err := e.from(data, e.register.read, e.register.edit)
	if err != nil {
		return err
	}
	w.journal.begin(e)
	_, err = state.Write(ctx, w.bucket, e.register.key, next, state.Condition{IfMatch: entry.ETag})
	switch state.CodeOf(err) {
	case "":
		w.journal.end(e, acknowledged)
	case state.Stale:
		w.journal.end(e, refused)
	case state.Unavailable:
	default:
		return err
	}
	return nil
}

// pause lets others go on where there is nobody to write to.
func (w *writer) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(w.random.IntN(20)) * time.Millisecond):
	}
}

// from gives the document that the edit makes of another one.
func (e *edit) from(data []byte, read func([]byte) (string, error), edit func([]byte, string) ([]byte, error)) (next []byte, err error) {
	if e.before, err = read(data); err != nil {
		return nil, err
	}
	return edit(data, e.token)
}

// scale edits without a condition: the master itself reads, decides and writes.
func (w *writer) scale(ctx context.Context) error {
	w.edits++
	url := w.masters[w.random.IntN(len(w.masters))] + "/v1/app/" + w.solo + "/_scale"
	status, _, data, err := w.call(ctx, "POST", url, "", []byte(strconv.Itoa(w.edits)))
	switch {
	case err != nil || status == http.StatusServiceUnavailable:
		w.journal.scaled(w.solo, w.edits, unknown)
	case status == http.StatusOK:
		w.journal.scaled(w.solo, w.edits, acknowledged)
	default:
		return fmt.Errorf("POST %s: %d %s", url, status, data)
	}
	return nil
}

// call makes a request. An answer that does not come whole is an error.
func (w *writer) call(ctx context.Context, method, url, etag string, body []byte) (status int, tag string, data []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	if etag != "" {
		req.Header.Set("If-Match", etag)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	data, err = io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", nil, errors.Join(errors.New("the answer was cut"), err)
	}
	return resp.StatusCode, resp.Header.Get("ETag"), data, nil
}
