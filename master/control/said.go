package control

import (
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"

	"stathub/state"
)

// said logs what lasts once, not at every look.
type said struct {
	log *slog.Logger
	mu  sync.Mutex
	now map[string]string // by subject: what was said of it last
}

// warn logs a warning unless the last one on this subject said the same (of errors: was of the same state.Trouble).
func (s *said) warn(subject, message string, attrs ...any) {
	if s.differs(subject, message, attrs...) {
		s.log.Warn(message, attrs...)
	}
}

// differs begins or goes on with a subject without logging, and reports whether this was not what was said of it last.
func (s *said) differs(subject, message string, attrs ...any) bool {
	text := message
	for _, attr := range attrs {
		if err, ok := attr.(error); ok {
			attr = state.Trouble(err)
		}
		text += fmt.Sprintln(attr)
	}
	s.mu.Lock()
	old := s.now[subject]
	s.now[subject] = text
	s.mu.Unlock()
	return old != text
}

// clear ends a subject, and reports whether there was something to end.
func (s *said) clear(subject string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, was := s.now[subject]
	delete(s.now, subject)
	return was
}

// retain ends the subjects that start with prefix and whose rest keep does not want.
func (s *said) retain(prefix string, keep func(rest string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.now, func(subject, _ string) bool {
		rest, ours := strings.CutPrefix(subject, prefix)
		return ours && !keep(rest)
	})
}

// first begins a subject without saying anything, and reports whether it is new.
func (s *said) first(subject string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, was := s.now[subject]
	s.now[subject] = ""
	return !was
}
