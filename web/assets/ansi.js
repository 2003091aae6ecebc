// What a terminal would make of a line of output: its text and the colours of its parts (ECMA-48 section 8.3.117, SGR; 256
// and 16 million colours as xterm has them). Everything else that terminals obey is left out, and what cannot be seen is shown.
//
// A line is a string where nothing of it is coloured, else {text, runs}: runs are [end, style] in order, up to the end of text.

const longest = 16384 // characters that are kept of a line

const plain = {key: "", look: {}, classes: "", fg: null, bg: null}
const styles = new Map([["", plain]]) // each once: most lines share a few
const turns = new Map() // the style that follows on one and the parameters of an SGR
const most = 5000 // of either: a program may paint pictures. What is shown keeps its own

// What has to be looked at: all but what is shown as it is. U+202A and so on turn the direction of the text around.
const special = /[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/
const tokens = new RegExp([
  "\\x1b\\[([0-?]*)[ -/]*([@-~])", // CSI
  "(?:\\x1b[\\]PX^_])[^\\x07\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c)?", // OSC, DCS, SOS, PM, APC: to their ends
  "\\x1b[ -/]*[0-~]", // other escapes
  "[\\x00-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]",
].join("|"), "g")

export const textOf = line => typeof line === "string" ? line : line.text

// Ansi reads the lines of one stream: a colour holds until it is changed, over the ends of lines, too.
export class Ansi {
  #now = plain

  // line reads one line, without its end. more is how many characters were left out of it before.
  line(raw, more = 0) {
    if (this.#now === plain && raw.length + more <= longest && !special.test(raw)) return raw
    const cells = new Cells(this.#now)
    let from = 0
    for (const found of raw.matchAll(tokens)) {
      cells.write(raw.slice(from, found.index))
      from = found.index + found[0].length
      this.#obey(found, cells, from === raw.length)
    }
    cells.write(raw.slice(from))
    return cells.line(more)
  }

  // copy is a reader that begins where this one is: what is not a whole line yet is read again when it is.
  copy() {
    const other = new Ansi()
    other.#now = this.#now
    return other
  }

  #obey([text, parameters, final], cells, last) {
    if (final === "m") {
      cells.style = this.#now = turn(this.#now, parameters)
    } else if (final === "K") cells.erase(parameters)
    else if (text === "\r") { if (!last) cells.back() }
    else if (text === "\b") cells.left()
    else if (text === "\t") cells.write(" ".repeat(8 - cells.column % 8))
    else if (text.length === 1) cells.write(visible(text.charCodeAt(0)))
  }
}

// visible stands for a character that has no look: the Control Pictures of Unicode for those of ASCII.
function visible(code) {
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? "\u2421" : "\ufffd"
}

// Cells is a line while it is written: what stood in it before a carriage return shows through where nothing new is.
class Cells {
  #text = ""
  #runs = []
  #under = ""

  constructor(style) { this.style = style }

  get column() { return this.#text.length }

  write(text) {
    if (text === "" || this.#text.length >= longest + 1) return
    this.#text += text
    const last = this.#runs.at(-1)
    if (last && last[1] === this.style) last[0] = this.#text.length
    else this.#runs.push([this.#text.length, this.style])
  }

  back() {
    this.#under = this.#whole()
    this.#text = ""
    this.#runs = []
  }

  left() {
    this.#text = this.#text.slice(0, -1)
    while (this.#runs.length && (this.#runs.at(-2)?.[0] ?? 0) >= this.#text.length) this.#runs.pop()
    if (this.#runs.length) this.#runs.at(-1)[0] = this.#text.length
  }

  erase(parameters) {
    if (parameters === "1") return
    this.#under = ""
    if (parameters === "2") { this.#text = ""; this.#runs = [] }
  }

  // whole is the line as it is now.
  #whole() {
    const runs = [...this.#runs], end = this.#text.length, below = textOf(this.#under)
    if (below.length <= end) return finished(this.#text, runs)
    for (const [to, style] of this.#under.runs || [[below.length, plain]]) if (to > end) runs.push([to, style])
    return finished(this.#text + below.slice(end), runs)
  }

  line(more) {
    const line = this.#whole(), text = textOf(line)
    if (text.length <= longest && more === 0) return line
    const kept = text.slice(0, longest), runs = (line.runs || [[text.length, plain]]).filter(([, style], i, all) => (all[i - 1]?.[0] ?? 0) < longest)
    const note = ` … +${more + text.length - kept.length}`
    runs[runs.length - 1] = [kept.length, runs.at(-1)?.[1] || plain]
    return {text: kept + note, runs: [...runs, [kept.length + note.length, intern({inverse: true})]]}
  }
}

function finished(text, runs) {
  return runs.every(([, style]) => style === plain) ? text : {text, runs}
}

const switches = {1: ["bold", true], 2: ["dim", true], 3: ["italic", true], 4: ["under", true], 7: ["inverse", true], 9: ["strike", true],
  21: ["under", true], 23: ["italic"], 24: ["under"], 27: ["inverse"], 29: ["strike"], 39: ["fg"], 49: ["bg"]}

function turn(style, parameters) {
  const key = style.key + "|" + parameters
  let next = turns.get(key)
  if (!next) {
    const look = {...style.look}
    sgr(look, parameters)
    next = intern(look)
    if (turns.size >= most) turns.clear()
    turns.set(key, next)
  }
  return next
}

// sgr changes a look as the parameters of a Select Graphic Rendition say; colons between them are as semicolons.
function sgr(look, parameters) {
  const codes = parameters.split(/[;:]/).map(Number)
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]
    if (code === 0) for (const name of Object.keys(look)) delete look[name]
    else if (code === 22) { delete look.bold; delete look.dim }
    else if (code === 38 || code === 48 || code === 58) i += extended(look, code, codes, i + 1, parameters.includes(":"))
    else if (switches[code]) set(look, ...switches[code])
    else if (code >= 30 && code <= 37) look.fg = code - 30
    else if (code >= 40 && code <= 47) look.bg = code - 40
    else if (code >= 90 && code <= 97) look.fg = code - 82
    else if (code >= 100 && code <= 107) look.bg = code - 92
  }
}

function set(look, name, value) {
  if (value === undefined) delete look[name]
  else look[name] = value
}

// extended reads the colour after a 38, 48 or 58, and gives how many codes that took. 38:2::r:g:b has a colour space first.
function extended(look, code, codes, at, colons) {
  const name = {38: "fg", 48: "bg"}[code]
  if (codes[at] === 5) {
    if (name && codes[at + 1] >= 0 && codes[at + 1] < 256) look[name] = indexed(codes[at + 1])
    return 2
  }
  if (codes[at] !== 2) return 0
  const skip = colons && codes.length - at >= 5 ? 1 : 0
  const rgb = codes.slice(at + 1 + skip, at + 4 + skip)
  if (name && rgb.length === 3) look[name] = hex(...rgb)
  return 4 + skip
}

// indexed is a colour of the 256: the 16 of the theme, a cube, and greys.
function indexed(n) {
  if (n < 16) return n
  if (n >= 232) return hex(8 + (n - 232) * 10, 8 + (n - 232) * 10, 8 + (n - 232) * 10)
  const level = k => k === 0 ? 0 : 55 + 40 * k
  return hex(level(Math.floor((n - 16) / 36)), level(Math.floor((n - 16) / 6) % 6), level((n - 16) % 6))
}

const hex = (...rgb) => "#" + rgb.map(v => Math.min(255, v || 0).toString(16).padStart(2, "0")).join("")

// intern gives the one style of a look: classes, and colours that have none.
function intern(look) {
  const key = Object.keys(look).sort().map(name => `${name}=${look[name]}`).join()
  let style = styles.get(key)
  if (style) return style
  const {fg = "text", bg = "back"} = look
  const [front, ground] = look.inverse ? [bg, fg] : [look.fg, look.bg]
  const classes = ["bold", "dim", "italic", "under", "strike"].filter(name => look[name])
  const own = (colour, letter) => {
    if (colour === undefined) return null
    if (/^#/.test(colour)) return colour
    classes.push(letter + colour)
    return null
  }
  style = {key, look: {...look}, fg: own(front, "f"), bg: own(ground, "g"), classes: classes.join(" ")}
  if (styles.size >= most) {
    styles.clear()
    styles.set("", plain)
  }
  styles.set(key, style)
  return style
}
