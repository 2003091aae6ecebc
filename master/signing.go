package master

import (
	"log/slog"
	"strings"

	"stathub/state"
	"stathub/state/option"
	"stathub/state/signature"
)

// Signing says how manifests are signed, and whose signatures count.
type Signing struct {
	Key      string   // file of the secret key (minisign); empty: nothing is signed
	Password string   // of that key
	Trust    []string // public keys, or files of some, whose manifests are believed besides
}

func (s *Signing) options(set *option.Set) {
	set.String(&s.Key, "sign.key", "", "file of the secret key (minisign -G) that signs the manifests; its password is in "+signature.PasswordEnv)
	set.Strings(&s.Trust, "trust.key", nil, "public keys of minisign, or files of them: with --sign.key, manifests that somebody else writes must be signed by one")
}

// load gives the keys; no signer where nothing is signed. Errors are code Invalid.
func (s *Signing) load(log *slog.Logger) (*signature.Signer, signature.Trust, error) {
	if s.Key == "" {
		if len(s.Trust) > 0 {
			return nil, signature.Trust{}, state.Errorf(state.Invalid, "--trust.key",
				"means nothing to a master without --sign.key: what it writes itself would not be believed; give --trust.key to the agents")
		}
		return nil, signature.Trust{}, nil
	}
	trust, err := signature.Parse(s.Trust...)
	if err != nil {
		return nil, trust, state.Errorf(state.Invalid, "--trust.key", "%w", err)
	}
	signer, err := signature.LoadSigner(s.Key, s.Password)
	if err != nil {
		return nil, trust, state.Errorf(state.Invalid, "--sign.key", "%w", err)
	}
	log.Info("manifests are signed; give agents the public key as --trust.key", "key", signer.ID(), "trusted", strings.Join(trust.IDs(), ","))
	return signer, trust, nil
}
