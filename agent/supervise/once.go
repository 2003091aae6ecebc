package supervise

import (
	"log/slog"

	"stathub/state"
)

// once logs each distinct trouble (state.Trouble) of a thing once, until the thing works again. One goroutine uses it.
type once struct {
	log  *slog.Logger
	last map[string]string
}

// warn is true if it logged.
func (o *once) warn(thing, text string, err error) bool {
	if !o.note(thing, err) {
		return false
	}
	o.log.Warn(text, "error", err)
	return true
}

// note is warn without the log.
func (o *once) note(thing string, err error) bool {
	if o.last == nil {
		o.last = map[string]string{}
	}
	trouble := state.Trouble(err)
	if o.last[thing] == trouble {
		return false
	}
	o.last[thing] = trouble
	return true
}

func (o *once) failing(thing string) bool {
	_, failing := o.last[thing]
	return failing
}

// clear is true if the thing was failing.
func (o *once) clear(thing string) bool {
	failing := o.failing(thing)
	delete(o.last, thing)
	return failing
}
