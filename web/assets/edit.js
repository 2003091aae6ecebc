// The pages that edit an app or its choreography: a form and the JSON beside it, which the API checks after each pause in
// typing (?dryRun=report), and what would come of it.
import {word, element, request, toast, quoted, Problem} from "./console.js"
import {mount} from "./editor.js"
import {Form} from "./form.js"
import {parse, at, remove, apply} from "./jsontext.js"
import {save, fetched} from "./conflict.js"
import {showPreview} from "./preview.js"

const page = document.querySelector("[data-edit]")
const fields = page.querySelector("[data-fields]"), area = page.querySelector("textarea[data-editor]"), notice = page.querySelector("[data-notice]")
const saveButton = page.querySelector("[data-save]"), status = page.querySelector("[data-status]"), general = page.querySelector("[data-general]")
const {api, back, order} = page.dataset
let {etag, method} = page.dataset
let base = area.value, fresh = method === "POST", leaving = false, problems = []
const placement = page.querySelector("[data-placement]") // of a new app: its choreography in short
let placed = placement ? summary() : ""

const form = new Form(fields, {order: order.split(" "), nullable: ["resAlloc"], changed: change => { editor.edit([change]); dirty() }})
const editor = mount(area, {validate: check, changed: text => { show(text); dirty() }})
if (page.querySelector("input[data-query]")) bindQuery(page.querySelector("input[data-query]"))

// bindQuery makes the input box for queries a field; in a new app's form it is none of the document's.
function bindQuery(input) {
  if (placement?.contains(input)) return
  input.dataset.path = "query"
  input.dataset.type = "text"
  input.addEventListener("query", () => form.typed(input)) // a suggestion was taken
}

function show(text) {
  const wrong = form.set(text)
  fields.disabled = Boolean(wrong)
  notice.hidden = !wrong
}

const isDirty = () => editor.text() !== base || placement && summary() !== placed
function dirty() { status.textContent = isDirty() ? word("edit.unsaved") : "" }
function summary() { return new URLSearchParams([...placement.querySelectorAll("input[name]")].map(i => [i.name, i.value])).toString() }

// check asks the API what it would say of the text. Of a new document it does not yet tell what is only left out.
async function check(text, signal) {
  let found = []
  if (fresh && !isDirty()) return found
  try {
    const query = placement ? "&" + summary() : ""
    const answer = await request(method, `${page.dataset.api}?dryRun=report${query}`, {body: text, signal})
    meanwhile(answer.headers.get("ETag"))
    const tried = await answer.json()
    found = tried.problems || []
    if (!tried.problems) showPreview(page.querySelector("[data-preview]"), tried)
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem
    found = problem.errors.length ? problem.errors : [{message: problem.message}]
  }
  return tell(found.map(located).filter(p => !fresh || said(p)))
}

// tell shows problems at their fields, and the rest above.
function tell(found) {
  problems = found
  const rest = fields.disabled ? [] : form.mark(found)
  const elsewhere = placement ? rest.filter(p => !tellPlacement(p)) : rest
  general.replaceChildren(...elsewhere.map(p => element("p", {class: "alert bad"}, p.path ? `${p.path}: ${p.message}` : p.message)))
  return found.filter(p => p.line)
}

function tellPlacement(problem) {
  return ["query", "scale"].includes(problem.path) && Boolean(placement.querySelector(`[name="${problem.path}"]`)) && !at(form.tree, [problem.path])
}

// located adds where in the text a problem is that only names its path.
function located(problem) {
  if (problem.line || !problem.path || fields.disabled) return problem
  const node = at(form.tree, problem.path.replace(/\[(\d+)\]/g, ".$1").split(".").map(s => /^\d+$/.test(s) ? Number(s) : s))
  if (!node) return problem
  const before = editor.text().slice(0, node.from).split("\n")
  return {...problem, line: before.length, column: [...before.at(-1)].length + 1}
}

