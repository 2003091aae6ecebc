// Forms over JSON text. The text is the truth: a field shows a place of it, and changes that place alone.
//
//   [data-path="resAlloc.mem"]  a field; within a row its path starts at the row: ".protocol", or "" for the row itself
//     data-type   text, number, size, check, word (a select of raw JSON); data-empty="keep": what is empty stays as ""
//   [data-list="args"]          rows of a list, made of the <template> in it; data-new: what a new one is at once, else it is
//                               stored when something is typed; data-optional: a list without elements goes
//   [data-map="envs"]           rows of an object: [data-name] and [data-value]
//   [data-when="HTTP HTTPS"]    is shown where the [data-switch] of its row or form has one of these values
//   details[data-used]          opens where something in it is set
import {parse, at, isNothing, put, remove, rename, swap, apply} from "./jsontext.js"
import {element} from "./console.js"

const steps = text => text.split(".").filter(Boolean)
const units = ["KiB", "MiB", "GiB", "TiB"]

export class Form {
  // changed is called with each change of the text, {from, to, insert}, and the text then; nullable names the members that
  // become null, not nothing, when the last of theirs goes.
  constructor(root, {order, nullable = [], changed}) {
    Object.assign(this, {root, order, nullable, changed, text: "", tree: null, places: new Map(), touched: new Set()})
    root.addEventListener("input", event => this.typed(event.target))
    root.addEventListener("click", event => this.clicked(event.target.closest("button")))
    this.wire(root)
  }

  // set shows a text. It gives what is wrong with it where it is no JSON object; then nothing of the form changes.
  set(text) {
    let tree
    try {
      tree = parse(text)
    } catch (e) {
      return e.message
    }
    if (tree.kind !== "object") return "it is no object"
    this.text = text
    this.tree = tree
    this.show()
    return null
  }

  show() {
    this.places.clear()
    this.fill(this.root, [])
  }

  // openUsed opens what is folded away where something in it is set.
  openUsed() {
    for (const details of this.root.querySelectorAll("details[data-used]")) {
      const used = [...details.querySelectorAll("[data-path], [data-list], [data-map]")].some(e => this.isSet(e))
      if (used) details.open = true
    }
  }

  isSet(e) {
    const node = e.place && at(this.tree, e.place)
    if (isNothing(node) || node.items?.length === 0 || node.members?.length === 0) return false
    return node.value === undefined || node.value !== "" && node.value !== e.dataset.default
  }

  // mark shows problems beside their fields, and gives those that have none.
  mark(problems) {
    for (const e of this.root.querySelectorAll("[aria-invalid]:not([data-query])")) e.removeAttribute("aria-invalid")
    for (const e of this.root.querySelectorAll('.field-error[id^="error-"]')) {
      for (const f of this.root.querySelectorAll(`[aria-describedby~="${e.id}"]`)) describe(f, e.id, false)
      e.remove()
    }
    return problems.filter(p => !this.blame(p))
  }

  blame(problem) {
    let path = problem.path || "", place
    while (path && !(place = this.places.get(path))) path = path.replace(/(\.[^.[\]]*|\[\d+\]|^[^.[\]]+)$/, "")
    if (!place) return false
    if (place.dataset.query) return true // it tells itself what is wrong with a query
    const error = element("p", {class: "field-error", id: "error-" + ++counter}, problem.message)
    place.setAttribute("aria-invalid", "true")
    describe(place, error.id, true)
    ;(place.closest(".row:not(.card)") || place.closest(".field") || place).append(error)
    for (let d = place.closest("details"); d; d = d.parentElement.closest("details")) d.open = true
    return true
  }

  // wire names labels and hints of new fields, so that they belong together.
  wire(root) {
    for (const field of root.querySelectorAll(".field")) {
      const input = field.querySelector("input, select, textarea"), label = field.querySelector("label"), hint = field.querySelector(".hint")
      if (!input || field.matches("fieldset") || input.dataset.query) continue // that has its own
      input.id ||= "field-" + ++counter
      if (label && !label.contains(input)) label.htmlFor = input.id
      if (hint) { hint.id ||= "hint-" + ++counter; describe(input, hint.id, true) }
    }
  }

