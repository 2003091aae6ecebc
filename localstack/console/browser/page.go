package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/go-json-experiment/json"
)

// View is how somebody looks at pages. The zero View is an English browser in light colours, 1,600 pixels wide.
type View struct {
	Lang          string // a BCP 47 tag, sent as Accept-Language
	Dark          bool
	Width, Height int // pixels
}

// Page is a tab with cookies of its own. Its methods fail the test when what they wait for does not come; they are for
// one goroutine.
type Page struct {
	t    testing.TB
	ctx  context.Context
	end  context.CancelFunc
	base string // what it belongs to: http://host:port

	mu         sync.Mutex
	complaints []string
	allowed    []string
	pending    sync.WaitGroup
	urls       map[network.RequestID]string // of all requests of the document
	open       map[network.RequestID]bool   // those that have no end yet
}

// patience bounds each wait; loaded test machines are slow.
const patience = 90 * time.Second

// Page opens an empty tab for the program at base. At the end of the test everything that a clean page must not do fails
// it: errors in the console, exceptions, violations of the Content-Security-Policy, requests that fail or go elsewhere.
func (b *Browser) Page(t testing.TB, base string, v View) *Page {
	t.Helper()
	Need(t)
	b.once.Do(b.start)
	if b.err != nil {
		t.Fatal(b.err)
	}
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	p := &Page{t: t, ctx: ctx, base: base, urls: map[network.RequestID]string{}, open: map[network.RequestID]bool{}}
	p.end = end
	t.Cleanup(p.Close)
	p.must("open a tab", p.watch())
	p.must("set up a tab", p.dress(v))
	return p
}

// Close checks the page and closes its tab; the end of the test does so at the latest.
func (p *Page) Close() {
	p.t.Helper()
	p.Check()
	p.end()
	p.pending.Wait()
}

// dress gives the tab its language, colours and size.
func (p *Page) dress(v View) error {
	if v.Lang == "" {
		v.Lang = "en"
	}
	if v.Width == 0 {
		v.Width = 1600
	}
	if v.Height == 0 {
		v.Height = 1000
	}
	colours := "light"
	if v.Dark {
		colours = "dark"
	}
	_, err := chromedp.Call(p.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": v.Lang}})
	if err != nil {
		return err
	}
	_, err = chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: colours},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		return err
	}
	// Tabs of tests that run at once would take the focus from each other.
	_, err = chromedp.Call(p.ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	if err != nil {
		return err
	}
	return p.resize(v.Width, v.Height)
}

func (p *Page) resize(width, height int) error {
	_, err := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(width), Height: int64(height), DeviceScaleFactor: 1,
	})
	return err
}

// watch listens to everything that may go wrong in the tab.
func (p *Page) watch() error {
	if err := chromedp.Listen(p.ctx, p.heard); err != nil {
		return err
	}
	for _, enable := range []cdp.Command[cdp.Empty, cdp.Empty]{log.Enable, audits.Enable} {
		if _, err := chromedp.Call(p.ctx, enable, cdp.Empty{}); err != nil {
			return err
		}
	}
	if _, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{}); err != nil {
		return err
	}
	_, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: violations})
	return err
}

// Open goes to a path, and waits until the page has loaded.
func (p *Page) Open(path string) {
	p.t.Helper()
	ctx, end := context.WithTimeout(p.ctx, patience)
	defer end()
	p.must("open "+path, chromedp.Do(ctx, chromedp.Navigate(p.base+path)))
}

// Eval gives the value of an expression of JavaScript; a promise is waited for. $0, $1… in it are args.
func Eval[T any](p *Page, expression string, args ...any) T {
	p.t.Helper()
	value, err := eval[T](p, expression, args...)
	p.must("evaluate "+expression, err)
	return value
}

