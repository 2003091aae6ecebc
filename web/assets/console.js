// What every page needs: it renews itself when what it shows changes, buttons send requests to the API, and keys work.
//
//   <main data-live="nodes app/web">        the topics that renew the page
//   <button data-send="POST /v1/app/web/_stop" …>
//     data-body      the body, as it is              data-etag   the revision that the edit is of (If-Match)
//     data-ask       a question to answer first      data-type   a name to type before it is done
//     data-done      what to say then                data-then   where to go then
//   <form data-send="PUT …">  the same; its body is that of the field with [data-body], or what an "assemble" listener puts
//     into event.detail.body
//   <button data-copy>  copies the text of the <code> beside it

const words = JSON.parse(document.getElementById("words").textContent)

// word gives a text of the catalogue ("js.<key>"), with {0}, {1}… filled in.
export function word(key, ...args) {
  const text = words[key]
  if (text === undefined) throw new Error(`no word js.${key}`)
  return text.replace(/\{(\d)\}/g, (_, i) => args[i])
}

// element makes an element with text and attributes: nothing that came from elsewhere is ever read as HTML.
export function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value)
    else if (value === true) e.setAttribute(name, "")
    else if (value !== false && value != null) e.setAttribute(name, value)
  }
  e.append(...children)
  return e
}

// toast shows a message: for a while, or, when something is bad, until it is closed.
export function toast(text, bad = false) {
  const close = element("button", {type: "button", class: "plain small", "aria-label": word("keys.close"), onclick: () => box.remove()}, "×")
  const box = element("div", {class: bad ? "toast bad" : "toast", role: bad ? "alert" : "status"}, element("span", {}, text), close)
  document.getElementById("toasts").append(box)
  if (!bad) setTimeout(() => box.remove(), 4000)
}

// Problem is an answer of the API that says what is wrong (RFC 9457).
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || word("failed"))
    this.status = status
    this.errors = body.errors || []
  }
}

// quoted is a revision as headers have it (RFC 9110 section 8.8.3), whether it came from one or from a document.
export const quoted = etag => /^(W\/)?"/.test(etag) ? etag : `"${etag}"`

// request asks the API. It gives the answer, or throws a Problem.
export async function request(method, path, {body, etag, absent, headers = {}, signal} = {}) {
  if (etag) headers["If-Match"] = quoted(etag)
  if (absent) headers["If-None-Match"] = "*"
  let answer
  try {
    answer = await fetch(path, {method, body, headers, signal})
  } catch (e) {
    if (e.name === "AbortError") throw e
    throw new Problem(0, {detail: word("network")})
  }
  if (!answer.ok) {
    const text = await answer.text()
    let problem = {detail: text}
    try { problem = JSON.parse(text) } catch { /* a proxy's page, say */ }
    throw new Problem(answer.status, problem)
  }
  return answer
}

// ask shows a question; with name, that has to be typed. It gives true when the answer is yes.
export function ask(question, {name, danger = false} = {}) {
  const dialog = document.getElementById("ask")
  const input = name && element("input", {"aria-label": word("type.name", name), autocomplete: "off", spellcheck: "false", class: "mono"})
  const yes = element("button", {value: "yes", class: danger || name ? "danger" : "primary", disabled: Boolean(name)}, word("confirm"))
  input?.addEventListener("input", () => { yes.disabled = input.value !== name })
  dialog.replaceChildren(element("form", {method: "dialog"},
    element("h2", {id: "ask-title"}, question),
    ...(name ? [element("p", {}, word("type.name", name)), element("p", {}, input)] : []),
    element("div", {class: "actions"}, yes, element("button", {value: "no", formnovalidate: true}, word("cancel")))))
  dialog.returnValue = "no"
  dialog.showModal()
  ;(input || yes).focus()
  return new Promise(resolve => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), {once: true}))
}

const main = document.getElementById("main")
let here = main.dataset.url // what the page shows
let renewing = null, again = false
let leaving = false // what the page shows may be gone by now

// renew asks for the page once more and changes what differs. Calls while one is under way are one more, later: a page that
// takes long to make, or to show, is not asked for all the time.
export async function renew() {
  if (renewing) { again = true; return renewing }
  if (leaving || !main.dataset.live || document.querySelector("[data-still]")) return
  const began = performance.now()
  renewing = htmx.ajax("GET", here, {target: "#main", select: "#main", swap: "outerMorph"}).catch(() => {})
  await renewing
  renewing = null
  document.dispatchEvent(new CustomEvent("renewed"))
  if (again) { again = false; setTimeout(renew, 2 * (performance.now() - began)) }
}

// visit makes the page that of another URL: reload and back keep it.
export function visit(url) {
  if (url === here) return
  here = url
  history.replaceState(history.state, "", url)
  return renew()
}

// The stream is closed while nobody looks: browsers allow six connections to a server, and tabs are many.
let stream = null, lost = false // the stream was, and what it told meanwhile
function listen() {
  const topics = (main.dataset.live || "").split(" ").filter(Boolean)
  if (topics.length === 0 || stream || document.hidden) return
  const status = document.getElementById("connection")
  stream = new EventSource("/live?" + topics.map(t => "on=" + encodeURIComponent(t)).join("&"))
  stream.onopen = () => { status.textContent = ""; if (lost) renew(); lost = false }
  stream.onerror = () => {
    lost = true
    status.textContent = word("offline")
    if (stream && stream.readyState === EventSource.CLOSED) { stream = null; setTimeout(listen, 3000) }
  }
  stream.addEventListener("changed", renew)
}
function hush() { stream?.close(); stream = null }
document.addEventListener("visibilitychange", () => { if (document.hidden) hush(); else { listen(); renew() } })
window.addEventListener("pagehide", hush)
window.addEventListener("pageshow", () => { leaving = false; listen() })
// What has no topic, such as rates, is at most this old.
setInterval(() => { if (!document.hidden) renew() }, 15000)

