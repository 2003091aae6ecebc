package mirror

import "stathub/state"

// Revision gives the bytes of one revision of a document, if they are kept: whom a listing told of it need not ask the
// bucket for them. Nobody may change them.
func (m *Mirror) Revision(key string, etag state.ETag) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.book.docs[key]
	if d == nil || d.data == nil || d.etag != etag {
		return nil, false
	}
	return d.data, true
}
