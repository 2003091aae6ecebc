package state

// As gives the outermost of the stores that wrap each other that has the methods of T. A store that wraps another one tells
// of it by a method Unwrap.
func As[T any](s Store) (found T, ok bool) {
	for {
		if found, ok = s.(T); ok {
			return found, true
		}
		u, wraps := s.(interface{ Unwrap() Store })
		if !wraps {
			return found, false
		}
		s = u.Unwrap()
	}
}
