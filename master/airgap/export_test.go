package airgap

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/signature"
)

func TestExport(t *testing.T) {
	w := newWorld(t)
	w.signer = w.key("plain.key")
	w.put("artifacts/tools/with space.sh", "echo hello")
	w.allowed = []string{t.TempDir()}
	local := filepath.Join(w.allowed[0], "local.txt")
	if err := os.WriteFile(local, []byte("local"), 0o600); err != nil {
		t.Fatal(err)
	}
	program := w.serve("/a/program.tar.gz", "program 1")
	w.manifest("ship-1", 7, program, "bucket:artifacts/tools/with%20space.sh", "file://"+filepath.ToSlash(local))
	w.manifest("shore", 3)

	done := w.export("ship-1")
	if done != (Exported{Manifests: 1, Artifacts: 3, Written: 7}) {
		t.Errorf("it did %+v", done)
	}
	w.wantWhole("ship-1")
	m := w.exported("ship-1")
	e := m.Entry("web")
	if m.Generation != 7 || m.Term != 1 || e.Pinned() {
		t.Errorf("the manifest is %+v", m)
	}
	sum := sumOf([]byte("program 1"))
	want := []string{
		"bucket:artifacts/" + sum[:16] + "/program.tar.gz#sha256=" + sum,
		"bucket:artifacts/tools/with%20space.sh#sha256=" + sumOf([]byte("echo hello")),
	}
	if !slices.Equal(e.App.URIs[:2], want) {
		t.Errorf("its artifacts are %v", e.App.URIs)
	}
	for _, key := range []string{"manifests/ship-1.json", "SHA256SUMS"} {
		if err := w.signer.Trust().Verify(key, []byte(w.file(key)), []byte(w.file(signature.Key(key)))); err != nil {
			t.Error(err)
		}
	}
	if w.file("manifests/shore.json") != "" {
		t.Error("another node is exported")
	}
	checkSums(t, w, 5)

	before := w.contents()
	if done := w.export("ship-1"); done.Written != 0 || len(w.told) != 0 {
		t.Errorf("the same export again did %+v: %q", done, w.told)
	}
	if after := w.contents(); !maps.Equal(before, after) {
		t.Errorf("the same export again changed files")
	}
}

// checkSums has the known tool check the list, where there is one.
func checkSums(t *testing.T, w *world, lines int) {
	t.Helper()
	if n := strings.Count(w.file("SHA256SUMS"), "\n"); n != lines {
		t.Errorf("%d sums, want %d:\n%s", n, lines, w.file("SHA256SUMS"))
	}
	tool, err := exec.LookPath("sha256sum")
	if err != nil {
		return
	}
	cmd := exec.Command(tool, "--strict", "--quiet", "-c", "SHA256SUMS")
	cmd.Dir = w.folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
}

// An artifact that changes at its source is a new one; the old one goes once no manifest names it.
func TestExportFollowsChanges(t *testing.T) {
	w := newWorld(t)
	program := w.serve("/program", "1")
	w.put("artifacts/tool", "1")
	w.write("artifacts/mine", "somebody else's")
	w.manifest("a", 1, program, "bucket:artifacts/tool")
	w.manifest("b", 1, program)
	w.export("")
	first := w.exported("a").Entry("web").App.URIs

	w.serve("/program", "2")
	w.put("artifacts/tool", "2")
	w.export("a")
	w.wantWhole("a")
	w.wantWhole("b") // which still needs the first program
	second := w.exported("a").Entry("web").App.URIs
	if first[0] == second[0] || first[1] == second[1] {
		t.Errorf("first %v, then %v", first, second)
	}
	if w.file("artifacts/tool") != "" {
		t.Error("the old tool is still there")
	}
	checkSums(t, w, 5)
	if done := w.export("a"); done.Written != 0 || !slices.Equal(w.exported("a").Entry("web").App.URIs, second) {
		t.Errorf("the same export again did %+v: %v", done, w.told)
	}
	w.export("")
	checkSums(t, w, 2+2)
	if w.file("artifacts/mine") == "" {
		t.Error("a file of somebody else's is removed")
	}
}