// send does what an element with data-send says.
async function send(source, body) {
  const [method, path] = source.dataset.send.split(" ")
  const {ask: question, type: name, etag, done, then} = source.dataset
  if (question && !await ask(question, {name, danger: source.classList.contains("danger")})) return false
  source.setAttribute("aria-busy", "true")
  leaving = Boolean(then)
  try {
    await request(method, path, {body: body ?? source.dataset.body, etag})
    if (then) { location.assign(then); return true }
    toast(done || word("done"))
    await renew()
    return true
  } catch (problem) {
    leaving = false
    toast(problem.status === 412 ? word("stale") : problem.message, true)
    if (then || problem.status === 412) await renew()
    return false
  } finally {
    source.removeAttribute("aria-busy")
  }
}

document.addEventListener("click", event => {
  const button = event.target.closest("button[data-send]")
  if (button && button.getAttribute("aria-busy") !== "true") { event.preventDefault(); send(button) }
  const copy = event.target.closest("[data-copy]")
  if (copy) copyText(copy.parentElement.querySelector("code"))
  if (event.target.closest("[data-theme-switch]")) switchTheme()
  const lang = event.target.closest("[data-lang-switch]")
  if (lang) go({lang: lang.dataset.langSwitch})
  if (event.target.closest("[data-keys]")) showKeys()
})

// copyText needs the old way where a page did not come by TLS, or from the machine itself: browsers have no clipboard there.
async function copyText(code) {
  try {
    await navigator.clipboard.writeText(code.textContent)
  } catch {
    getSelection().selectAllChildren(code)
    if (!document.execCommand("copy")) return // it is selected, at least
  }
  toast(word("copied"))
}

document.addEventListener("submit", event => {
  const form = event.target.closest("form[data-send]")
  if (!form) return
  event.preventDefault()
  const detail = {body: form.querySelector("[data-body]")?.value}
  form.dispatchEvent(new CustomEvent("assemble", {detail, bubbles: true}))
  document.activeElement?.blur() // so that the page may renew what was typed
  send(form, detail.body)
})

function go(parameters) {
  const url = new URL(location.href)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  location.assign(url)
}

function switchTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme.trim() === "dark" ||
    !document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches
  const theme = dark ? "light" : "dark"
  document.documentElement.dataset.theme = theme
  fetch("/?theme=" + theme) // the server remembers it
}

// size shows bytes with a binary unit. The pages themselves have the same (web/format.go).
export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
  let i = 0
  for (; bytes >= 1024 && i < units.length - 1; i++) bytes /= 1024
  return `${bytes.toFixed(i && bytes < 100 ? 1 : 0)} ${units[i]}`
}

// Times are shown as how long ago they were.
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds)), f = Math.floor
  if (s >= 86400) return `${f(s / 86400)}d ${f(s / 3600) % 24}h`
  if (s >= 3600) return `${f(s / 3600)}h ${f(s / 60) % 60}m`
  return s >= 60 ? `${f(s / 60)}m ${s % 60}s` : `${s}s`
}
setInterval(() => {
  if (document.hidden) return
  for (const time of document.querySelectorAll("time[datetime]:not([data-clock])")) {
    const text = span((Date.now() - Date.parse(time.dateTime)) / 1000)
    if (time.textContent !== text) time.textContent = text
  }
}, 1000)

// Times with [data-clock] are shown in the browser's zone. An observer runs before anything is painted.
const two = n => String(n).padStart(2, "0")
function showClocks() {
  for (const time of document.querySelectorAll("time[data-clock]")) {
    const d = new Date(time.dateTime)
    const text = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
    if (time.textContent !== text) { time.title = time.dateTime; time.textContent = text }
  }
}
showClocks()
new MutationObserver(showClocks).observe(main, {subtree: true, childList: true, characterData: true})

// Keys: / goes to the search box, g and a letter to a section, ? lists them.
let prefix = 0
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, [contenteditable]")) return
  if (document.querySelector("dialog[open]")) return
  if (event.key === "/") {
    const box = document.querySelector("[data-search]")
    if (box) { event.preventDefault(); box.focus(); box.select() }
  } else if (event.key === "?") showKeys()
  else if (event.key === "g") { prefix = Date.now(); return }
  else if (Date.now() - prefix < 1500) document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`)?.click()
  prefix = 0
})

function showKeys() {
  const rows = [["/", word("keys.search")], ["?", word("keys.help")], ["Esc", word("keys.close")]]
  for (const a of document.querySelectorAll("nav a[data-key]")) rows.push(["g " + a.dataset.key, a.textContent])
  const dialog = document.getElementById("ask")
  dialog.replaceChildren(element("form", {method: "dialog"}, element("h2", {id: "ask-title"}, word("keys")),
    element("table", {}, element("tbody", {}, ...rows.map(([key, what]) =>
      element("tr", {}, element("td", {}, ...key.split(" ").flatMap(k => [element("kbd", {}, k), " "])), element("td", {}, what))))),
    element("div", {class: "actions"}, element("button", {value: "no"}, word("keys.close")))))
  dialog.showModal()
}

document.getElementById("ask").addEventListener("click", event => { // beside the dialog
  if (event.target === event.currentTarget) event.currentTarget.close("no")
})

listen()
