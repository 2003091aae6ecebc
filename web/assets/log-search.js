// The search of a log: lines that match are counted, marked, gone through, or the only ones shown.

import {word} from "./console.js"

const wait = 150 // milliseconds without a key before it is searched

export class Search {
  pattern = null // a RegExp; null: nothing is searched
  only = false

  constructor(root, log) {
    this.log = log
    this.input = root.querySelector("input[type=search]")
    this.count = root.querySelector('[data-part="count"]')
    this.buttons = Object.fromEntries(["only", "regexp", "previous", "next"].map(name => [name, root.querySelector(`[data-do="${name}"]`)]))
    let timer = 0
    this.input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => this.#read(), wait) })
    this.input.addEventListener("keydown", event => {
      if (event.key === "Enter") { event.preventDefault(); clearTimeout(timer); this.#read(); this.#step(event.shiftKey ? -1 : 1) }
      if (event.key === "Escape") { this.input.value = ""; this.#read() }
    })
    root.addEventListener("click", event => {
      const what = event.target.closest("button")?.dataset.do
      if (what === "previous") this.#step(-1)
      if (what === "next") this.#step(1)
      if (what === "only" || what === "regexp") {
        const on = this.buttons[what].getAttribute("aria-pressed") !== "true"
        this.buttons[what].setAttribute("aria-pressed", on)
        if (what === "only") this.only = on
        this.#read(true)
      }
    })
  }

  #read(again) {
    const text = this.input.value, regexp = this.buttons.regexp.getAttribute("aria-pressed") === "true"
    const source = regexp ? text : text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
    let pattern = null, wrong = ""
    if (text) try { pattern = new RegExp(source, "gi") } catch (e) { wrong = e.message }
    this.input.setAttribute("aria-invalid", wrong !== "")
    this.input.title = wrong
    if (!again && pattern?.source === this.pattern?.source) return
    this.pattern = pattern
    this.log.rows.current = null
    this.log.look()
  }

  // step goes to the next line that matches, around the end.
  #step(by) {
    const {matches} = this.log.lines
    if (matches.length === 0) return
    const {current} = this.log.rows
    let k
    if (current === null) k = matches.from(this.log.middle) + (by < 0 ? -1 : 0)
    else k = matches.from(current + (by > 0 ? 1 : 0)) - (by > 0 ? 0 : 1)
    this.log.go(matches.get((k + matches.length) % matches.length))
    this.show()
  }

  // show tells how many lines match.
  show() {
    const {matches} = this.log.lines, {current} = this.log.rows, language = document.documentElement.lang
    let text = ""
    if (this.pattern) {
      const all = matches.length.toLocaleString(language)
      text = current === null || current < this.log.lines.first ? word("log.hits", all) : word("log.hit", (matches.from(current) + 1).toLocaleString(language), all)
    }
    if (this.count.textContent !== text) this.count.textContent = text
    for (const name of ["previous", "next"]) this.buttons[name].disabled = matches.length === 0
  }
}