func eval[T any](p *Page, expression string, args ...any) (T, error) {
	var names, values []string
	for i, a := range args {
		text, err := json.Marshal(a)
		if err != nil {
			var none T
			return none, err
		}
		names, values = append(names, fmt.Sprintf("$%d", i)), append(values, string(text))
	}
	call := fmt.Sprintf("((%s) => (%s))(%s)", strings.Join(names, ", "), expression, strings.Join(values, ", "))
	ctx, end := context.WithTimeout(p.ctx, patience)
	defer end()
	return chromedp.Run(ctx, chromedp.Evaluate[T](call, chromedp.EvalAwaitPromise))
}

// Wait waits until an expression is true. Between pages it cannot be asked: then it is not true yet.
func (p *Page) Wait(what, expression string, args ...any) {
	p.t.Helper()
	p.until(what, func() error {
		ok, err := eval[bool](p, "Boolean("+expression+")", args...)
		if err == nil && !ok {
			err = fmt.Errorf("not so: %s %q", expression, args)
		}
		return err
	})
}

// until tries again and again for as long as patience lasts.
func (p *Page) until(what string, try func() error) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || p.ctx.Err() != nil {
			p.Fatalf("%s: still not after %s: %v", what, patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *Page) must(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.Fatalf("cannot %s: %v", what, err)
	}
}

// Pictures is the folder of screenshots, at the top of the module that the test is in.
func Pictures() string {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "screenshots")
		}
		dir = filepath.Dir(dir)
	}
	return filepath.Join(os.TempDir(), "screenshots")
}

var unfit = regexp.MustCompile(`[^\w.-]+`)

// Fatalf fails the test with what the page shows: its address and text, and a picture in folder screenshots/failed.
func (p *Page) Fatalf(format string, args ...any) {
	p.t.Helper()
	message := fmt.Sprintf(format, args...)
	var shown struct{ URL, Text string }
	shown, err := eval[struct{ URL, Text string }](p, "{URL: location.href, Text: document.body.innerText}")
	if err != nil {
		p.t.Fatalf("%s\n(and the page does not answer: %v)", message, err)
	}
	picture := filepath.Join(Pictures(), "failed", unfit.ReplaceAllString(p.t.Name(), "_")+".png")
	if err := p.Shoot(picture); err != nil {
		picture = err.Error()
	}
	p.t.Fatalf("%s\npicture: %s\npage: %s\n%s\ncomplaints: %q", message, picture, shown.URL, shown.Text, p.Complaints())
}

// Shoot writes a picture of the whole page to a PNG file.
func (p *Page) Shoot(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	ctx, end := context.WithTimeout(p.ctx, patience)
	defer end()
	data, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return fmt.Errorf("cannot take a picture of the page: %w", err)
	}
	return os.WriteFile(path, data, 0o644)
}

// runScript runs statements in the page.
func runScript(p *Page, source string) (chromedp.Void, error) {
	ctx, end := context.WithTimeout(p.ctx, patience)
	defer end()
	return chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](source))
}

// Settle waits until the page has asked for nothing for half a second, but for streams that stay open: charts and editors
// have drawn then what they draw.
func (p *Page) Settle() {
	p.t.Helper()
	Eval[bool](p, `new Promise(resolve => {
	  let timer = setTimeout(() => resolve(true), 500)
	  const watcher = new PerformanceObserver(() => { clearTimeout(timer); timer = setTimeout(() => resolve(true), 500) })
	  watcher.observe({type: "resource"})
	  setTimeout(() => resolve(true), 5000)
	})`)
}

// streams are requests whose answers do not end.
var streams = regexp.MustCompile(`/live\?|[?&]follow=true|[?&]watch=`)

// WaitIdle waits until every request of the tab has its answer, but for streams: what was sent has arrived.
func (p *Page) WaitIdle() {
	p.t.Helper()
	p.until("all requests to be answered", func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		for id := range p.open {
			if url := p.urls[id]; !streams.MatchString(url) {
				return fmt.Errorf("%s has no answer", url)
			}
		}
		return nil
	})
}
