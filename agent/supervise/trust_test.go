package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
	"stathub/state/signature"
)

// signer makes a key.
func signer(t *testing.T) *signature.Signer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.key")
	if _, err := signature.Generate(path); err != nil {
		t.Fatal(err)
	}
	s, err := signature.LoadSigner(path, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signed puts a manifest with its signature.
func (n *node) signed(s *signature.Signer, text string) {
	n.t.Helper()
	put(n.t, n, text)
	n.put("manifests/n.json.minisig", string(s.Sign([]byte(text))))
	time.Sleep(2 * signatureRetry)
	synctest.Wait()
}

func running(term, generation, count int) string {
	return fmt.Sprintf(`{"node":"n","term":%d,"generation":%d,"apps":[{"app":{"name":"a","toProcess":"run"},"count":%d}]}`, term, generation, count)
}

const nothing = `{"node":"n","term":9,"generation":9,"apps":[]}`

// Law 1 for those who trust few: what is not signed by them stops nothing, and says why.
func TestOnlySignedManifestsAreFollowed(t *testing.T) {
	mine, strangers := signer(t), signer(t)
	good := running(5, 7, 1)
	for _, tt := range []struct {
		name string
		harm func(n *node)
		want string
	}{
		{"unsigned", func(n *node) { _ = n.store.Delete(n.t.Context(), "manifests/n.json.minisig", ""); n.manifest(nothing) }, "it is not signed"},
		{"an old signature", func(n *node) { n.manifest(nothing) }, "does not fit its signature"},
		{"tampered", func(n *node) { n.manifest(strings.Replace(good, "run", "rum", 1)) }, "does not fit its signature"},
		{"half written", func(n *node) { n.manifest(good[:40]) }, "does not fit its signature"},
		{"a stranger's", func(n *node) { n.signed(strangers, nothing) }, "which is not trusted"},
		{"another node's", func(n *node) { n.signed(mine, strings.Replace(nothing, `"n"`, `"m"`, 1)) }, `for the node "m"`},
		{"any node's", func(n *node) { n.signed(mine, strings.Replace(nothing, `"node":"n",`, "", 1)) }, `for the node ""`},
		{"a replayed generation", func(n *node) { n.signed(mine, running(5, 6, 0)) }, "plays an old manifest back"},
		{"a replayed term", func(n *node) { n.signed(mine, running(4, 99, 0)) }, "an old master wrote it"},
		{"a replayed one without a term", func(n *node) { n.signed(mine, running(0, 99, 0)) }, "plays an old manifest back"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.opts.Trust = mine.Trust()
				n.start()
				defer func() { n.stop() }()
				n.signed(mine, good)
				before := n.wantRunning("n/a.0")
				if m := n.stored().Manifest; m.SignedBy != mine.ID() || m.Term != 5 || m.Generation != 7 || m.Error != "" {
					t.Errorf("reported %+v", m)
				}
				tt.harm(n)
				time.Sleep(signaturePatience + 4*time.Second)
				n.settle()
				if got := n.stored().Manifest; !strings.Contains(got.Error, tt.want) || got.Generation != 7 || got.SignedBy != mine.ID() {
					t.Errorf("reported %+v, want %q", got, tt.want)
				}
				time.Sleep(10 * time.Minute)
				if after := n.wantRunning("n/a.0"); after["n/a.0"] != before["n/a.0"] {
					t.Error("the instance was restarted")
				}
				if got := strings.Count(kindsOf(n.told()), "manifest.rejected"); got != 1 {
					t.Errorf("told %d times", got)
				}
				n.signed(mine, running(5, 8, 2))
				n.wantRunning("n/a.0", "n/a.1")
				if got := n.stored().Manifest.Error; got != "" {
					t.Errorf("still told: %s", got)
				}
			})
		})
	}
}

func TestSignatureComesLater(t *testing.T) {
	mine := signer(t)
	for _, late := range []time.Duration{0, 500 * time.Millisecond, 3 * time.Second, 10 * time.Minute} {
		t.Run(late.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.opts.Trust = mine.Trust()
				n.start()
				defer func() { n.stop() }()
				n.signed(mine, running(1, 1, 1))
				text := running(1, 2, 2)
				put(t, n, text)
				before := n.store.Counts()["get"]
				time.Sleep(late)
				if gets := n.store.Counts()["get"] - before; gets > int(late/time.Second)+20 {
					t.Errorf("%d gets in %v while there is no signature", gets, late)
				}
				n.wantRunning("n/a.0")
				n.put("manifests/n.json.minisig", string(mine.Sign([]byte(text))))
				time.Sleep(3 * signatureRetry)
				n.settle()
				n.wantRunning("n/a.0", "n/a.1")
				if told := strings.Contains(kindsOf(n.told()), "manifest.rejected"); told != (late > signaturePatience) {
					t.Errorf("told of a missing signature: %t", told)
				}
			})
		})
	}
}

// A key is changed for another one without a moment in which nothing is trusted.
func TestKeysAreRotated(t *testing.T) {
	old, next := signer(t), signer(t)
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.opts.Trust = old.Trust()
		n.start()
		n.signed(old, running(1, 1, 1))
		n.stop()
		n.opts.Trust = old.Trust().With(next.Trust())
		n.start()
		n.signed(next, running(1, 2, 2))
		before := n.wantRunning("n/a.0", "n/a.1")
		if got := n.stored().Manifest.SignedBy; got != next.ID() {
			t.Errorf("signed by %s", got)
		}
		n.stop()
		n.opts.Trust = next.Trust()
		n.start()
		defer func() { n.stop() }()
		time.Sleep(time.Minute)
		for id, pid := range n.wantRunning("n/a.0", "n/a.1") {
			if before[id] != pid {
				t.Errorf("%s was restarted", id)
			}
		}
		n.signed(old, running(1, 3, 0))
		time.Sleep(time.Minute)
		n.wantRunning("n/a.0", "n/a.1")
	})
}

