package console

import (
	"strings"
	"testing"

	"stathub/localstack/console/browser"
	"stathub/localstack/harness"
)

// The keys that every page has: / to search, g and a letter to a section, ? for the list of them.
func TestKeys(t *testing.T) {
	t.Parallel()
	w := directory(t, 1)
	p := chromium.Page(t, w.base, browser.View{})
	p.Open("/")
	p.Press("?")
	p.See("dialog[open] kbd", "g")
	p.Press("gn") // not while a dialog is open
	p.Click("dialog[open] button")
	p.Wait("the list of keys to be closed", `!document.querySelector("dialog[open]")`)
	p.Press("gn")
	p.Wait("g n to go to the nodes", `location.pathname === "/nodes" && document.readyState === "complete"`)
	p.Press("/")
	p.Wait("/ to go to the search box", `document.activeElement.matches("[data-search]")`)
	p.Press("g?/n")
	p.Wait("keys to be text inside a field", `document.activeElement.value.includes("g?/n")`)
}

// The language and the colours are the browser's until somebody chooses, and then what was chosen.
func TestLanguageAndThemeAreRemembered(t *testing.T) {
	t.Parallel()
	w := directory(t, 0)
	p := chromium.Page(t, w.base, browser.View{Lang: "zh-CN"})
	p.Open("/")
	p.See("h1", "概览")
	p.Click("[data-lang-switch]")
	p.Wait("English", `document.documentElement.lang === "en"`)
	p.Open("/nodes")
	p.See("h1", "Nodes")

	background := `getComputedStyle(document.body).backgroundColor`
	light := browser.Eval[string](p, background)
	p.Click("[data-theme-switch]")
	p.Wait("dark colours", background+" !== $0", light)
	p.WaitIdle()
	p.Open("/")
	p.Wait("dark colours on another page", background+" !== $0", light)
	p.Click("[data-theme-switch]")
	p.Wait("light colours", background+" === $0", light)
}

// A page says when its master is gone, and renews itself when it is back.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	w := directory(t, 1)
	p := chromium.Page(t, w.base, browser.View{})
	p.Allow("ERR_CONNECTION_REFUSED")
	p.Allow("ERR_INCOMPLETE_CHUNKED_ENCODING")
	p.Allow("ERR_EMPTY_RESPONSE")
	p.Allow("ERR_CONNECTION_RESET")
	p.Open("/nodes")
	p.See("main", "n1")
	port := w.base[strings.LastIndex(w.base, ":")+1:]
	w.master.Stop(t)
	p.Wait("the page to say that it has no connection", `document.getElementById("connection").textContent !== ""`)
	w.startMaster(t, "--server.port="+port)
	p.Wait("the page to have its connection again", `document.getElementById("connection").textContent === ""`)
	harness.Must(t, "PUT", w.base+"/v1/node/n1/tag", []byte(`["after-the-outage"]`), nil)
	p.See("main", "after-the-outage")
}
