// Input boxes for queries: completion, and what is wrong with the query while it is typed. What may stand at the cursor
// comes from /v1/<kind>/_suggest, which tells the query's error, too. A box in a form with [data-query-form] renews the
// page as one types, and the page's URL is that of the query: reload and back keep it.
import {element, request, visit, word} from "./console.js"

const suggestAfter = 80, searchAfter = 200 // milliseconds without a key

// box is what is known of an input, made when it is first used: a page may get new ones when it renews.
const boxes = new WeakMap()
function boxOf(input) {
  let box = boxes.get(input)
  if (!box) boxes.set(input, box = {items: [], active: -1, from: 0, to: 0, timer: 0, asking: null, asked: input.defaultValue, error: null, show: true})
  return box
}
const listOf = input => document.getElementById(input.getAttribute("aria-controls"))
const faultOf = input => document.getElementById(input.getAttribute("aria-describedby"))
const queryInput = event => event.target.closest?.("input[data-query]")

// Positions of the API are in characters, those of an input in UTF-16 units.
const characters = text => [...text].length
const units = (text, n) => [...text].slice(0, n).join("").length

async function suggest(input, show) {
  const box = boxOf(input)
  box.asking?.abort()
  const asking = box.asking = new AbortController()
  const q = input.value, pos = characters(q.slice(0, input.selectionStart))
  let answer
  try {
    answer = await (await request("GET", `/v1/${input.dataset.query}/_suggest?` + new URLSearchParams({q, pos}), {signal: asking.signal})).json()
  } catch {
    return // a newer one goes on, or there is nothing to suggest now
  }
  if (q !== input.value) return
  box.asked = q
  box.error = answer.error || null
  const unfinished = box.error && box.error.column > pos && document.activeElement === input
  showFault(input, unfinished ? null : box.error)
  clearTimeout(box.late)
  if (unfinished) box.late = setTimeout(() => { if (q === input.value) showFault(input, box.error) }, 1200)
  if (show && document.activeElement === input) open(input, answer)
  if (!box.error) input.dispatchEvent(new CustomEvent("query", {bubbles: true, detail: {query: q}}))
}

// showFault tells what is wrong: the query with the place marked, and the nearest one that can be read.
function showFault(input, error) {
  const place = faultOf(input)
  input.toggleAttribute("aria-invalid", false)
  if (!error) { if (place.firstChild) place.replaceChildren(); return }
  input.setAttribute("aria-invalid", "true")
  const all = [...input.value], at = error.column - 1
  const parts = [element("code", {}, all.slice(0, at).join(""), element("mark", {}, all[at] ?? "␣"), all.slice(at + 1).join("")),
    " ", element("span", {class: "field-error"}, word("query.column", error.column) + " " + error.message)]
  if (error.nearest) {
    parts.push(" ", element("button", {type: "button", class: "small", "data-nearest": error.nearest}, word("query.nearest") + " ", element("code", {}, error.nearest)))
  }
  place.replaceChildren(...parts)
}

function open(input, answer) {
  const box = boxOf(input), list = listOf(input)
  Object.assign(box, {items: answer.suggestions, from: answer.from, to: answer.to, active: -1})
  list.replaceChildren(...box.items.map((s, i) => element("li", {id: `${list.id}-${i}`, role: "option", "aria-selected": "false", class: s.kind},
    element("code", {}, s.text.trim()), element("span", {}, s.hint || ""))))
  list.hidden = box.items.length === 0
  input.setAttribute("aria-expanded", String(!list.hidden))
  input.removeAttribute("aria-activedescendant")
}

function close(input) {
  const box = boxOf(input)
  box.asking?.abort()
  clearTimeout(box.timer)
  box.items = []
  box.active = -1
  listOf(input).hidden = true
  input.setAttribute("aria-expanded", "false")
  input.removeAttribute("aria-activedescendant")
}

