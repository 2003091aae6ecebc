package crash

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"stathub/agent/host"
	"stathub/state"
)

// shelf is the folder of crashes: those that are not in the bucket yet lie in a folder of their own. What the disk does
// not take is kept in memory.
type shelf struct {
	dir string

	mu     sync.Mutex
	memory map[string][]byte
}

// item is one document of the shelf.
type item struct {
	name, app string
	n         int
	at        time.Time
	size      int // bytes
	sent      bool
	memory    bool
}

const (
	pendingFolder = "pending"
	maxMemory     = 16 // documents
)

func (s *shelf) path(i item) string {
	if i.sent {
		return filepath.Join(s.dir, i.name)
	}
	return filepath.Join(s.dir, pendingFolder, i.name)
}

// add keeps a document. An error is one of the disk; it is kept in memory then.
func (s *shelf) add(name string, data []byte) error {
	path := s.path(item{name: name})
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = host.ReplaceFile(path, data, false)
	}
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory == nil {
		s.memory = map[string][]byte{}
	}
	if s.memory[name] = data; len(s.memory) > maxMemory {
		byTime := slices.SortedFunc(maps.Keys(s.memory), func(a, b string) int {
			_, _, x, _ := state.ParseCrashName(a)
			_, _, y, _ := state.ParseCrashName(b)
			return x.Compare(y)
		})
		delete(s.memory, byTime[0])
	}
	return err
}

// items gives what is there, newest first.
func (s *shelf) items() []item {
	var all []item
	add := func(name string, size int64, sent, memory bool) {
		if app, n, at, ok := state.ParseCrashName(name); ok {
			all = append(all, item{name: name, app: app, n: n, at: at, size: int(size), sent: sent, memory: memory})
		}
	}
	for _, sent := range []bool{true, false} {
		// A folder that is not there, or cannot be read, holds nothing.
		files, _ := os.ReadDir(filepath.Dir(s.path(item{name: "x", sent: sent})))
		for _, f := range files {
			if st, err := f.Info(); err == nil && st.Mode().IsRegular() {
				add(f.Name(), st.Size(), sent, false)
			}
		}
	}
	s.mu.Lock()
	for name, data := range s.memory {
		add(name, int64(len(data)), false, true)
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b item) int { return cmp.Or(b.at.Compare(a.at), strings.Compare(a.name, b.name)) })
	return all
}

// read gives a document; code NotFound when there is none of that name.
func (s *shelf) read(name string) ([]byte, error) {
	if _, _, _, ok := state.ParseCrashName(name); !ok {
		return nil, state.Errorf(state.NotFound, "", "no crash is called %q", name)
	}
	s.mu.Lock()
	data := s.memory[name]
	s.mu.Unlock()
	if data != nil {
		return data, nil
	}
	for _, sent := range []bool{false, true} {
		data, err := os.ReadFile(s.path(item{name: name, sent: sent}))
		if err == nil {
			return data, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, state.Errorf(state.Unavailable, "", "cannot read the last output: %w", err)
		}
	}
	return nil, state.Errorf(state.NotFound, "", "no crash is called %q", name)
}

// sent notes that a document is in the bucket.
func (s *shelf) sent(i item) error {
	if i.memory {
		return s.remove(i)
	}
	to := i
	to.sent = true
	err := os.Rename(s.path(i), s.path(to))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody wiped the disk
	}
	return err
}

func (s *shelf) remove(i item) error {
	if i.memory {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.memory, i.name)
		return nil
	}
	err := os.Remove(s.path(i))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
