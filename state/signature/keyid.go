package signature

import "aead.dev/minisign"

// KeyID gives the id of the key that a signature says it was made with, as minisign shows it; "" for what is no signature.
// It proves nothing: see Trust.Verify.
func KeyID(sig []byte) string {
	var s minisign.Signature
	if s.UnmarshalText(sig) != nil {
		return ""
	}
	return id(s.KeyID)
}