// Whatever stops an export, the manifests of the one before it still have all that they name.
func TestExportThatFails(t *testing.T) {
	for name, fail := range map[string]func(w *world){
		"source gone":          func(w *world) { delete(w.files, "/second") },
		"bucket artifact gone": func(w *world) { _ = w.bucket.Delete(w.t.Context(), "artifacts/tool", "") },
		"wrong digest": func(w *world) {
			w.manifest("a", 2, w.serve("/program", "2"), w.server.URL+"/second#sha256="+strings.Repeat("0", 64))
		},
		"bad URI":             func(w *world) { w.manifest("a", 2, w.serve("/program", "2"), "ftp://x/y") },
		"unreadable manifest": func(w *world) { w.put("manifests/a.json", "{") },
		"link in its place": func(w *world) {
			outside := filepath.Join(w.t.TempDir(), "x")
			key := filepath.Join(w.folder, "artifacts", sumOf([]byte("2"))[:16])
			if os.Symlink(outside, key) != nil {
				w.t.Skip("no links here")
			}
			w.manifest("a", 2, w.serve("/program", "2"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put("artifacts/tool", "1")
			w.manifest("a", 1, w.serve("/program", "1"), w.serve("/second", "1"), "bucket:artifacts/tool")
			w.export("")
			before := w.file("manifests/a.json")
			w.serve("/program", "2")
			fail(w)
			if _, err := w.tryExport(""); err == nil {
				t.Fatal("it did not fail")
			}
			if w.file("manifests/a.json") != before {
				t.Error("the manifest was changed")
			}
			w.wantWhole("a")
			checkSums(t, w, strings.Count(w.file("SHA256SUMS"), "\n"))
		})
	}
}

func TestExportOfPinnedArtifactsAsksNobody(t *testing.T) {
	w := newWorld(t)
	w.manifest("a", 1, w.serve("/program", "1")+"#sha256="+sumOf([]byte("1")))
	w.export("")
	w.server.Close()
	if done := w.export(""); done.Written != 0 {
		t.Errorf("it did %+v", done)
	}
}

func TestExportMendsTheFolder(t *testing.T) {
	w := newWorld(t)
	w.manifest("a", 1, w.serve("/program", "1"))
	w.export("")
	key := own("program", sumOf([]byte("1")))
	w.write(key, "damaged")
	w.write("manifests/a.json", "damaged")
	w.export("")
	w.wantWhole("a")
}

// Edits by hand stay what they are, and so do signatures that fit.
func TestExportKeepsHands(t *testing.T) {
	w := newWorld(t)
	w.put("manifests/a.json", `{"node": "a", "apps": [{"app": {"name": "mine", "toProcess": "run"}},
		{"app": {"name": "was", "toProcess": "edited"}, "owner": "master", "sum": "0123456789abcdef"}]}`)
	sig := string(w.key("plain.key").Sign([]byte(w.get("manifests/a.json"))))
	w.put("manifests/a.json.minisig", sig)
	w.export("")
	if w.file("manifests/a.json") != w.get("manifests/a.json") || w.file("manifests/a.json.minisig") != sig {
		t.Error("a manifest without artifacts is not exported as it is")
	}
	text := strings.Replace(w.get("manifests/a.json"), `"edited"`, `"edited", "uris": ["`+w.serve("/x", "x")+`"]`, 1)
	w.put("manifests/a.json", text)
	w.export("")
	m := w.exported("a")
	if !m.Entry("mine").Pinned() || m.Entry("mine").Owner != "" || !m.Entry("was").Pinned() {
		t.Errorf("it is %+v", m)
	}
	if w.file("manifests/a.json.minisig") != "" || !slices.ContainsFunc(w.told, func(s string) bool { return strings.Contains(s, "--sign.key") }) {
		t.Errorf("a signature stays that does not fit; told %q", w.told)
	}
}

func TestExportIntoNoFolder(t *testing.T) {
	w := newWorld(t)
	w.folder = filepath.Join(t.TempDir(), "not mounted")
	if _, err := w.tryExport(""); state.CodeOf(err) != state.Invalid || !strings.Contains(err.Error(), "is it mounted?") {
		t.Errorf("got %v", err)
	}
}

func TestChoose(t *testing.T) {
	w := newWorld(t)
	for id, tag := range map[string]string{"a": "ship", "b": "ship", "c": "shore"} {
		w.put("nodes/"+id+".json", `{"tags": ["`+tag+`"], "state": "down"}`)
		w.manifest(id, 1)
	}
	w.put("nodes/d.json", `{"tags": ["ship", "new"]}`)
	for _, tt := range []struct{ nodes, want string }{
		{"", "a b c"}, {"b", "b"}, {"b, a,b", "a b"}, {"tags:ship", "a b"}, {"tags:ship AND NOT id:a", "b"}, {"*", "a b c"},
		{"z", `"z" has no manifest; nodes that have one: a, b, c`}, {"tags:new", "no node that matches"}, {"tags:(", "cannot search for"},
	} {
		got, err := Choose(t.Context(), w.bucket, tt.nodes)
		if text := strings.Join(got, " "); text != tt.want && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q: %q, %v", tt.nodes, text, err)
		}
	}
}

