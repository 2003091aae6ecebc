package airgap

import (
	"context"

	"stathub/state"
	"stathub/state/signature"
)

// SignOptions say what is signed.
type SignOptions struct {
	Bucket state.Store // or a master's gateway to it; stays the caller's
	Nodes  []string    // Choose
	Signer *signature.Signer
	Tell   Told
}

// Sign signs the manifests of nodes as they are in the bucket, those that the key has not signed yet, and gives how many.
func Sign(ctx context.Context, o SignOptions) (signed int, err error) {
	for _, id := range o.Nodes {
		key := state.KindManifest.Key(id)
		data, _, err := read(ctx, o.Bucket, key)
		if err != nil {
			return signed, err
		}
		if _, err := state.Decode[state.Manifest](key, data); err != nil {
			return signed, err
		}
		sig := o.Signer.Sign(data)
		if err := o.Signer.Trust().Verify(key, data, sig); err != nil {
			return signed, err // it does not say whose it is
		}
		written, err := put(ctx, o.Bucket, signature.Key(key), sig)
		if err != nil {
			return signed, err
		}
		if written {
			signed++
			o.Tell("%s", signature.Key(key))
		}
	}
	return signed, nil
}