  fill(root, base) {
    const own = selector => [...root.querySelectorAll(selector)].filter(e => (e.parentElement.closest("[data-row]") || this.root) === root)
    for (const e of own("[data-path]")) this.fillField(e, [...base, ...steps(e.dataset.path)])
    for (const e of own("[data-list]")) this.fillRows(e, [...base, ...steps(e.dataset.list)], "items")
    for (const e of own("[data-map]")) this.fillRows(e, [...base, ...steps(e.dataset.map)], "members")
    const chosen = own("[data-switch]")[0]?.value
    for (const e of own("[data-when]")) e.hidden = !e.dataset.when.split(" ").includes(chosen)
  }

  fillField(e, path) {
    e.place = path
    this.places.set(this.named(path), e)
    const node = at(this.tree, path)
    if (e.type === "checkbox") { e.checked = node ? node.value === "true" : e.dataset.default === "true"; return }
    const text = shown(node, e.dataset.type, this.text)
    const other = e.parentElement.querySelector(`[data-other]`)
    if (other && other !== e) this.fillOther(e, other, text)
    else if (e !== document.activeElement && e.value !== text) setValue(e, text)
  }

  // fillOther shows a value in a select, or, when that has no such option, in the field beside it.
  fillOther(select, other, text) {
    other.place = select.place
    const value = text || select.dataset.default || ""
    const listed = [...select.options].some(o => o.value === value) && !(other === document.activeElement)
    select.value = listed ? value : "other"
    other.hidden = listed
    if (!listed && other !== document.activeElement) other.value = value
  }

  fillRows(list, path, parts) {
    list.place = path
    this.places.set(this.named(path), list)
    const rows = list.querySelector("[data-rows]"), found = at(this.tree, path)?.[parts] || []
    while (rows.children.length > found.length + (list.waiting ? 1 : 0)) rows.lastElementChild.remove()
    while (rows.children.length < found.length) this.addRow(list)
    ;[...rows.children].forEach((row, i) => {
      row.index = i
      row.base = path
      const last = found.length - 1
      for (const b of row.querySelectorAll(":scope [data-move]")) if (b.closest("[data-row]") === row) b.disabled = i + Number(b.dataset.move) < 0 || i + Number(b.dataset.move) > last || i > last
      if (parts === "members") this.fillPair(row, path, found[i])
      else this.fill(row, [...path, i])
    })
  }

  fillPair(row, path, member) {
    const [name, value] = [row.querySelector("[data-name]"), row.querySelector("[data-value]")]
    if (!member) return
    value.place = [...path, {member: row.index}]
    this.places.set(this.named([...path, member.name]), value)
    if (name !== document.activeElement) setValue(name, member.name)
    if (value !== document.activeElement) setValue(value, shown(member.value, "text", this.text))
  }

  addRow(list) {
    const row = list.querySelector("template").content.firstElementChild.cloneNode(true)
    row.dataset.row = ""
    list.querySelector("[data-rows]").append(row)
    this.wire(row)
    return row
  }

  // named writes a path as the API does: healthChecks[0].path.
  named(path) {
    let text = ""
    for (const step of path) {
      const name = typeof step === "object" ? "" : String(step)
      text += /^\d+$/.test(name) ? `[${name}]` : (text ? "." : "") + name
    }
    return text
  }

  edit(change) {
    if (!change) return
    this.text = apply(this.text, change)
    this.tree = parse(this.text)
    this.changed(change, this.text)
  }

  put(path, raw) { this.edit(put(this.text, this.tree, path, raw, this.order)) }

  // drop takes a member away, and what is empty without it.
  drop(path) {
    this.edit(remove(this.text, this.tree, path))
    const up = path.slice(0, -1), parent = at(this.tree, up)
    if (!up.length || typeof up.at(-1) === "number" || parent?.members?.length !== 0) return
    if (this.nullable.includes(up[0])) this.put(up, "null")
    else this.drop(up)
  }

  typed(e) {
    const row = e.closest("[data-row]"), list = row?.closest("[data-list], [data-map]")
    if (e.matches("[data-name], [data-value]")) this.typedPair(row, e)
    else if (e.place) this.typedField(e)
    else return
    if (list && at(this.tree, list.place)) list.waiting = false
    this.show()
    if (e.place) this.touched.add(this.named(e.place))
  }

