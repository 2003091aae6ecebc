// A stream of output as the API gives it: followed, over lost connections, by the offset of its bytes; and what came before.

const chunk = 1 << 20 // bytes that are read of what came before, at a time
const longestRaw = 1 << 18 // characters of a line, escapes included
const slice = 8 // milliseconds of work before the page may draw

// What the API puts in place of bytes that are no longer kept.
const dropped = /^\[stathub\] \d+ bytes of output are no longer kept; it goes on at offset (\d+)$/

// Feed follows one stream at url. told gets what it brings:
//   lines(whole, rest)  lines without their ends, as [text, characters left out]; rest is what there is of the next one
//   gap(bytes)          so many bytes are missing here; less than 0: the output began anew
//   status(problem)     null: connected; else why not
export class Feed {
  start = null // offset of the first byte that was shown; null: not known yet
  #offset = null // of the next byte
  #text = ""
  #cut = 0 // characters left out of #text
  #stop = null
  #decoder = null

  constructor(url, told) { this.url = url; this.told = told }

  get running() { return this.#stop !== null }

  // run follows until pause is called; where it was before, it goes on there.
  run(tail) {
    if (this.#stop) return
    this.#stop = new AbortController()
    this.#follow(tail, this.#stop.signal)
  }

  pause() {
    this.#stop?.abort()
    this.#stop = null
  }

  async #follow(tail, signal) {
    for (let wait = 1000; !signal.aborted;) {
      try {
        const from = this.#offset === null ? `tail=${tail}` : `offset=${this.#offset}`
        const answer = await fetch(`${this.url}?follow=true&${from}`, {signal})
        if (!answer.ok) throw new Error(await reason(answer))
        this.#connected(Number.parseInt(answer.headers.get("Stathub-Log-Offset") || "0", 10))
        wait = 1000
        await this.#read(answer.body.getReader(), signal)
      } catch (problem) {
        if (signal.aborted) return
        this.told.status(problem instanceof TypeError ? "" : problem.message)
      }
      await pause(wait, signal)
      wait = Math.min(2 * wait, 15000)
    }
  }

  #connected(begin) {
    this.told.status(null)
    if (this.#offset !== null && begin !== this.#offset) {
      this.#flush()
      this.told.gap(begin - this.#offset)
    }
    if (this.#offset === null || begin !== this.#offset) this.#decoder = new TextDecoder()
    this.start ??= begin
    this.#offset = begin
  }

  async #read(reader, signal) {
    let began = performance.now()
    for (;;) {
      const {done, value} = await reader.read()
      if (done || signal.aborted) return
      for (let i = 0; i < value.length; i += 1 << 16) { // a large piece would keep the page waiting
        this.#take(value.subarray(i, i + (1 << 16)))
        if (performance.now() - began > slice) { await turn(); began = performance.now() }
        if (signal.aborted) return
      }
    }
  }

  #take(bytes) {
    this.#offset += bytes.length
    const parts = this.#decoder.decode(bytes, {stream: true}).split("\n")
    const lines = []
    for (let i = 0; i < parts.length - 1; i++) {
      const text = this.#text + parts[i]
      if (text.startsWith("[stathub] ")) this.#noticed(text, parts, i)
      lines.push([text, this.#cut])
      this.#text = ""
      this.#cut = 0
    }
    this.#text += parts.at(-1)
    this.#bound()
    this.told.lines(lines, [this.#text, this.#cut])
  }

  // noticed takes the offset from where bytes were left out.
  #noticed(text, parts, i) {
    const found = dropped.exec(text)
    if (found) this.#offset = Number(found[1]) + new TextEncoder().encode(parts.slice(i + 1).join("\n")).length
  }

  // bound keeps a line without end in bounds: of a progress bar what it shows last, of anything else its beginning.
  #bound() {
    if (this.#text.length <= longestRaw) return
    const back = this.#text.lastIndexOf("\r", this.#text.length - 2)
    if (back > 0) this.#text = this.#text.slice(this.#text.lastIndexOf("\r", back - 1) + 1)
    if (this.#text.length <= longestRaw) return
    this.#cut += this.#text.length - longestRaw
    this.#text = this.#text.slice(0, longestRaw)
  }

  #flush() {
    if (this.#text) this.told.lines([[this.#text, this.#cut]], ["", 0])
    this.#text = ""
    this.#cut = 0
  }

  // earlier gives the lines before the first one that was shown; none when no more are kept.
  async earlier() {
    if (!this.start) return []
    const from = Math.max(0, this.start - chunk)
    const answer = await fetch(`${this.url}?offset=${from}&limit=${this.start - from}`)
    if (!answer.ok) throw new Error(await reason(answer))
    const begin = Number.parseInt(answer.headers.get("Stathub-Log-Offset"), 10)
    let bytes = new Uint8Array(await answer.arrayBuffer())
    if (begin >= this.start || bytes.length === 0) { this.start = 0; return [] } // what was there is no longer kept
    bytes = bytes.subarray(0, this.start - begin)
    const cut = begin === from && from > 0 ? bytes.indexOf(10) + 1 : 0 // the first line has its beginning further back
    this.start = begin > from ? 0 : begin + cut
    const lines = new TextDecoder().decode(bytes.subarray(cut)).split("\n")
    if (lines.at(-1) === "") lines.pop()
    return lines
  }
}

async function reason(answer) {
  const text = await answer.text()
  try { return JSON.parse(text).detail || text } catch { return text || `HTTP ${answer.status}` }
}

function pause(milliseconds, signal) {
  return new Promise(resolve => {
    const over = () => { clearTimeout(timer); signal.removeEventListener("abort", over); resolve() }
    const timer = setTimeout(over, milliseconds)
    signal.addEventListener("abort", over)
  })
}

// turn lets the page draw and listen.
const turn = () => globalThis.scheduler?.yield ? scheduler.yield() : new Promise(resolve => setTimeout(resolve))
