package browser

import (
	"context"
	"fmt"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// find is where a person would click on the first visible match of selector that has text in it ("" for any).
const find = `(() => {
  const shown = e => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length > 0
  const e = [...document.querySelectorAll($0)].find(e => shown(e) && (e.textContent + (e.value ?? "")).includes($1))
  if (!e) return {Why: "nothing there to see"}
  if (e.disabled) return {Why: "it is disabled"}
  e.scrollIntoView({block: "center", inline: "center", behavior: "instant"})
  const box = e.getClientRects()[0], x = box.x + box.width / 2, y = box.y + box.height / 2
  const top = document.elementFromPoint(x, y)
  if (!top || !e.contains(top) && !top.contains(e) && ![...(e.labels ?? [])].some(l => l.contains(top))) return {Why: "it is covered by " + top?.outerHTML.slice(0, 120)}
  return {X: x, Y: y}
})()`

type spot struct {
	X, Y float64
	Why  string // it cannot be clicked
}

// Click clicks on the first visible match of a CSS selector; with texts, on the first that contains the first of them.
func (p *Page) Click(selector string, texts ...string) {
	p.t.Helper()
	text := ""
	if len(texts) > 0 {
		text = texts[0]
	}
	p.until(fmt.Sprintf("click on %s %s", selector, text), func() error {
		at, err := eval[spot](p, find, selector, text)
		if err != nil {
			return err
		}
		if at.Why != "" {
			return fmt.Errorf("cannot click on %s %q: %s", selector, text, at.Why)
		}
		return p.do(chromedp.MouseClickXY(at.X, at.Y))
	})
}

// Fill replaces the text of a field, as typing does.
func (p *Page) Fill(selector, text string) {
	p.t.Helper()
	p.until("fill "+selector, func() error {
		ok, err := eval[bool](p, `(() => {
		  const e = [...document.querySelectorAll($0)].find(e => e.checkVisibility({visibilityProperty: true}))
		  if (!e) return false
		  e.scrollIntoView({block: "center", behavior: "instant"})
		  e.focus()
		  if (e.select) e.select()
		  else getSelection().selectAllChildren(e)
		  return document.activeElement === e
		})()`, selector)
		if err == nil && !ok {
			err = fmt.Errorf("no field %s to see", selector)
		}
		return err
	})
	p.must("type into "+selector, p.insert(text))
}

// insert types text where the focus is; "" deletes what is selected.
func (p *Page) insert(text string) error {
	if text == "" {
		return p.do(chromedp.KeyEvent(kb.Backspace))
	}
	ctx, end := context.WithTimeout(p.ctx, patience)
	defer end()
	_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
	return err
}

// Choose sets a <select>, a check box or a radio button (by "true" and "false") as a person does.
func (p *Page) Choose(selector, value string) {
	p.t.Helper()
	p.Wait("choose "+value+" in "+selector, `(() => {
	  const e = document.querySelector($0)
	  if (!e) return false
	  if (e.type === "checkbox" || e.type === "radio") { if (e.checked !== ($1 === "true")) e.click(); return true }
	  e.value = $1
	  e.dispatchEvent(new Event("input", {bubbles: true}))
	  e.dispatchEvent(new Event("change", {bubbles: true}))
	  return e.value === $1
	})()`, selector, value)
}

// Press sends keys to whatever has the focus, one after the other.
func (p *Page) Press(keys string, options ...chromedp.KeyOption) {
	p.t.Helper()
	for _, key := range keys {
		p.must("press "+keys, p.do(chromedp.KeyEvent(string(key), options...)))
	}
}

func (p *Page) do(action chromedp.Action[chromedp.Void]) error {
	ctx, end := context.WithTimeout(p.ctx, patience)
	defer end()
	return chromedp.Do(ctx, action)
}

// See waits until a visible match of selector has text in it; without texts, until there is one.
func (p *Page) See(selector string, texts ...string) {
	p.t.Helper()
	text := ""
	if len(texts) > 0 {
		text = texts[0]
	}
	p.Wait(fmt.Sprintf("see %s %q", selector, text),
		`[...document.querySelectorAll($0)].some(e => e.checkVisibility({visibilityProperty: true}) && (e.innerText + (e.value ?? "")).includes($1))`, selector, text)
}

// Write replaces the whole text of an editor, as pasting over it does.
func (p *Page) Write(selector, text string) {
	p.t.Helper()
	p.Click(selector)
	p.Press("a", chromedp.KeyModifiers(kb.ModifierCtrl))
	p.Wait("write into "+selector, `(() => {
	  const data = new DataTransfer()
	  data.setData("text/plain", $1)
	  return document.querySelector($0).dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})) || true
	})()`, selector, text)
}

// Confirm answers the question that is asked with yes, once it is asked.
func (p *Page) Confirm() {
	p.t.Helper()
	p.Click(`dialog[open] button[value="yes"]`)
}