  typedField(e) {
    if (e.value === "other" && e.tagName === "SELECT") {
      const other = e.parentElement.querySelector("[data-other]")
      other.hidden = false
      other.value = ""
      other.focus()
      return
    }
    const raw = rawOf(e)
    if (raw !== null) this.put(e.place, raw)
    else if (at(this.tree, e.place)) this.drop(e.place)
  }

  typedPair(row, e) {
    const node = at(this.tree, row.base), name = row.querySelector("[data-name]").value, value = row.querySelector("[data-value]").value
    if (row.index < (node?.members?.length || 0)) {
      if (e.matches("[data-name]")) this.edit(rename(this.tree, row.base, row.index, name))
      else this.put([...row.base, {member: row.index}], JSON.stringify(value))
    } else if (name) this.put([...row.base, name], JSON.stringify(value))
  }

  clicked(button) {
    const list = button?.closest("[data-list], [data-map]"), row = button?.closest("[data-row]")
    if (!list) return
    if (button.matches("[data-add]")) return this.add(list)
    if (!row || !button.matches("[data-move], [data-drop]")) return
    const node = at(this.tree, list.place), count = node?.items?.length ?? node?.members?.length ?? 0, i = row.index
    if (button.matches("[data-move]")) {
      const by = Number(button.dataset.move)
      this.edit(swap(this.text, this.tree, list.place, Math.min(i, i + by)))
      this.show()
      const again = list.querySelector("[data-rows]").children[i + by].querySelector(`[data-move="${by}"]`)
      ;(again.disabled ? again.parentElement.querySelector("[data-move]:not(:disabled)") : again)?.focus()
      return
    }
    if (i >= count) { list.waiting = false; row.remove() } else {
      this.edit(remove(this.text, this.tree, [...list.place, list.dataset.list !== undefined ? i : {member: i}]))
      if (list.dataset.optional !== undefined && count === 1) this.drop(list.place)
    }
    this.show()
    list.querySelector("[data-add]").focus()
  }

  add(list) {
    const node = at(this.tree, list.place), count = node?.items?.length ?? node?.members?.length ?? 0
    if (list.dataset.new) {
      this.put([...list.place, count], JSON.stringify(JSON.parse(list.dataset.new), null, 2))
      this.show()
    } else if (!list.waiting) {
      list.waiting = true
      this.addRow(list)
      this.show()
    }
    list.querySelector("[data-rows]").lastElementChild.querySelector("input, select, textarea").focus()
  }
}

let counter = 0

function describe(e, id, on) {
  const ids = new Set((e.getAttribute("aria-describedby") || "").split(" ").filter(Boolean))
  if (on) ids.add(id)
  else ids.delete(id)
  if (ids.size) e.setAttribute("aria-describedby", [...ids].join(" "))
  else e.removeAttribute("aria-describedby")
}

function setValue(e, text) {
  if (e.tagName === "SELECT" && ![...e.options].some(o => o.value === text)) e.append(element("option", {value: text}, text)) // wrong, and to be seen
  e.value = text
}

// shown is a value as a field has it.
function shown(node, type, text) {
  if (isNothing(node)) return ""
  if (node.kind === "text") return node.value
  if (node.kind === "number" && type === "size") return inUnits(node.value)
  return text.slice(node.from, node.to)
}

function inUnits(digits) {
  let n = Number(digits), unit = ""
  if (!Number.isSafeInteger(n)) return digits
  for (const next of units) {
    if (n === 0 || n % 1024) break
    n /= 1024
    unit = next
  }
  return n + unit
}

// rawOf is a field's value as JSON, null for nothing. What is no number stays text: the API says what is wrong with it.
function rawOf(e) {
  if (e.type === "checkbox") return String(e.checked)
  const text = e.value, item = typeof e.place.at(-1) === "number"
  if (text === "" && e.dataset.empty !== "keep" && !item) return null
  switch (e.dataset.type) {
    case "word": return text
    case "number": return /^\s*-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?\s*$/.test(text) ? text.trim() : JSON.stringify(text)
    case "size": return /^\s*(0|[1-9]\d*)\s*$/.test(text) ? text.trim() : JSON.stringify(text)
    default: return JSON.stringify(text)
  }
}

