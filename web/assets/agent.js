// Pages of an agent: tags and environment as lines, and the document of an app.
import {request} from "./console.js"
import {save, fetched} from "./conflict.js"

const lines = text => text.split("\n").map(line => line.trimEnd()).filter(line => line.trim())

document.addEventListener("assemble", event => {
  const kind = event.target.dataset.lines
  if (!kind) return
  const all = lines(event.target.querySelector("textarea").value)
  if (kind === "tags") event.detail.body = JSON.stringify(all.map(tag => tag.trim()))
  if (kind === "envs") {
    event.detail.body = JSON.stringify(Object.fromEntries(all.map(line => {
      const at = line.indexOf("=")
      return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1)]
    })))
  }
})

const form = document.querySelector("form[data-app]")
if (form) {
  const area = form.querySelector("textarea"), wrong = form.querySelector(".field-error")
  let base = area.value, etag = form.dataset.etag || null, leaving = false
  window.addEventListener("beforeunload", event => { if (area.value !== base && !leaving) event.preventDefault() })
  const leave = to => { leaving = true; location.assign(to) }

  form.addEventListener("submit", async event => {
    event.preventDefault()
    const button = form.querySelector("button.primary")
    button.disabled = true
    wrong.hidden = true
    try { await (form.dataset.app ? change(form.dataset.app) : create()) } catch (problem) {
      wrong.hidden = false
      wrong.textContent = problem.message
      if (problem.errors?.length) area.editor?.mark(problem.errors)
    } finally { button.disabled = false }
  })

  async function create() {
    const answer = await request("POST", "/v1/app", {body: area.value})
    const {name} = await answer.json(), path = "/v1/app/" + encodeURIComponent(name)
    await request("POST", path + "/_scale", {body: form.elements.count.value})
    leave("/apps/" + encodeURIComponent(name))
  }

  async function change(name) {
    const path = "/v1/app/" + encodeURIComponent(name)
    const kept = await save(path, {text: area.value, base, etag, read: () => present(path)})
    if (kept.saved) return leave("/apps/" + encodeURIComponent(name))
    if (kept.gone) return leave("/")
    base = kept.base
    etag = kept.etag
    area.editor?.set(kept.text)
  }

  // The document without what the API adds to it.
  async function present(path) {
    const {text, etag} = await fetched(path)
    if (!etag) return {text, etag}
    const {status, ...app} = JSON.parse(text)
    return {text: JSON.stringify(app, null, 2) + "\n", etag}
  }
}
