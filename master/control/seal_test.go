package control

import (
	"slices"
	"strings"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/signature"
)

const sigKey = "manifests/ship-1.json.minisig"

// inSignedWorld has a master that signs, and a detached node with an app.
func inSignedWorld(t *testing.T, test func(t *testing.T, w *world)) {
	signer, err := signature.LoadSigner("../../state/signature/testdata/plain.key", "")
	if err != nil {
		t.Fatal(err)
	}
	inWorld(t, func(t *testing.T, w *world) {
		w.halt()
		w.signs = signer
		w.startMaster()
		w.put("nodes/ship-1.json", `{"detached": true}`)
		w.deploy("web", 1)
		w.wait(5 * time.Second)
		w.wantPlaced("web", 1)
		test(t, w)
	})
}

// signed says whether the manifest has the signature that it needs.
func (w *world) signed() error {
	return w.signs.Trust().Verify("manifests/ship-1.json", []byte(w.get("manifests/ship-1.json")), []byte(w.get(sigKey)))
}

func (w *world) wantSigned() {
	w.t.Helper()
	if err := w.signed(); err != nil {
		w.t.Fatal(err)
	}
}

func TestManifestsAreSigned(t *testing.T) {
	inSignedWorld(t, func(t *testing.T, w *world) {
		w.wantSigned()
		before := w.store.Counts()
		w.wait(time.Minute)
		for op, n := range w.store.Counts() {
			if n -= before[op]; n > 0 && op != "list" {
				t.Errorf("signatures cost %d × %s in a minute in which nothing happened", n, op)
			}
		}
		for name, lose := range map[string]func(){
			"deleted": func() {
				if err := w.store.Delete(t.Context(), sigKey, ""); err != nil {
					t.Fatal(err)
				}
			},
			"damaged": func() { w.put(sigKey, "nonsense") },
			"another": func() { w.put(sigKey, string(w.signs.Sign([]byte("something else")))) },
			"huge":    func() { w.put(sigKey, strings.Repeat("x", signature.MaxSize+1)) },
		} {
			lose()
			w.wait(5 * time.Second)
			if err := w.signed(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.c.Scale(t.Context(), "web", 3); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		w.wantPlaced("web", 3)
		w.wantSigned()
		entries, _, err := w.c.ListBucket(t.Context(), "manifests/", "", 10)
		if err != nil || len(entries) != 2 || entries[1].Err != nil {
			t.Errorf("the bucket lists %+v, %v", entries, err)
		}
		if err := w.c.ForgetNode(t.Context(), "ship-1"); err != nil || w.get(sigKey) != "" {
			t.Errorf("after the node is forgotten (%v) there is %s", err, w.get(sigKey))
		}
	})
}

// handEntry is the manifest with an app of a person's in it.
func handEntry(text string) string {
	return strings.Replace(text, `"apps": [`, `"apps": [{"app": {"name": "mine", "toProcess": "run"}},`, 1)
}

func TestHandEditNeedsASignature(t *testing.T) {
	inSignedWorld(t, func(t *testing.T, w *world) {
		edited := handEntry(w.get("manifests/ship-1.json"))
		w.put("manifests/ship-1.json", edited)
		w.wait(4 * time.Second)
		if doc := w.c.Manifest("ship-1"); doc.Err != nil {
			t.Errorf("whoever edits has no time to sign: %v", doc.Err)
		}
		w.wait(6 * time.Second)
		doc := w.c.Manifest("ship-1")
		if state.CodeOf(doc.Err) != state.Denied || doc.Value.Entry("mine") != nil || doc.Value.Entry("web") == nil {
			t.Fatalf("an edit that is not signed is taken for %+v", doc)
		}
		if _, err := w.c.Scale(t.Context(), "web", 2); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		if got := w.get("manifests/ship-1.json"); got != edited {
			t.Errorf("the edit is overwritten while somebody may be signing it: %s", got)
		}
		w.put(sigKey, string(w.signs.Sign([]byte(edited))))
		w.wait(5 * time.Second)
		doc = w.c.Manifest("ship-1")
		if doc.Err != nil || doc.Value.Entry("mine") == nil || doc.Value.Entry("web").Count != 2 {
			t.Errorf("after it is signed it is %+v", doc)
		}
		w.wantSigned()
	})
}

// Who edits through the master need not sign: the master does.
func TestEditsThroughTheMasterAreSigned(t *testing.T) {
	inSignedWorld(t, func(t *testing.T, w *world) {
		edited := handEntry(w.get("manifests/ship-1.json"))
		if _, err := w.c.PutRaw(t.Context(), "manifests/ship-1.json", strings.NewReader(edited), state.Condition{}); err != nil {
			t.Fatal(err)
		}
		w.wantSigned()
		if doc := w.c.Manifest("ship-1"); doc.Err != nil || doc.Value.Entry("mine") == nil {
			t.Errorf("it is %+v", doc)
		}
		before := w.manifests()["ship-1"].Generation
		if _, _, err := w.c.PutManifest(t.Context(), "ship-1", state.Condition{}, func(old *state.Manifest) (*state.Manifest, error) {
			next := *old
			next.Paused = true
			return &next, nil
		}); err != nil {
			t.Fatal(err)
		}
		w.wantSigned()
		if after := w.manifests()["ship-1"].Generation; after != before+1 {
			t.Errorf("the edit is of generation %d after %d: the one before it could be played back", after, before)
		}
	})
}

func TestMastersWithOneKeyAgree(t *testing.T) {
	inSignedWorld(t, func(t *testing.T, w *world) {
		first := w.halt
		w.startMaster()
		second := w.halt
		w.halt = func() { first(); second() }
		w.wait(5 * time.Second)
		before := w.store.Counts()["put"]
		w.wait(time.Minute)
		if n := w.store.Counts()["put"] - before; n > 0 {
			t.Errorf("%d writes without a cause", n)
		}
		for scale := range 4 {
			if _, err := w.c.Scale(t.Context(), "web", scale+2); err != nil {
				t.Fatal(err)
			}
			w.wait(5 * time.Second)
			w.wantSigned()
			w.wantPlaced("web", scale+2)
		}
	})
}

// A signature that could not be written follows.
func TestSignatureFollows(t *testing.T) {
	inSignedWorld(t, func(t *testing.T, w *world) {
		w.store.Fail(func(op, key string) error {
			if op == "put" && key == sigKey {
				return state.Errorf(state.Unavailable, key, "away")
			}
			return nil
		})
		if _, err := w.c.Scale(t.Context(), "web", 2); err != nil {
			t.Fatal(err)
		}
		w.wait(10 * time.Second)
		if w.signed() == nil {
			t.Fatal("the signature was written")
		}
		if doc := w.c.Manifest("ship-1"); doc.Err != nil {
			t.Errorf("the master does not know its own manifest: %v", doc.Err)
		}
		w.store.Fail(nil)
		w.wait(5 * time.Second)
		w.wantSigned()
	})
}

// An edit that nobody signs is kept for people to look at, and replaced by what the master last believed.
func TestUnsignedEditIsReplaced(t *testing.T) {
	inSignedWorld(t, func(t *testing.T, w *world) {
		edited := handEntry(w.get("manifests/ship-1.json"))
		w.put("manifests/ship-1.json", edited)
		w.wait(2 * time.Minute)
		if kept := w.kept("ship-1"); len(kept) != 1 || w.get(kept[0]) != edited {
			t.Errorf("kept: %v", kept)
		}
		if m := w.manifests()["ship-1"]; m.Entry("mine") != nil || m.Entry("web") == nil {
			t.Errorf("the manifest is %s", state.Encode(m))
		}
		w.wantSigned()
	})
}

// A manifest that was signed long ago still fits its signature. Nobody may bring it back, with what a person had in it then.
func TestOldSignedManifestIsNotBelieved(t *testing.T) {
	inSignedWorld(t, func(t *testing.T, w *world) {
		old := handEntry(w.get("manifests/ship-1.json"))
		oldSig := string(w.signs.Sign([]byte(old)))
		w.put("manifests/ship-1.json", old)
		w.put(sigKey, oldSig)
		w.wait(5 * time.Second)
		for _, scale := range []int{2, 3} {
			if _, err := w.c.Scale(t.Context(), "web", scale); err != nil {
				t.Fatal(err)
			}
			w.wait(5 * time.Second)
		}
		if _, _, err := w.c.PutManifest(t.Context(), "ship-1", state.Condition{}, func(old *state.Manifest) (*state.Manifest, error) {
			next := *old
			next.Apps = slices.DeleteFunc(slices.Clone(old.Apps), func(e state.ManifestEntry) bool { return e.App.Name == "mine" })
			return &next, nil
		}); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		good := w.manifests()["ship-1"]
		if good.Entry("mine") != nil || good.Entry("web").Count != 3 {
			t.Fatalf("the manifest is %s", state.Encode(good))
		}
		w.put("manifests/ship-1.json", old)
		w.put(sigKey, oldSig)
		w.wait(10 * time.Second)
		if doc := w.c.Manifest("ship-1"); state.CodeOf(doc.Err) != state.Stale || doc.Value.Entry("mine") != nil {
			t.Errorf("it is taken for %+v", doc)
		}
		w.wait(2 * time.Minute)
		if m := w.manifests()["ship-1"]; m.Entry("mine") != nil || m.Entry("web").Count != 3 || m.Generation <= good.Generation {
			t.Errorf("the manifest is %s", state.Encode(m))
		}
		w.wantSigned()
	})
}
