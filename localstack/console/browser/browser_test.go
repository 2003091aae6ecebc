package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"stathub/localstack/harness"
)

var chromium Browser

func TestMain(m *testing.M) { harness.Main(m, chromium.Close) }

func serve(t *testing.T, head, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" && r.URL.Path != "/favicon.ico" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self' 'nonce-good'; connect-src *; img-src * data:")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>t</title><link rel="icon" href="data:,">%s</head><body><main><h1>Test</h1>%s</main></body></html>`, head, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// What a clean page must not do is seen, each of it.
func TestComplaints(t *testing.T) {
	for name, tt := range map[string]struct{ body, want string }{
		"an error in the console":          {`<script nonce="good">console.error("bad", {a: 1})</script>`, "console: bad"},
		"a warning":                        {`<script nonce="good">console.warn("odd")</script>`, "console: odd"},
		"an exception":                     {`<script nonce="good">null.x</script>`, "exception: "},
		"a rejected promise":               {`<script nonce="good">Promise.reject(new Error("lost"))</script>`, "lost"},
		"an inline script":                 {`<script>document.title = "ran"</script>`, "script-src"},
		"an inline style":                  {`<p style="color: red">x</p>`, "style-src"},
		"something that is missing":        {`<img src="/none.png" alt="">`, "404"},
		"a request to another host":        {`<img src="http://localhost:1/none.png" alt="">`, "request to another host: http://localhost:1/none.png"},
		"a request that fails":             {`<script nonce="good">fetch("http://127.0.0.1:1/").catch(() => {})</script>`, "ERR_"},
		"a dialog of the browser":          {`<script nonce="good">setTimeout(() => alert("stop"))</script>`, "dialog of the browser: stop"},
		"a handler in an attribute":        {`<img src="data:," alt="" onerror="document.title = 'ran'">`, "script-src"},
		"something that is to be expected": {`<script nonce="good">console.error("expected")</script>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := chromium.Page(t, serve(t, "", tt.body), View{})
			p.Allow("expected")
			p.Open("/")
			if tt.want == "" {
				if c := p.Complaints(); len(c) > 0 {
					t.Errorf("complaints %q", c)
				}
				return
			}
			p.until("a complaint of "+tt.want, func() error {
				if !slices.ContainsFunc(p.Complaints(), func(c string) bool { return strings.Contains(c, tt.want) }) {
					return fmt.Errorf("complaints %q", p.Complaints())
				}
				return nil
			})
			p.mu.Lock()
			p.complaints = nil // they are what was wanted
			p.mu.Unlock()
			p.Allow("")
		})
	}
}

// A page is found and used as a person does: what is hidden, covered or disabled cannot be clicked.
func TestActions(t *testing.T) {
	p := chromium.Page(t, serve(t, "", `
<p id="said"></p><div hidden><button>Go</button></div>
<button class="go" id="far">Go on</button> <button class="go" disabled>Stop</button>
<label>Name <input id="name" value="old"></label>
<label><input type="checkbox" id="yes"> Yes</label>
<select id="pick" aria-label="Pick"><option>a</option><option>b</option></select>
<script nonce="good">
const said = document.getElementById("said")
document.querySelector("#far").onclick = () => said.textContent += "clicked "
document.querySelector("#name").oninput = e => said.textContent += e.target.value + " "
document.querySelector("#yes").onchange = e => said.textContent += e.target.checked + " "
document.querySelector("#pick").onchange = e => said.textContent += e.target.value + " "
document.onkeydown = e => { if (e.key === "?") said.textContent += "help " }
setTimeout(() => { document.querySelector("[disabled]").disabled = false; document.querySelector(".go:last-of-type").onclick = () => said.textContent += "stopped " }, 300)
</script>`), View{Lang: "zh-CN", Width: 380, Height: 600})
	p.Open("/")
	p.Click("button", "Go")
	p.Fill("#name", "新 name")
	p.Choose("#yes", "true")
	p.Choose("#pick", "b")
	p.Click("button", "Stop")
	Eval[bool](p, `document.activeElement.blur() || true`)
	p.Press("?")
	p.See("#said", "clicked 新 name true b stopped help")
	if width := Eval[int](p, `innerWidth`); width != 380 {
		t.Errorf("the page is %d wide", width)
	}
	if sum := Eval[int](p, `Promise.resolve($0 + $1)`, 1, 2); sum != 3 {
		t.Errorf("1 + 2 = %d", sum)
	}
}

func TestAxe(t *testing.T) {
	p := chromium.Page(t, serve(t, "", `<input id="nameless">`), View{})
	p.Open("/")
	found := p.Axe("../testdata/axe.min.js")
	if len(found) != 1 || found[0].ID != "label" || !strings.Contains(found[0].String(), "#nameless") {
		t.Errorf("axe-core finds %v", found)
	}
}

func TestNoBrowser(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if path, err := Path(); err == nil || !strings.Contains(err.Error(), "apt-get install chromium") {
		t.Errorf("Path gives %q, %v", path, err)
	}
}
