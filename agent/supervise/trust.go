package supervise

import (
	"context"
	"strconv"
	"strings"
	"time"

	"stathub/agent/proc"
	"stathub/state"
	"stathub/state/signature"
)

// Trust says whose manifests are followed; signature.Trust has the contract.
type Trust interface {
	Verify(key string, doc, sig []byte) error
}

// FollowedEnv is the variable in which a process carries the term and generation of the manifest that its agent followed
// when it was started, so that an agent whose disk was wiped still refuses older ones.
const FollowedEnv = "STATHUB_FOLLOWED"

const (
	signatureRetry    = time.Second     // a signature is written after its manifest
	signaturePatience = 5 * time.Second // before one that does not come, or does not fit, is told
)

// doubt is about a revision whose signature does not fit.
type doubt struct {
	etag  state.ETag // of the manifest; "": there is no doubt
	since time.Time
	sig   state.ETag // of the signature; "": there is none
}

// verified checks the signature of a revision. It ends in renewed when that is sure, with the reason why it is refused
// then, in doubted when the signature may yet come, and in failed when the store does not say.
func (p *poller) verified(ctx context.Context, data []byte, etag state.ETag) (sig []byte, o outcome, err error) {
	key := signature.Key(p.key)
	sig, entry, err := state.Read(ctx, p.s.opts.Store, key, "", signature.MaxSize)
	switch code := state.CodeOf(err); code {
	case state.Unavailable, state.Denied:
		p.lost(err)
		return nil, failed, nil
	case state.NotFound:
		err = nil
	}
	if err == nil {
		err = p.s.opts.Trust.Verify(p.key, data, sig)
	}
	if err == nil {
		p.bad = doubt{}
		return sig, renewed, nil
	}
	if p.bad.etag != etag {
		p.bad = doubt{etag: etag, since: time.Now()}
	}
	p.bad.sig = entry.ETag
	if time.Since(p.bad.since) < signaturePatience {
		return nil, doubted, nil
	}
	return nil, renewed, err
}

// resigned reports whether there is another signature than the one that did not fit.
func (p *poller) resigned(ctx context.Context) bool {
	_, entry, err := state.Read(ctx, p.s.opts.Store, signature.Key(p.key), p.bad.sig, signature.MaxSize)
	return err == nil && entry.ETag != p.bad.sig
}

// signed is a manifest as it was signed.
type signed struct{ doc, sig []byte }

// recall learns from the report in the bucket what an agent whose disk was wiped does not know.
func (p *poller) recall(ctx context.Context) {
	told, ok := p.s.recall(ctx)
	if p.recalled = ok; p.s.opts.Trust != nil {
		p.last = later(p.last, told)
	}
}

// followedBy gives the latest manifest that the agents of running processes followed.
func followedBy(found []proc.Found) (last mark) {
	for _, f := range found {
		last = later(last, parseMark(f.Env[FollowedEnv]))
	}
	return last
}

// String is the form of FollowedEnv, "term.generation".
func (m mark) String() string {
	return strconv.FormatInt(m.Term, 10) + "." + strconv.FormatInt(m.Generation, 10)
}

// parseMark is String's inverse; the zero mark for anything else.
func parseMark(text string) mark {
	term, generation, _ := strings.Cut(text, ".")
	t, termErr := strconv.ParseInt(term, 10, 64)
	g, err := strconv.ParseInt(generation, 10, 64)
	if termErr != nil || err != nil || max(t, g) > state.MaxSequence { // the process may have changed it
		return mark{}
	}
	return mark{t, g}
}
