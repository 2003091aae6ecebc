package state

// Hinting reports whether the Watch of a store, or of one that it wraps, tells of every change at this moment, so that looking
// for changes can be left to a slower safety net. One that says nothing is polled.
func Hinting(s Store) bool {
	h, ok := As[interface{ Hinting() bool }](s)
	return ok && h.Hinting()
}
