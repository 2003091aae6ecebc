// A document of the bucket: saving it, against the revision that was read.
import {word, toast} from "./console.js"
import {save} from "./conflict.js"

const form = document.querySelector("form[data-document]")
if (form) {
  const area = form.querySelector("textarea"), said = form.querySelector("[data-status]"), wrong = form.querySelector(".field-error")
  let base = area.value, etag = form.dataset.etag || null
  const dirty = () => area.value !== base
  const put = text => { if (area.editor) area.editor.set(text); else area.value = text }

  form.addEventListener("input", () => { said.textContent = dirty() ? word("bucket.unsaved") : "" })
  window.addEventListener("beforeunload", event => { if (dirty() && !form.dataset.leaving) event.preventDefault() })
  document.addEventListener("keydown", event => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") { event.preventDefault(); form.requestSubmit() }
  })

  form.addEventListener("submit", async event => {
    event.preventDefault()
    const button = form.querySelector("button.primary")
    if (button.disabled) return
    button.disabled = true
    wrong.hidden = true
    try { await write() } catch (problem) { refuse(problem) } finally { button.disabled = false }
  })

  // A new document has no path until its key is typed.
  async function write() {
    const path = form.dataset.document || "/v1/bucket/" + form.elements.key.value.trim().split("/").map(encodeURIComponent).join("/")
    const kept = await save(path, {text: area.value, base, etag})
    if (kept.gone) return leave("/bucket")
    if (!kept.saved) {
      base = kept.base; etag = kept.etag
      put(kept.text)
      said.textContent = dirty() ? word("bucket.unsaved") : ""
      return
    }
    if (!form.dataset.document) return leave("/bucket/" + path.slice("/v1/bucket/".length))
    base = area.value; etag = kept.etag
    said.textContent = ""
    area.editor?.mark([])
    const plain = etag?.replace(/^(W\/)?"|"$/g, "")
    document.getElementById("etag").textContent = plain
    document.querySelector("button[data-send][data-etag]").dataset.etag = plain
    toast(word("bucket.saved"))
  }

  function leave(to) {
    form.dataset.leaving = "yes"
    location.assign(to)
  }

  function refuse(problem) {
    wrong.hidden = false
    wrong.textContent = problem.message
    if (problem.errors?.length) area.editor?.mark(problem.errors)
  }
}
