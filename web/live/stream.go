package live

import (
	"fmt"
	"net/http"
	"time"

	"stathub/state"
	"stathub/web/rest"
)

const (
	pause     = 300 * time.Millisecond // between two messages of a stream
	alive     = 15 * time.Second       // between two signs of life
	sendLimit = 10 * time.Second       // for one message to leave
	maxTopics = 20
)

// Stream serves /live?on=<topic>&on=…: server-sent events, one "changed" each time that one of the topics does, and a
// comment now and then. Streams end when stop is closed.
func (h *Hub) Stream(stop <-chan struct{}) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		topics := r.URL.Query()["on"]
		if len(topics) == 0 || len(topics) > maxTopics {
			return state.Errorf(state.Invalid, "", "?on= must name 1 to %d topics, such as nodes", maxTopics)
		}
		l := h.Listen(topics)
		defer l.Close()
		rest.LiftDeadlines(w)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Accel-Buffering", "no") // nginx would keep messages back
		send := sender(w)
		for ok := send(": connected\n\n"); ok; {
			select {
			case <-l.C():
				if ok = send("event: changed\ndata:\n\n"); ok {
					ok = rested(r, stop)
				}
			case <-time.After(alive):
				ok = send(": alive\n\n")
			case <-stop:
				return nil
			case <-r.Context().Done():
				return nil
			}
		}
		return nil
	}
}

// rested waits between two messages. It is false when the stream is to end.
func rested(r *http.Request, stop <-chan struct{}) bool {
	select {
	case <-time.After(pause):
		return true
	case <-stop:
	case <-r.Context().Done():
	}
	return false
}

// sender gives what sends a message, and says whether it left.
func sender(w http.ResponseWriter) func(string) bool {
	control := http.NewResponseController(w)
	return func(message string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(sendLimit)) // a writer without deadlines has none to set
		_, err := fmt.Fprint(w, message)
		return err == nil && control.Flush() == nil
	}
}
