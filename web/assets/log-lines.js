// The lines of a log that are kept, and how they are laid out: in rows of one height each, so that row n is at n × that
// height, and only what is seen has to exist. A line has a number that stays its own; more are added at either end, and
// beyond a bound the oldest are dropped.

import {textOf} from "./ansi.js"

export const mostLines = 200000
const mostCharacters = 48 << 20

// Lines is used by one view. Rows are all lines, or those that match a pattern; a line is one row, or as many as it takes
// where lines are wrapped.
export class Lines {
  first = 0 // number of the oldest line
  characters = 0
  matches = new Queue() // numbers of the lines that match, in order
  #lines = new Queue()
  #pattern = null
  #only = false // rows are the matches alone
  #columns = 0 // where lines are wrapped; 0: they are not
  #starts = new Queue() // of wrapped rows: the first row of each line that has rows, counted from the beginning of time
  #rows = 0 // all of them, counted so
  #at = 0 // number of the first line that was not looked at yet

  get next() { return this.first + this.#lines.length }
  get(id) { return this.#lines.get(id - this.first) }

  // push adds a line at the end, and gives its number.
  push(line) {
    this.#lines.push(line)
    this.characters += textOf(line).length
    return this.next - 1
  }

  // set changes a line that is not whole yet.
  set(id, line) {
    if (id < this.first) return
    this.characters += textOf(line).length - textOf(this.get(id)).length
    this.#lines.set(id - this.first, line)
    this.#rewind(id)
  }

  // prepend adds older lines.
  prepend(lines) {
    this.#lines.prepend(lines)
    this.first -= lines.length
    for (const line of lines) this.characters += textOf(line).length
    this.#anew()
  }

  clear() {
    this.first = this.next
    this.#lines = new Queue()
    this.characters = 0
    this.#anew()
  }

  // trim drops what is too much, and gives how many rows that were.
  trim() {
    let lines = Math.max(0, this.#lines.length - mostLines), left = this.characters
    for (let i = 0; i < lines; i++) left -= textOf(this.#lines.get(i)).length
    while (left > mostCharacters && lines < this.#lines.length - 1) left -= textOf(this.#lines.get(lines++)).length
    if (lines === 0) return 0
    const before = this.rows
    this.advance(Infinity) // what goes has its rows, then
    const grown = this.rows - before
    this.#lines.shift(lines)
    this.first += lines
    this.characters = left
    let matches = 0
    while (matches < this.matches.length && this.matches.get(matches) < this.first) matches++
    this.matches.shift(matches)
    if (this.#columns > 0) this.#starts.shift(this.#only ? matches : lines)
    return before + grown - this.rows
  }

  // look says which rows there are: of the lines that match pattern if only, wrapped at columns if that is not 0.
  look(pattern, only, columns) {
    this.#pattern = pattern
    this.#only = only && pattern !== null
    this.#columns = columns
    this.#anew()
  }

  #anew() {
    this.matches = new Queue()
    this.#starts = new Queue()
    this.#rows = 0
    this.#at = this.first
  }

  #rewind(id) {
    if (this.#at <= id) return
    const k = this.#only ? this.matches.from(id) : id - this.first
    if (this.#columns > 0 && k < this.#starts.length) {
      this.#rows = this.#starts.get(k)
      this.#starts.cut(k)
    }
    this.matches.cut(this.matches.from(id))
    this.#at = id
  }

  // advance looks at lines that are new until time is over, performance.now() as it counts it. It is false when there are more.
  advance(deadline) {
    if (!this.#pattern && this.#columns === 0) { this.#at = this.next; return true }
    for (; this.#at < this.next; this.#at++) {
      if (this.#at % 256 === 0 && performance.now() > deadline) return false
      const line = this.get(this.#at), hit = this.#pattern !== null && matched(this.#pattern, textOf(line))
      if (hit) this.matches.push(this.#at)
      if (this.#columns > 0 && (hit || !this.#only)) {
        this.#starts.push(this.#rows)
        this.#rows += rowsOf(textOf(line), this.#columns)
      }
    }
    return true
  }

  get rows() {
    if (this.#columns > 0) return this.#starts.length ? this.#rows - this.#starts.get(0) : 0
    return this.#only ? this.matches.length : this.#lines.length
  }

  // at gives the line of a row, and which row of it that is.
  at(row) {
    let k = row, part = 0
    if (this.#columns > 0) {
      const wanted = row + this.#starts.get(0)
      k = this.#starts.from(wanted + 1) - 1
      part = wanted - this.#starts.get(k)
    }
    return [this.#only ? this.matches.get(k) : this.first + k, part]
  }

  // rowOf gives the first row of a line, or of the next one that has rows.
  rowOf(id) {
    const k = Math.max(0, this.#only ? this.matches.from(id) : id - this.first)
    if (this.#columns === 0) return k
    return k < this.#starts.length ? this.#starts.get(k) - this.#starts.get(0) : this.rows
  }
}

// matched is a test that leaves a pattern of many hits where it was.
function matched(pattern, text) {
  pattern.lastIndex = 0
  return pattern.test(text)
}

const wide = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\ud83c-\ud83e\ud840-\ud87f]/

function rowsOf(text, columns) {
  if (2 * text.length <= columns) return 1
  return wide.test(text) ? breaks(text, columns).length : Math.max(1, Math.ceil(text.length / columns))
}

// breaks gives where the rows of a wrapped line begin. Wide characters take two columns (Unicode annex 11, as far as fonts
// keep to it).
export function breaks(text, columns) {
  const starts = [0]
  if (!wide.test(text)) {
    for (let i = columns; i < text.length; i += columns) starts.push(i)
    return starts
  }
  let used = 0
  for (let i = 0; i < text.length; i++) {
    const character = text[i], low = character >= "\udc00" && character <= "\udfff" // the second half of one that was counted
    const width = low ? 0 : wide.test(character) ? 2 : 1
    if (used + width > columns && used > 0) { starts.push(i); used = 0 }
    used += width
  }
  return starts
}

// Queue is a list that is added to at its end, and loses what is first, both in no time.
class Queue {
  #items = []
  #head = 0

  get length() { return this.#items.length - this.#head }
  get(k) { return this.#items[this.#head + k] }
  set(k, item) { this.#items[this.#head + k] = item }
  push(item) { this.#items.push(item) }
  prepend(items) { this.#items = items.concat(this.#items.slice(this.#head)); this.#head = 0 }
  cut(length) { this.#items.length = this.#head + Math.max(0, length) }

  shift(n) {
    this.#items.fill(undefined, this.#head, this.#head + n)
    this.#head += n
    if (this.#head > 20000 && this.#head > this.#items.length / 8) { this.#items = this.#items.slice(this.#head); this.#head = 0 }
  }

  // from gives the index of the first item that is not below value; items must be sorted numbers.
  from(value) {
    let low = 0, high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.get(middle) < value) low = middle + 1
      else high = middle
    }
    return low
  }
}
