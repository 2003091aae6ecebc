// JSON as text: a tree that knows where each value stands, and edits that change only what they must. What a form does not
// know, the order of members, and how people laid the text out stay as they are; so do numbers that JavaScript cannot hold.
//
// A node is {kind: object|list|text|number|word, from, to}, with members [{name, from, value}] or items [node], and
// the value of text. A path is a list of names and indexes; a step {member: i} is the i-th member of an object.

// parse gives the tree of a text; it throws a SyntaxError where it is no JSON.
export function parse(text) {
  const p = {text, at: 0}
  space(p)
  const node = value(p)
  space(p)
  if (p.at < text.length) throw new SyntaxError("there is more after the end")
  return node
}

const space = p => { while (p.at < p.text.length && " \t\r\n".includes(p.text[p.at])) p.at++ }
const scalar = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

function value(p) {
  const open = p.text[p.at]
  if (open === "{" || open === "[") return open === "{" ? collection(p, "object", "members", "}", member) : collection(p, "list", "items", "]", value)
  const from = p.at, raw = token(p)
  if (raw[0] === '"') return {kind: "text", from, to: p.at, value: JSON.parse(raw)}
  return {kind: /^[-\d]/.test(raw) ? "number" : "word", from, to: p.at, value: raw}
}

function token(p) {
  scalar.lastIndex = p.at
  const raw = scalar.exec(p.text)?.[0]
  if (raw === undefined) throw new SyntaxError("there is no value here")
  p.at += raw.length
  return raw
}

function collection(p, kind, parts, close, one) {
  const node = {kind, from: p.at++, to: 0, [parts]: []}
  space(p)
  while (p.text[p.at] !== close) {
    if (node[parts].length) {
      if (p.text[p.at] !== ",") throw new SyntaxError("a comma is missing")
      p.at++
      space(p)
    }
    const part = one(p)
    node[parts].push(part)
    space(p)
  }
  node.to = ++p.at
  return node
}

function member(p) {
  const from = p.at
  if (p.text[p.at] !== '"') throw new SyntaxError("a name is missing")
  const name = JSON.parse(token(p)), nameTo = p.at
  space(p)
  if (p.text[p.at] !== ":") throw new SyntaxError("a colon is missing")
  p.at++
  space(p)
  return {name, from, nameTo, value: value(p)}
}

// at gives the node that a path leads to, or undefined.
export function at(node, path) {
  for (const step of path) {
    if (node?.kind === "object") node = (typeof step === "object" ? node.members[step.member] : node.members.findLast(m => m.name === String(step)))?.value
    else if (node?.kind === "list") node = node.items[step]
    else return undefined
  }
  return node
}

// isNothing is true for what is not there, and for null.
export const isNothing = node => !node || node.kind === "word" && node.value === "null"

// put gives the change that makes the value at path be raw JSON. What is missing on the way is made. order
// says which members come before a new one of the outermost object.
export function put(text, tree, path, raw, order = []) {
  const node = at(tree, path)
  if (node) return {from: node.from, to: node.to, insert: indented(text, node.from, raw)}
  const parent = at(tree, path.slice(0, -1)), name = path.at(-1)
  if (!parent || isNothing(parent)) {
    const inner = raw.replaceAll("\n", "\n  ")
    return put(text, tree, path.slice(0, -1), typeof name === "number" ? `[\n  ${inner}\n]` : `{\n  ${JSON.stringify(name)}: ${inner}\n}`, order)
  }
  if (parent.kind === "list") return inserted(text, parent, parent.items.length, raw)
  if (parent.kind !== "object") return put(text, tree, path.slice(0, -1), `{\n  ${JSON.stringify(name)}: ${raw}\n}`, order)
  let place = parent.members.length
  const rank = path.length === 1 ? order.indexOf(name) : -1
  if (rank >= 0) {
    const before = parent.members.findLastIndex(m => { const r = order.indexOf(m.name); return r >= 0 && r < rank })
    if (before >= 0 || parent.members.some(m => order.indexOf(m.name) > rank)) place = before + 1
  }
  return inserted(text, parent, place, `${JSON.stringify(name)}: ${raw}`)
}

// remove gives the change that takes the value at path away.
export function remove(text, tree, path) {
  const parent = at(tree, path.slice(0, -1)), step = path.at(-1)
  if (!at(tree, path)) return null
  const spans = spansOf(parent)
  const i = parent.kind === "list" ? step : typeof step === "object" ? step.member : parent.members.findLastIndex(m => m.name === step)
  if (spans.length === 1) return {from: parent.from + 1, to: parent.to - 1, insert: ""}
  if (i === 0) return {from: spans[0].from, to: spans[1].from, insert: ""}
  return {from: spans[i - 1].to, to: spans[i].to, insert: ""}
}

// rename gives the change that gives the i-th member of the object at path another name.
export function rename(tree, path, i, name) {
  const m = at(tree, path).members[i]
  return {from: m.from, to: m.nameTo, insert: JSON.stringify(name)}
}

// swap gives the change that makes two neighbours of the list or object at path change places: i and i + 1.
export function swap(text, tree, path, i) {
  const spans = spansOf(at(tree, path)), a = spans[i], b = spans[i + 1]
  return {from: a.from, to: b.to, insert: text.slice(b.from, b.to) + text.slice(a.to, b.from) + text.slice(a.from, a.to)}
}

const spansOf = node => node.kind === "list" ? node.items.map(n => ({from: n.from, to: n.to})) : node.members.map(m => ({from: m.from, to: m.value.to}))

// inserted gives the change that puts a part into a list or object, laid out as the parts that are there.
function inserted(text, parent, place, part) {
  const spans = spansOf(parent)
  if (!spans.length) {
    const indent = indentOf(text, parent.from), inner = `\n${indent}  `
    return {from: parent.from + 1, to: parent.to - 1, insert: inner + part.replaceAll("\n", inner) + `\n${indent}`}
  }
  const lead = text.slice(place > 0 && place < spans.length ? spans[place - 1].to : parent.from + 1, spans[Math.min(place, spans.length - 1)].from).replace(/^\s*,/, "")
  const gap = spans.length > 1 ? text.slice(spans[0].to, spans[1].from).replace(/^\s*,/, "") : lead || " "
  const body = gap.includes("\n") ? part.replaceAll("\n", gap.slice(gap.lastIndexOf("\n"))) : part
  if (place === 0) return {from: spans[0].from, to: spans[0].from, insert: `${body},${gap}`}
  return {from: spans[place - 1].to, to: spans[place - 1].to, insert: `,${gap}${body}`}
}

// indentOf gives the white space at the start of the line of a place.
function indentOf(text, place) {
  const line = text.slice(text.lastIndexOf("\n", place - 1) + 1, place)
  return /^\s*/.exec(line)[0]
}

const indented = (text, place, raw) => raw.includes("\n") ? raw.replaceAll("\n", "\n" + indentOf(text, place)) : raw

// apply gives the text with a change made.
export const apply = (text, change) => change ? text.slice(0, change.from) + change.insert + text.slice(change.to) : text