func TestSign(t *testing.T) {
	w := newWorld(t)
	w.manifest("a", 1)
	w.manifest("b", 1)
	o := SignOptions{Bucket: w.bucket, Nodes: []string{"a", "b"}, Signer: w.key("plain.key"), Tell: w.tell}
	for _, want := range []int{2, 0} {
		if n, err := Sign(t.Context(), o); n != want || err != nil {
			t.Fatalf("signed %d, %v", n, err)
		}
	}
	if err := o.Signer.Trust().Verify("manifests/b.json", []byte(w.get("manifests/b.json")), []byte(w.get("manifests/b.json.minisig"))); err != nil {
		t.Error(err)
	}
	w.put("manifests/b.json", `{"apps": []}`)
	if n, err := Sign(t.Context(), o); n != 0 || state.CodeOf(err) != state.Denied {
		t.Errorf("a manifest of no node: %d, %v", n, err)
	}
}

// Whoever can write a manifest must not carry off what only the operator can read.
func TestExportTakesNoFileThatIsNotAllowed(t *testing.T) {
	w := newWorld(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("of the operator's"), 0o600); err != nil {
		t.Fatal(err)
	}
	allowed := t.TempDir()
	link := filepath.Join(allowed, "link")
	if err := os.Symlink(secret, link); err != nil {
		t.Skip(err)
	}
	for _, folders := range [][]string{nil, {allowed}, {filepath.Dir(secret) + "-beside", filepath.Join(secret, "below")}} {
		w.allowed = folders
		for _, path := range []string{secret, link, allowed + "/../" + filepath.Base(filepath.Dir(secret)) + "/secret"} {
			w.manifest("ship-1", 1, "file://"+filepath.ToSlash(path))
			if _, err := w.tryExport("ship-1"); err == nil {
				t.Errorf("%s is exported, with %v allowed", path, folders)
			}
			if all := w.contents(); len(all) > 0 {
				t.Fatalf("the folder has %v", all)
			}
		}
	}
	w.allowed = []string{filepath.Dir(secret)}
	w.manifest("ship-1", 1, "file://"+filepath.ToSlash(secret))
	if done := w.export("ship-1"); done.Artifacts != 1 {
		t.Errorf("it did %+v", done)
	}
}

func FuzzParseSource(f *testing.F) {
	for _, uri := range []string{"http://h/a", "bucket:artifacts/x#sha256=", "bucket:artifacts/%2e%2e/x", "s3://b/k?region=x", "file:///a/..", "http://h/%2f", "x"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		src, err := parseSource(uri)
		if err != nil {
			return
		}
		if err := state.CheckKey(own(src.name, strings.Repeat("0", 64))); err != nil {
			t.Errorf("%q: %v", uri, err)
		}
	})
}

func FuzzParseSums(f *testing.F) {
	f.Add([]byte(strings.Repeat("0", 64) + "  a/b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sums := parseSums(data)
		if again := parseSums(writeSums(sums)); !maps.Equal(sums, again) {
			t.Errorf("%q became %q", sums, again)
		}
	})
}
