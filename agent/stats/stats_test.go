package stats

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/series"
)

func measured(context.Context, time.Time) (state.Usage, error) {
	return state.Usage{CPU: 1.5, Memory: state.MemoryUsage{Used: 1 << 30}}, nil
}

// values counts the points of the processors' chart that have one.
func values(t *testing.T, k *Keeper, text string) int {
	t.Helper()
	w, err := series.ParseWindow(text, "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.Chart("cpu", w, &state.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(state.EncodeLine(&c)), ",1.5]")
}

func TestOverRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usage.series")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := Options{Path: path, Measure: measured, Log: slog.New(slog.NewTextHandler(&log, nil))}
		for round := 1; round <= 2; round++ {
			k := New(o)
			ctx, cancel := context.WithCancel(t.Context())
			var done sync.WaitGroup
			done.Go(func() { k.Run(ctx) })
			time.Sleep(10 * time.Minute) // of the bubble's clock
			synctest.Wait()
			if k.Usage() == nil || k.Usage().CPU != 1.5 {
				t.Errorf("the last measurement is %+v", k.Usage())
			}
			if got, want := values(t, k, "1h"), 60*round-2; got < want-2 || got > want+2 {
				t.Errorf("round %d: %d points in an hour, want %d", round, got, want)
			}
			cancel()
			done.Wait()
		}
		if got := values(t, New(o), "24h"); got < 4 {
			t.Errorf("after a restart there are %d points in a day", got)
		}
		if log.Len() > 0 {
			t.Errorf("it logs %s", log.String())
		}
	})
}

func TestBrokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usage.series")
	for name, content := range map[string]string{"rubbish": "rubbish", "huge": strings.Repeat("x", maxFile+1), "empty": ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		k := New(Options{Path: path, Measure: measured, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if !strings.Contains(log.String(), "begin anew") {
			t.Errorf("%s: it logs %q", name, log.String())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		k.Run(ctx)
		log.Reset()
		if New(k.opts); log.Len() > 0 {
			t.Errorf("%s: it was not replaced: %s", name, log.String())
		}
	}
}