function said(problem) {
  if (!problem.path || fields.disabled) return !problem.path || problem.line
  const place = form.places.get(problem.path)
  return !place || form.touched.has(problem.path) || place.value
}

// meanwhile tells that somebody else changed the document, before a save would.
function meanwhile(now) {
  const changed = method === "PUT" && etag && now && now !== quoted(etag)
  page.querySelector("[data-meanwhile]").hidden = !changed
}

saveButton.addEventListener("click", async () => {
  saveButton.disabled = true
  fresh = false
  try {
    if (await write()) leave()
  } catch (problem) {
    refuse(problem)
  } finally {
    saveButton.disabled = false
  }
})

function refuse(problem) {
  if (!(problem instanceof Problem)) throw problem
  const found = problem.errors.length ? problem.errors.map(located) : [{message: problem.message}]
  editor.mark(tell(found))
  const wrong = fields.querySelector("[aria-invalid]")
  ;(wrong?.matches("fieldset") ? wrong.querySelector("input, button") : wrong)?.focus()
  if (!wrong) general.scrollIntoView({block: "nearest"})
  toast(problems.length ? word("edit.refused") : problem.message, true)
}

// write saves what differs, and gives whether all of it is saved.
async function write() {
  const text = editor.text()
  if (method === "POST") {
    const answer = await request("POST", api, {body: text})
    const name = (await answer.json()).name
    method = "PUT"
    etag = answer.headers.get("ETag")
    page.dataset.api = `${api}/${encodeURIComponent(name)}`
    base = text
    return place(name)
  }
  const path = page.dataset.api, kept = await save(path, {text, base, etag, read: () => bare(path)})
  if (kept.saved) {
    base = text
    etag = kept.etag
    return placement ? place(decodeURIComponent(path.split("/").at(-1))) : true
  }
  if (kept.gone) return true
  base = kept.base
  etag = kept.etag
  if (kept.text !== text) { editor.set(kept.text); show(kept.text) }
  dirty()
  return false
}

// bare gives a document as it is stored, without what the API tells besides.
async function bare(path) {
  const now = await fetched(path)
  if (!now.text) return now
  for (const name of ["status", "dist"]) now.text = apply(now.text, remove(now.text, parse(now.text), [name]))
  return now
}

// place writes the choreography of a new app, after the app. When that fails the app is there all the same, and is said to be.
async function place(name) {
  if (!placement) return true
  const values = Object.fromEntries(new URLSearchParams(summary()))
  const body = JSON.stringify({app: name, query: values.query || "*", scale: Number(values.scale)})
  const path = `/v1/app/${encodeURIComponent(name)}/choreo`
  try {
    await request("PUT", path, {body})
    placed = summary()
    return true
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem
    general.replaceChildren(element("p", {class: "alert bad"}, word("edit.half", name, problem.message), " ",
      element("a", {href: `/apps/${encodeURIComponent(name)}/choreo`}, word("edit.half.go"))))
    toast(word("edit.half", name, problem.message), true)
    return false
  }
}

function leave() {
  leaving = true
  const name = method === "PUT" ? page.dataset.api.split("/")[3] : ""
  location.assign(back || `/apps/${name}`)
}

window.addEventListener("beforeunload", event => { if (!leaving && isDirty()) event.preventDefault() })
document.addEventListener("keydown", event => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") { event.preventDefault(); saveButton.click() }
})
page.addEventListener("submit", event => event.preventDefault())
for (const kind of ["input", "query"]) placement?.addEventListener(kind, soon)
function soon() {
  dirty()
  clearTimeout(placement.late)
  placement.late = setTimeout(() => editor.check(), 350)
}

show(area.value)
form.openUsed()
editor.check()
for (const list of page.querySelectorAll("datalist[data-zones]")) list.append(...(Intl.supportedValuesOf?.("timeZone") || []).map(zone => element("option", {value: zone})))