function move(input, to) {
  const box = boxOf(input), list = listOf(input), n = box.items.length
  list.children[box.active]?.setAttribute("aria-selected", "false")
  box.active = (to + n + 1) % (n + 1)
  if (box.active === n) box.active = -1 // between the last and the first: the text as it is
  const option = list.children[box.active]
  if (!option) { input.removeAttribute("aria-activedescendant"); return }
  option.setAttribute("aria-selected", "true")
  option.scrollIntoView({block: "nearest"})
  input.setAttribute("aria-activedescendant", option.id)
}

// take puts a suggestion in the place of what it stands for.
function take(input, i) {
  const box = boxOf(input), s = box.items[i], q = input.value
  const before = q.slice(0, units(q, box.from)), behind = q.slice(units(q, box.to))
  const space = s.kind === "value" && behind === "" ? " " : ""
  input.value = before + s.text + space + behind
  const at = (before + s.text + space).length
  input.setSelectionRange(at, at)
  close(input)
  box.show = s.kind !== "value" // what follows a value is another thought
  input.dispatchEvent(new Event("input", {bubbles: true}))
}

// typed takes in that the text changed.
function typed(input, show = true) {
  const box = boxOf(input)
  clearTimeout(box.timer)
  box.timer = setTimeout(() => suggest(input, show), suggestAfter)
  const form = input.form
  if (!form?.matches("[data-query-form]")) return
  clearTimeout(form.searchTimer)
  form.searchTimer = setTimeout(() => { if (!boxOf(input).error) search(form) }, searchAfter)
}

// search shows what a form asks for, in the page that is there.
export function search(form) {
  const values = new URLSearchParams()
  for (const [name, value] of new FormData(form)) if (value !== "") values.append(name, value)
  return visit(location.pathname + (values.size ? "?" + values : ""))
}

document.addEventListener("input", event => {
  const input = queryInput(event)
  if (!input) return
  const box = boxOf(input), show = box.show !== false
  box.show = true
  typed(input, show)
})
document.addEventListener("change", event => { // other controls of the form
  if (event.target.form?.matches("[data-query-form]") && !queryInput(event)) search(event.target.form)
})
document.addEventListener("submit", event => {
  if (!event.target.matches("[data-query-form]")) return
  event.preventDefault()
  const input = event.target.querySelector("input[data-query]")
  clearTimeout(event.target.searchTimer)
  close(input)
  suggest(input, false)
  search(event.target)
})
document.addEventListener("click", event => {
  const option = event.target.closest("[role=option]"), nearest = event.target.closest("[data-nearest]")
  if (option) {
    const input = document.querySelector(`input[data-query][aria-controls="${CSS.escape(option.parentElement.id)}"]`)
    if (input) { take(input, [...option.parentElement.children].indexOf(option)); input.focus() }
  } else if (nearest) {
    const input = nearest.closest(".query-box").querySelector("input[data-query]")
    input.value = nearest.dataset.nearest
    boxOf(input).error = null
    showFault(input, null)
    input.focus()
    boxOf(input).show = false
    input.dispatchEvent(new Event("input", {bubbles: true}))
  }
})
document.addEventListener("mousedown", event => { if (event.target.closest(".query-list")) event.preventDefault() }) // the focus stays
document.addEventListener("focusout", event => {
  const input = queryInput(event)
  if (!input) return
  close(input)
  if (boxOf(input).asked !== input.value) suggest(input, false) // what was typed last is not judged yet
})

document.addEventListener("keydown", event => {
  const input = queryInput(event)
  if (!input || event.isComposing) return
  const box = boxOf(input), shown = box.items.length > 0
  switch (event.key) {
    case "ArrowDown":
      event.preventDefault()
      if (shown) move(input, box.active + 1)
      else suggest(input, true)
      return
    case "ArrowUp":
      if (shown) { event.preventDefault(); move(input, box.active - 1) }
      return
    case "Enter":
      if (shown && box.active >= 0) { event.preventDefault(); take(input, box.active) }
      return
    case "Tab":
      if (!shown || event.shiftKey || box.active < 0 && box.from === box.to) return
      event.preventDefault()
      take(input, Math.max(0, box.active))
      return
    case "Escape":
      if (shown) { event.preventDefault(); event.stopPropagation(); close(input) } else input.blur()
  }
})
