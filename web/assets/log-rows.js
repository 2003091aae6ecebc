// The rows of a log that can be seen, and a few above and below: as many elements, however many lines there are.

import {breaks} from "./log-lines.js"
import {textOf} from "./ansi.js"
import {element} from "./console.js"

const beyond = 10 // rows above and below
const widest = 2000 // characters of a line that is not wrapped; wrapped, all that is kept of it is there
const mostHits = 500 // that are marked in a line

// Rows draws into the element list, which lies in size, as high as all rows, which view scrolls.
export class Rows {
  pattern = null
  current = null // number of the line that the search is at
  columns = 0
  #shown = new Map() // element by what it shows

  constructor(view, lines, {streamOf, versionOf}) {
    this.view = view
    this.lines = lines
    this.streamOf = streamOf
    this.versionOf = versionOf
    this.size = view.firstElementChild
    this.list = this.size.firstElementChild
    const probe = element("span", {}, "0".repeat(100))
    this.list.append(probe)
    this.width = probe.getBoundingClientRect().width / 100
    this.height = Math.max(1, Number.parseFloat(getComputedStyle(this.list).lineHeight) || 18)
    probe.remove()
  }

  // fitting is how many columns there is room for.
  get fitting() {
    const style = getComputedStyle(this.list)
    const room = this.view.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight)
    return Math.max(20, Math.floor(room / Math.max(1, this.width)))
  }

  // draw shows what can be seen, with bottom the end, and gives how far it is scrolled.
  draw(bottom) {
    const total = this.lines.rows, high = this.view.clientHeight, all = total * this.height
    const top = bottom ? Math.max(0, all - high) : Math.min(this.view.scrollTop, Math.max(0, all - high))
    const from = Math.max(0, Math.floor(top / this.height) - beyond), to = Math.min(total, Math.ceil((top + high) / this.height) + beyond)
    const wanted = new Map()
    for (let row = from; row < to; row++) {
      const [id, part] = this.lines.at(row), key = `${id} ${part} ${this.versionOf(id)} ${id === this.current}`
      wanted.set(key, this.#shown.get(key) || this.#row(id, part))
    }
    for (const [key, e] of this.#shown) if (!wanted.has(key)) e.remove()
    let at = this.list.firstChild
    for (const e of wanted.values()) {
      if (e === at) at = at.nextSibling
      else this.list.insertBefore(e, at)
    }
    this.#shown = wanted
    this.size.style.height = `${all}px`
    this.list.style.transform = `translateY(${from * this.height}px)`
    if (bottom && Math.abs(this.view.scrollTop - top) >= 1) this.view.scrollTop = top
    return top
  }

  // anew draws everything again, such as for other marks.
  anew() {
    for (const e of this.#shown.values()) e.remove()
    this.#shown = new Map()
  }

  #row(id, part) {
    const line = this.lines.get(id), text = textOf(line)
    const row = element("div", {class: [this.streamOf(id), id === this.current ? "current" : ""].filter(Boolean).join(" ") || null})
    let from = 0, to = text.length
    if (this.columns > 0) {
      const starts = breaks(text, this.columns)
      from = starts[part]
      to = starts[part + 1] ?? to
    } else if (to > widest) to = widest
    row.append(...this.#pieces(line, text, from, to))
    if (this.columns === 0 && text.length > widest) row.append(element("span", {class: "inverse"}, ` … +${text.length - widest}`))
    if (row.childNodes.length === 0) row.append("\n") // so that it is copied
    return row
  }

  // pieces are the parts of a line that look the same.
  #pieces(line, text, from, to) {
    const hits = this.#hits(text), runs = line.runs || [[text.length, null]], pieces = []
    let hit = 0, at = from
    for (const [end, style] of runs) {
      const stop = Math.min(end, to)
      while (at < stop) {
        while (hit < hits.length && hits[hit][1] <= at) hit++
        const marked = hit < hits.length && hits[hit][0] <= at
        const until = Math.min(stop, hit < hits.length ? marked ? hits[hit][1] : hits[hit][0] : stop)
        pieces.push(piece(text.slice(at, until), style, marked))
        at = until
      }
    }
    return pieces
  }

  #hits(text) {
    if (!this.pattern) return []
    const hits = []
    for (const found of text.matchAll(this.pattern)) {
      if (found[0] !== "") hits.push([found.index, found.index + found[0].length])
      if (hits.length === mostHits) break
    }
    return hits
  }
}

function piece(text, style, marked) {
  if (!marked && (!style || style.key === "")) return document.createTextNode(text)
  const e = element(marked ? "mark" : "span", {class: style?.classes || null}, text)
  if (style?.fg && !marked) e.style.color = style.fg // the policy forbids style attributes, not this
  if (style?.bg && !marked) e.style.backgroundColor = style.bg
  return e
}
