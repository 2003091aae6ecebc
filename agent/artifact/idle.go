package artifact

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"stathub/state"
)

// idle ends a context when hardly anything came for a while. One goroutine tells it of progress.
type idle struct {
	timer  *time.Timer
	limit  time.Duration
	got    int // bytes since the timer was set
	cancel context.CancelCauseFunc
}

var errStalled = errors.New("the source sent too little for too long")

func watchIdle(ctx context.Context, limit time.Duration) (context.Context, *idle) {
	ctx, cancel := context.WithCancelCause(ctx)
	i := &idle{limit: limit, cancel: cancel}
	i.timer = time.AfterFunc(limit, func() { cancel(fmt.Errorf("%w (%v)", errStalled, limit)) })
	return ctx, i
}

// allow sets the limit from now on.
func (i *idle) allow(limit time.Duration) {
	if i.timer.Stop() && limit != i.limit {
		i.timer = time.AfterFunc(limit, func() { i.cancel(fmt.Errorf("%w (%v)", errStalled, limit)) })
		i.limit = limit
	} else {
		i.timer.Reset(i.limit)
	}
}

// minChunk is the least that has to come within the limit: a source that drips would hold up a restart for good.
const minChunk = 16 << 10 // bytes

func (i *idle) progress(n int) {
	if i.got += n; i.got >= minChunk {
		i.got = 0
		i.timer.Reset(i.limit)
	}
}

func (i *idle) stop() {
	i.timer.Stop()
	i.cancel(nil)
}

// explainStall says that the source stalled, where a read error says only that its context ended.
func explainStall(ctx context.Context, src source, err error) error {
	cause := context.Cause(ctx)
	if err == nil || !errors.Is(cause, errStalled) || strings.Contains(err.Error(), errStalled.Error()) {
		return err
	}
	return state.Errorf(state.Unavailable, "", "cannot fetch %s: %w", src, cause)
}
