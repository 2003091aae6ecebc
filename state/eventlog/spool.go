package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
)

// spool is the file that holds the queue: a line for each event, and a line {"sent": ID} whenever all up to that ID are
// in the bucket. Lines are only ever appended, until the file is written anew without what nobody needs.
type spool struct {
	dir    string
	write  func(path string, data []byte) error
	size   int64 // of the file as this process knows it
	broken bool  // it is to be written anew
	spooled
}

// spooled says how far the file goes.
type spooled struct {
	id    string // of its last event
	acked string // of its last mark
}

const (
	spoolFile  = "spool.jsonl"
	spoolMax   = 3 * maxBytes          // past that the file is written anew
	spoolRead  = 2 * spoolMax          // more than that is not ours
	spoolWait  = 50 * time.Millisecond // events that come together are written together
	spoolAgain = 30 * time.Second      // after a failure
)

// spoolLine is what is to be known of a line.
type spoolLine struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Sent  string `json:"sent"`
	Count int    `json:"count"`
}

func readLine(line []byte) (l spoolLine, ok bool) {
	if json.Unmarshal(line, &l) != nil {
		return spoolLine{}, false
	}
	_, event := parseULID(l.ID)
	_, mark := parseULID(l.Sent)
	return l, event && l.Kind != "" || mark
}

// replay makes the queue from the bytes of a spool. Lines that cannot be read, as after a crash of the machine, are left
// out. whole says that there were none.
func replay(data []byte) (q queue, whole bool) {
	for line := range bytes.Lines(data) {
		if !bytes.HasPrefix(line, sentPrefix()) {
			continue
		}
		if l, ok := readLine(line); ok {
			q.acked = max(q.acked, l.Sent)
		}
	}
	whole = true
	last := ""
	for line := range bytes.Lines(data) {
		l, ok := readLine(line)
		if !ok || line[len(line)-1] != '\n' || l.Sent == "" && l.ID <= last {
			whole = false
		} else if l.Sent == "" {
			last = l.ID
			q.push(l.ID, bytes.Clone(line))
			if l.Kind == Lost {
				q.entries[len(q.entries)-1].lost = max(1, l.Count)
			}
			q.acknowledge(q.acked)
		}
	}
	return q, whole
}

// load takes over what an earlier process left.
func (l *Log) load() {
	var q queue
	whole := true
	data, err := l.spool.read()
	if err == nil {
		q, whole = replay(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		whole = false
		l.opts.Log.Warn("cannot read the events that an earlier process kept; starting without them", "error", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded, l.queue = true, q
	l.spool.size, l.spool.broken, l.spool.spooled = int64(len(data)), !whole, q.spooled()
	l.ids, _ = parseULID(max(l.spool.id, q.acked))
	l.absorb()
	if l.queue.unsent() > 0 && l.first.IsZero() {
		l.first, l.last = time.Now(), time.Now()
		signal(l.added)
	}
	signal(l.unspooled)
}

func (s *spool) path() string { return filepath.Join(s.dir, spoolFile) }

func (s *spool) read() ([]byte, error) {
	if s.dir == "" {
		return nil, fs.ErrNotExist
	}
	f, err := os.Open(s.path())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, spoolRead+1))
	if err == nil && len(data) > spoolRead {
		return nil, fmt.Errorf("%s is larger than %d bytes", s.path(), spoolRead)
	}
	return data, err
}

// keepSpooled writes what is new to the disk, until ctx ends.
func (l *Log) keepSpooled(ctx context.Context) {
	failing := ""
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-l.unspooled:
			if !pause(ctx, spoolWait) {
				return
			}
		}
		again = nil
		err := l.save()
		if err != nil {
			again = time.After(spoolAgain)
			if failing != err.Error() {
				failing = err.Error()
				l.opts.Log.Warn("cannot keep events on disk; they are kept in memory", "error", err)
			}
		} else if failing != "" {
			failing = ""
			l.opts.Log.Info("events are kept on disk again")
		}
	}
}

// save brings the file up to date with the queue. Only one goroutine at a time may call it.
func (l *Log) save() error {
	s := &l.spool
	if s.dir == "" {
		return nil
	}
	if lines, to, ok := l.news(); ok {
		if len(lines) == 0 {
			return nil
		}
		done, err := s.append(lines)
		if done {
			s.spooled = to
		}
		if done || err != nil {
			return err
		}
	}
	lines, to := l.everything()
	if err := s.replace(lines); err != nil {
		s.broken = true
		return err
	}
	s.spooled, s.broken = to, false
	return nil
}

// news gives the lines that the file lacks, and how far they go. It is false when it is to be written anew.
func (l *Log) news() (lines []byte, to spooled, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.absorb()
	s := &l.spool
	to = l.queue.spooled()
	lines = join(l.queue.after(s.id))
	if to.acked != s.acked {
		lines = append(lines, sentLine(to.acked)...)
	}
	return lines, to, !s.broken && !l.queue.dropped && s.size+int64(len(lines)) <= spoolMax
}

// everything gives the lines of a new file.
func (l *Log) everything() ([]byte, spooled) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.dropped = false
	return append(sentLine(l.queue.acked), join(l.queue.entries)...), l.queue.spooled()
}

func (q *queue) spooled() spooled {
	to := spooled{acked: q.acked}
	if n := len(q.entries); n > 0 {
		to.id = q.entries[n-1].id
	}
	return to
}

func sentLine(acked string) []byte {
	if acked == "" {
		return nil
	}
	return []byte(`{"sent":"` + acked + "\"}\n")
}

func sentPrefix() []byte { return []byte(`{"sent":`) }

// append adds lines to the file. It is false when the file is not the one that this process knows: somebody wiped the disk.
func (s *spool) append(lines []byte) (bool, error) {
	f, err := os.OpenFile(s.path(), os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.Size() != s.size {
		return false, err
	}
	if _, err := f.Write(lines); err != nil {
		if f.Truncate(s.size) != nil { // half a line would spoil the next one
			s.broken = true
		}
		return false, err
	}
	s.size += int64(len(lines))
	return true, nil
}

// replace writes the file anew: after a crash of the machine it has the old or the new content.
func (s *spool) replace(data []byte) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if err := s.write(s.path(), data); err != nil {
		return err
	}
	s.size = int64(len(data))
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
