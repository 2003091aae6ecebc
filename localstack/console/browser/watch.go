package browser

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/go-json-experiment/json"
)

// violations turns what the Content-Security-Policy stops into an error of the console.
const violations = `document.addEventListener("securitypolicyviolation", e =>
  console.error("content security policy: " + e.violatedDirective + " stops " + e.blockedURI + " " + e.sample))`

// heard takes an event of the tab. It must not ask the browser anything.
func (p *Page) heard(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			p.complain("console: %s", spoken(e.Args))
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description + string(x.Value)
		}
		p.complain("exception: %s at %s:%d", text, e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber+1)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.complain("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details; d != nil && d.ContentSecurityPolicyIssueDetails != nil {
			csp := d.ContentSecurityPolicyIssueDetails
			p.complain("content security policy: %s stops %s", csp.ViolatedDirective, csp.BlockedURL)
		}
	case *network.EventRequestWillBeSent:
		p.requested(e)
	case *network.EventResponseReceived: // an answer whose body nobody reads may never finish
		p.ended(e.RequestID)
	case *network.EventLoadingFailed:
		p.ended(e.RequestID)
		if !e.Canceled && e.ErrorText != "net::ERR_ABORTED" { // a page that is left gives its requests up
			p.complain("request failed: %s %s", e.ErrorText, p.url(e.RequestID))
		}
	case *page.EventJavascriptDialogOpening:
		if e.Type != page.DialogTypeBeforeunload {
			p.complain("the page opens a dialog of the browser: %s", e.Message)
		}
		p.pending.Go(func() { // it goes away with the tab at the latest, with an error that says only that
			_, _ = chromedp.Call(p.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		})
	}
}

func spoken(args []*runtime.RemoteObject) string {
	var words []string
	for _, a := range args {
		var text string
		if a.Description != "" {
			text = a.Description
		} else if json.Unmarshal(a.Value, &text) != nil { // no string
			text = string(a.Value)
		}
		words = append(words, text)
	}
	return strings.Join(words, " ")
}

func (p *Page) requested(e *network.EventRequestWillBeSent) {
	p.mu.Lock()
	if e.Type == network.ResourceTypeDocument { // those of the page before have no say any more
		clear(p.urls)
		clear(p.open)
	}
	p.urls[e.RequestID] = e.Request.URL
	if e.Type == network.ResourceTypeDocument || e.Type == network.ResourceTypeFetch || e.Type == network.ResourceTypeXHR {
		p.open[e.RequestID] = true
	}
	p.mu.Unlock()
	u, err := url.Parse(e.Request.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ws" && u.Scheme != "wss") {
		return // data:, blob:
	}
	if u.Scheme+"://"+u.Host != p.base {
		p.complain("request to another host: %s", e.Request.URL)
	}
}

func (p *Page) ended(id network.RequestID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, id)
}

func (p *Page) url(id network.RequestID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.urls[id]
}

func (p *Page) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, fmt.Sprintf(format, args...))
}

// Allow lets complaints pass that contain text, from the beginning of the test to its end: those that the test is about.
func (p *Page) Allow(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, text)
}

// Complaints are what the pages did so far that clean pages do not do, and that is not allowed.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.complaints), func(c string) bool {
		return slices.ContainsFunc(p.allowed, func(text string) bool { return strings.Contains(c, text) })
	})
}

// Check reports complaints as errors of the test, each one once.
func (p *Page) Check() {
	p.t.Helper()
	for _, c := range p.Complaints() {
		p.t.Errorf("the page is not clean: %s", c)
	}
	p.mu.Lock()
	p.complaints = nil
	p.mu.Unlock()
}
