package httpstore

import (
	"errors"
	"io"
	"sync"
)

// source is what a Put sends. It remembers an error of the caller's reader, which is not the network's fault, and lets go
// of the reader when the Put ends: net/http may still be sending after an early answer.
type source struct {
	size int64 // bytes

	mu   sync.Mutex
	from io.Reader // nil after stop
	left int64     // of size, not yet read
	err  error
}

// newSource measures what lies between the reader's position and its end.
func newSource(from io.ReadSeeker) (*source, error) {
	start, err := from.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	end, err := from.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := from.Seek(start, io.SeekStart); err != nil {
		return nil, err
	}
	return &source{from: from, size: max(0, end-start), left: max(0, end-start)}, nil
}

var errStopped = errors.New("the request is over")

func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from == nil {
		return 0, errStopped
	}
	n, err := s.from.Read(p)
	s.left -= int64(n)
	if s.left <= 0 && err == nil { // the last bytes go only when it is sure that they are: with them the document is whole
		_, err = io.ReadFull(s.from, make([]byte, 1))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
		return 0, err
	}
	return n, err
}

// stop gives the reader's own error, if there was one.
func (s *source) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = nil
	return s.err
}