// What was followed is remembered where the disk, the running processes, or the report tell of it.
func TestReplayAfterTheAgentForgot(t *testing.T) {
	mine := signer(t)
	wipe := func(n *node) {
		for _, name := range []string{"manifest.json", "manifest.meta.json"} {
			_ = os.Remove(filepath.Join(n.dir, name))
		}
		_ = os.RemoveAll(n.paths.runs())
	}
	for name, forget := range map[string]func(n *node){
		"a restart": func(*node) {},
		"a wiped disk": func(n *node) {
			wipe(n)
			_ = n.store.Delete(n.t.Context(), "reports/n.json", "")
		},
		"a wiped disk, and nothing runs": func(n *node) {
			wipe(n)
			n.runner = newFakeRunner(n.t)
			n.opts.Runner = n.runner
		},
		"a cache that somebody edited": func(n *node) {
			if err := os.WriteFile(n.paths.manifest(), []byte(nothing), 0o600); err != nil {
				n.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.opts.Trust = mine.Trust()
				n.start()
				n.signed(mine, running(2, 4, 1))
				n.signed(mine, running(2, 5, 2))
				n.manifest(`{"node":"n","term":2,"generation":5,"apps":[{"app":{"name":"c","toProcess":"run"}}]}`)
				n.stop()
				forget(n)
				old := running(2, 4, 1)
				put(t, n, old)
				if _, err := state.Write(t.Context(), n.store, "manifests/n.json.minisig", mine.Sign([]byte(old)), state.Condition{}); err != nil {
					t.Fatal(err)
				}
				running := n.runner.pids()
				n.start()
				defer func() { n.stop() }()
				time.Sleep(time.Minute)
				for id, pid := range running {
					if n.runner.pids()[id] != pid {
						t.Errorf("%s was stopped by an old manifest", id)
					}
				}
				if got := n.stored().Manifest.Error; !strings.Contains(got, "plays an old manifest back") {
					t.Errorf("reported %q", got)
				}
			})
		})
	}
}

// The last good manifest on disk is followed with no bucket in reach only if its signature still holds.
func TestTheCacheIsTrustedAsFarAsItIsSigned(t *testing.T) {
	mine := signer(t)
	for _, tt := range []struct {
		name    string
		harm    func(n *node)
		follows bool
	}{
		{"as it was kept", func(*node) {}, true},
		{"edited", func(n *node) { n.edit(n.paths.manifest(), "run", "rum") }, false},
		{"its signature edited", func(n *node) { n.edit(n.paths.manifestMeta(), `"signature": "`, `"signature": "x`) }, false},
		{"without a signature", func(n *node) { _ = os.Remove(n.paths.manifestMeta()) }, false},
		{"cut off between two writes", func(n *node) { n.edit(n.paths.manifestMeta(), `"signature"`, `"next"`) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.opts.Trust = mine.Trust()
				n.start()
				n.signed(mine, running(1, 1, 1))
				n.stop()
				tt.harm(n)
				n.store.Fail(func(_, key string) error { return state.Errorf(state.Unavailable, key, "no route to host") })
				n.runner = newFakeRunner(t) // after a reboot
				n.opts.Runner = n.runner
				n.start()
				defer func() { n.stop() }()
				time.Sleep(time.Minute)
				if got := len(n.runner.pids()) == 1; got != tt.follows {
					t.Errorf("follows the cache: %t\n%s", got, n.log)
				}
				n.store.Fail(nil)
				time.Sleep(time.Minute)
				n.wantRunning("n/a.0")
				data, err := os.ReadFile(n.paths.manifest())
				if err != nil || string(data) != running(1, 1, 1) {
					t.Errorf("the cache is %q, %v", data, err)
				}
			})
		})
	}
}

func (n *node) edit(path, old, text string) {
	n.t.Helper()
	data, err := os.ReadFile(path)
	if err == nil && !strings.Contains(string(data), old) {
		err = fmt.Errorf("no %s in %s", old, data)
	}
	if err == nil {
		err = os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, text)), 0o600)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func TestMarks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) mark {
			return mark{rapid.Int64Range(0, 5).Draw(t, name), rapid.Int64Range(0, 5).Draw(t, name)}
		}
		a, b, c := draw("a"), draw("b"), draw("c")
		if parseMark(a.String()) != a {
			t.Fatalf("%s is %v", a, parseMark(a.String()))
		}
		if a.before(b) && b.before(a) || a.before(b) && b.before(c) && !a.before(c) || !a.before(b) && !b.before(a) && a != b {
			t.Fatal("no order", a, b, c)
		}
		if l := later(a, b); l.before(a) || l.before(b) || l != a && l != b {
			t.Fatal("not the later one", a, b, l)
		}
	})
	for _, text := range []string{"", "1", "a.b", "1.", "1.2.3"} {
		if parseMark(text) != (mark{}) {
			t.Errorf("%q is a mark", text)
		}
	}
}
