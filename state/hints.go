package state

// Hinting reports whether a store's Watch tells of every change at this moment, so that looking for changes can be left to
// a slower safety net. A store that wraps another one tells of it by a method Unwrap. One that says nothing is polled.
func Hinting(s Store) bool {
	for {
		if h, ok := s.(interface{ Hinting() bool }); ok {
			return h.Hinting()
		}
		u, ok := s.(interface{ Unwrap() Store })
		if !ok {
			return false
		}
		s = u.Unwrap()
	}
}
