// The log viewer: {{template "log" …}} of part_log.html, an element with data-log="<base of the API>", such as
// /v1/node/n1/proc/web.0. It follows stdout, stderr or both of them.

import {Ansi} from "./ansi.js"
import {Feed} from "./log-feed.js"
import {Lines, mostLines} from "./log-lines.js"
import {Rows} from "./log-rows.js"
import {Search} from "./log-search.js"
import {word} from "./console.js"

const tail = 2000 // lines to begin with
const step = 8 // milliseconds of looking at lines before the page may draw

class Log {
  #lines = new Lines()
  #streams = new Map() // number of a line, of what is not stdout
  #versions = new Map() // number of a line that changed: how often
  #sources = []
  #bottom = true // it is scrolled to the end, and stays there
  #unseen = 0 // lines since it was not
  #lost = false // lines were dropped
  #top = 0 // where it was scrolled to last
  #due = false
  #wrap = stored("log.wrap") === "true"
  #paused = false
  #closed = new AbortController()
  #sizes = new ResizeObserver(() => this.#wrap && this.rows.columns !== this.rows.fitting ? this.look() : this.draw())

  constructor(root) {
    this.root = root
    this.view = this.#part("view")
    this.rows = new Rows(this.view, this.#lines, {streamOf: id => this.#streams.get(id) || "", versionOf: id => this.#versions.get(id) || 0})
    this.search = new Search(root, this)
    this.#press("wrap", this.#wrap)
    this.#listen()
    this.#look()
    this.choose(stored("log.stream") || "stdout")
  }

  // close lets go of what the page does not have any more.
  close() {
    this.#closed.abort()
    this.#sizes.disconnect()
    this.#pause()
  }

  get lines() { return this.#lines }
  #part(name) { return this.root.querySelector(`[data-part="${name}"]`) }
  #press(name, on) { this.root.querySelector(`[data-do="${name}"]`).setAttribute("aria-pressed", on) }

  // choose shows "stdout", "stderr" or "both".
  choose(stream) {
    this.#pause()
    for (const button of this.root.querySelectorAll("[data-stream]")) button.setAttribute("aria-pressed", button.dataset.stream === stream)
    for (const link of this.root.querySelectorAll("[data-download]")) link.hidden = stream !== "both" && link.dataset.download !== stream
    store("log.stream", stream)
    this.#clear()
    this.#sources = (stream === "both" ? ["stdout", "stderr"] : [stream]).map(name => this.#source(name, stream === "both"))
    this.#run()
  }

  #run() {
    if (this.#paused || document.hidden) return
    for (const source of this.#sources) source.feed.run(tail)
  }

  #pause() { for (const source of this.#sources) source.feed.pause() }

  #source(name, both) {
    const source = {name, ansi: new Ansi(), part: null, problem: null}
    const mark = both && name === "stderr" ? "stderr" : ""
    source.feed = new Feed(`${this.root.dataset.log}/_${name}`, {
      lines: (whole, rest) => { if (this.#sources.includes(source)) this.#take(source, whole, rest, mark) },
      gap: bytes => this.#note(source, bytes > 0 ? word("log.gap", bytes) : word("log.anew")),
      status: problem => { source.problem = problem; this.#status() },
    })
    return source
  }

  // take adds lines of a source. What there is of its next one is shown, and changes as it grows.
  #take(source, whole, [rest, cut], mark) {
    for (const [text, more] of whole) this.#put(source, source.ansi.line(text, more), mark, true)
    if (rest) this.#put(source, source.ansi.copy().line(rest, cut), mark, false)
    this.draw()
  }

  #put(source, line, mark, whole) {
    const id = source.part
    if (id !== null && id >= this.#lines.first) {
      this.#lines.set(id, line)
      this.#versions.set(id, (this.#versions.get(id) || 0) + 1)
    } else {
      source.part = this.#lines.push(line)
      if (mark) this.#streams.set(source.part, mark)
      if (!this.#bottom) this.#unseen++
    }
    if (whole) source.part = null
  }

  #note(source, text) {
    source.part = null
    source.ansi = new Ansi()
    this.#streams.set(this.#lines.push(text), "note")
    this.draw()
  }

  #clear() {
    for (const source of this.#sources) source.part = null
    this.#lines.clear()
    this.#streams.clear()
    this.#versions.clear()
    this.#unseen = 0
    this.#lost = false
    this.#bottom = true
    this.rows.current = null
    this.draw()
  }

  // draw shows what changed, once a frame.
  draw() {
    if (this.#due) return
    this.#due = true
    requestAnimationFrame(() => { this.#due = false; this.#frame() })
  }

  #frame() {
    const before = this.#lines.first
    const gone = this.#lines.trim()
    if (this.#lines.first > before) this.#forget()
    const done = this.#lines.advance(performance.now() + step)
    if (gone > 0 && !this.#bottom) this.view.scrollTop -= gone * this.rows.height
    this.#top = this.rows.draw(this.#bottom)
    this.search.show()
    this.#status()
    if (!done) this.draw()
  }

  #forget() {
    this.#lost = true
    for (const known of [this.#streams, this.#versions]) {
      for (const id of known.keys()) { // in order, but for what was put before the others
        if (id < this.#lines.first) known.delete(id)
        else break
      }
    }
  }

  #status() {
    const troubles = this.#sources.map(s => s.problem).filter(p => p !== null).map(p => p || word("offline"))
    const parts = [...new Set(troubles)]
    if (this.#paused) parts.push(word("log.paused"))
    if (this.#lost) parts.push(word("log.dropped", number(mostLines)))
    const text = parts.join(" · "), status = this.#part("status")
    if (status.textContent !== text) status.textContent = text
    this.#part("empty").hidden = this.#lines.rows > 0 || troubles.length > 0
    const begin = this.#sources.length === 1 && this.#sources[0].feed.start
    this.#part("earlier").hidden = !begin || this.#lost || this.#lines.next - this.#lines.first >= mostLines
    const more = this.#part("more")
    more.hidden = this.#bottom
    const label = this.#unseen === 1 ? word("log.new.one") : this.#unseen ? word("log.new", number(this.#unseen)) : word("log.end")
    if (more.textContent !== label) more.textContent = label
  }

  // look lays the rows out anew, with what is at the top staying there.
  look() {
    const anchor = this.#lines.rows > 0 && !this.#bottom ? this.#lines.at(Math.min(this.#lines.rows - 1, Math.floor(this.view.scrollTop / this.rows.height)))[0] : null
    this.#look()
    this.#lines.advance(performance.now() + 10 * step)
    this.rows.draw(this.#bottom)
    if (anchor !== null) this.view.scrollTop = this.#lines.rowOf(anchor) * this.rows.height
    this.draw()
  }

  #look() {
    this.rows.columns = this.#wrap ? this.rows.fitting : 0
    this.rows.pattern = this.search.pattern
    this.view.classList.toggle("wrap", this.#wrap)
    this.#lines.look(this.search.pattern, this.search.only, this.rows.columns)
    this.rows.anew()
  }

  // go shows a line in the middle.
  go(id) {
    this.rows.current = id
    const top = (this.#lines.rowOf(id) + 0.5) * this.rows.height - this.view.clientHeight / 2
    this.#bottom = false
    this.view.scrollTop = Math.max(0, top)
    this.draw()
  }

  // middle is the number of the line in the middle of what can be seen.
  get middle() {
    if (this.#lines.rows === 0) return this.#lines.first
    const row = Math.floor((this.view.scrollTop + this.view.clientHeight / 2) / this.rows.height)
    return this.#lines.at(Math.min(this.#lines.rows - 1, row))[0]
  }

  #toEnd() {
    this.#bottom = true
    this.#unseen = 0
    this.draw()
  }

  async #earlier(button) {
    const [source] = this.#sources
    button.disabled = true
    try {
      const ansi = new Ansi(), lines = (await source.feed.earlier()).map(text => ansi.line(text))
      if (this.#sources[0] !== source) return
      const top = this.view.scrollTop, before = this.#lines.rows, wasBottom = this.#bottom
      this.#lines.prepend(lines)
      this.#lines.advance(performance.now() + 10 * step)
      this.#bottom = false
      this.rows.draw(false)
      const added = (this.#lines.rows - before) * this.rows.height
      this.view.scrollTop = wasBottom ? added - this.view.clientHeight / 2 : top + added // at the end nobody would see that there are more
    } catch (problem) {
      source.problem = problem.message
    } finally {
      button.disabled = false
      this.draw()
    }
  }

  #listen() {
    const actions = {
      pause: () => {
        this.#paused = !this.#paused
        this.#press("pause", this.#paused)
        if (this.#paused) this.#pause()
        else this.#run()
        this.#status()
      },
      clear: () => this.#clear(),
      wrap: () => {
        this.#wrap = !this.#wrap
        store("log.wrap", this.#wrap)
        this.#press("wrap", this.#wrap)
        this.look()
      },
      end: () => { this.#toEnd(); this.view.focus() },
      earlier: button => this.#earlier(button),
    }
    this.root.addEventListener("click", event => {
      const button = event.target.closest("button")
      if (button?.dataset.stream) this.choose(button.dataset.stream)
      actions[button?.dataset.do]?.(button)
    })
    this.view.addEventListener("scroll", () => {
      const top = this.view.scrollTop, all = this.#lines.rows * this.rows.height
      if (top + this.view.clientHeight > all - 1) {
        this.#bottom = true
        this.#unseen = 0
      } else if (top < this.#top) this.#bottom = false
      this.#top = top
      this.draw()
    }, {passive: true})
    this.#sizes.observe(this.view)
    const {signal} = this.#closed
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#pause()
      else this.#run()
    }, {signal})
    window.addEventListener("pagehide", () => this.#pause(), {signal})
    window.addEventListener("pageshow", () => this.#run(), {signal})
  }
}

const number = n => n.toLocaleString(document.documentElement.lang)

// What people chose last holds for other logs, too, where the browser lets it be kept.
function stored(name) { try { return localStorage.getItem(name) } catch { return null } }
function store(name, value) { try { localStorage.setItem(name, value) } catch { /* for this page alone, then */ } }

const logs = new Map() // by element

// find takes up the logs that the page has now, and lets go of those that it has no more.
function find() {
  for (const [root, log] of logs) if (!root.isConnected) { log.close(); logs.delete(root) }
  for (const root of document.querySelectorAll("[data-log]")) if (!logs.has(root)) logs.set(root, new Log(root))
}

document.addEventListener("renewed", find)
find()
