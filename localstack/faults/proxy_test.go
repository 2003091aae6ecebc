package faults

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// server counts the requests that it has carried out, and the whole bodies that came with them.
type server struct {
	*httptest.Server
	done, whole atomic.Int64
}

const bodySize = 8000

func startServer(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err == nil && len(data) == bodySize {
			s.whole.Add(1)
		}
		s.done.Add(1)
		w.Header().Set("X-Host", r.Host)
		_, _ = w.Write(bytes.Repeat([]byte("y"), bodySize))
	}))
	t.Cleanup(s.Close)
	return s
}

func startProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	p, err := Start(target, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// outcome of a request: its status, 0 where there was no whole answer.
func request(t *testing.T, p *Proxy, limit time.Duration) (status int, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "PUT", p.URL(), bytes.NewReader(bytes.Repeat([]byte("x"), bodySize)))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil {
		return 0, err
	}
	if got := resp.Header.Get("X-Host"); resp.StatusCode == 200 && got != p.Address() {
		t.Errorf("the server saw the host %q, the client asked %q", got, p.Address())
	}
	return resp.StatusCode, nil
}

// Each fault does what it says, and is over when it is mended.
func TestFaults(t *testing.T) {
	for _, f := range All() {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			p := startProxy(t, s.URL)
			if err := p.Inflict(f); err != nil {
				t.Fatal(err)
			}
			const n = 40
			limit := 20 * time.Second
			if f == Blackhole {
				limit = 100 * time.Millisecond
			}
			statuses := map[int]int{}
			var mu sync.Mutex
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					status, _ := request(t, p, limit)
					mu.Lock()
					defer mu.Unlock()
					statuses[status]++
				})
			}
			wg.Wait()
			done := int(s.done.Load())
			wrong := false
			switch f {
			case Latency, Bandwidth, Slices:
				wrong = statuses[200] != n
			case Refused, Blackhole:
				wrong = statuses[0] != n || done != 0
			case Resets, HalfWritten:
				wrong = statuses[0] == 0 || statuses[200] == 0
			case SlowDown:
				wrong = statuses[503] == 0 || statuses[200] == 0 || done != statuses[200]
			case LostAnswers:
				wrong = statuses[0] == 0 || statuses[200] == 0 || done != n || int(s.whole.Load()) != n
			}
			if wrong {
				t.Errorf("answers %v, %d of %d requests reached the server", statuses, done, n)
			}
			if err := p.Mend(); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				if status, err := request(t, p, 20*time.Second); status != 200 {
					t.Errorf("mended, but: %d, %v", status, err)
				}
			}
		})
	}
}

// A server that is gone looks gone.
func TestServerIsGone(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s.URL)
	s.Close()
	if status, err := request(t, p, 20*time.Second); err == nil {
		t.Errorf("status %d", status)
	}
}

// An answer that goes on for long, such as a held request, comes as it is written, and Cut ends it.
func TestAnswersStreamAndCut(t *testing.T) {
	more := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("a"))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-more:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(more)
	p := startProxy(t, s.URL)
	resp, err := http.Get(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := p.Cut(); err != nil {
		t.Fatal(err)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("after the cut: %v", err)
	}
}

// breaker remembers what was done to it.
type breaker struct {
	mu  sync.Mutex
	did []Fault
}

func (b *breaker) Inflict(f Fault) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.did = append(b.did, f)
	return nil
}

func (b *breaker) Mend() error { return b.Inflict("") }
