// The page of a node: its tags and environment, each change of which is one edit at the revision that the page shows, and
// its manifest.
import {element, renew, request, toast, word} from "./console.js"

const place = () => document.getElementById("node-edit")
const tagsNow = () => [...place().querySelectorAll("[data-tag]")].map(li => li.dataset.tag)
const envsNow = () => Object.fromEntries([...place().querySelectorAll("[data-env]")].map(row => [row.dataset.env, row.dataset.value]))

let saving = false

// save writes the tags or the environment; false: it did not work, and was said.
async function save(what, value) {
  if (saving) return false
  saving = true
  const {node, etag} = place().dataset
  try {
    await request("PUT", `/v1/node/${encodeURIComponent(node)}/${what}`, {body: JSON.stringify(value), etag})
    return true
  } catch (problem) {
    toast(problem.status === 412 ? word("stale") : problem.message, true)
    return false
  } finally {
    saving = false
    await renew()
  }
}

document.addEventListener("click", event => {
  const button = event.target.closest("button")
  if (!button) return
  const row = button.closest("[data-env]"), tag = button.closest("[data-tag]")
  if (button.matches("[data-untag]")) save("tag", tagsNow().filter(t => t !== tag.dataset.tag))
  else if (button.matches("[data-env-edit]")) {
    document.getElementById("env-name").value = row.dataset.env
    const value = document.getElementById("env-value")
    value.value = row.dataset.value
    value.focus()
  } else if (button.matches("[data-env-remove]")) {
    const envs = envsNow()
    delete envs[row.dataset.env]
    save("env", envs)
  }
})

document.addEventListener("submit", async event => {
  const form = event.target
  if (form.id === "tag-form") {
    event.preventDefault()
    const input = document.getElementById("new-tag"), tag = input.value.trim()
    if (tag && !tagsNow().includes(tag) && !await save("tag", [...tagsNow(), tag])) return
    input.value = ""
    input.focus()
  } else if (form.id === "env-form") {
    event.preventDefault()
    const name = document.getElementById("env-name"), value = document.getElementById("env-value")
    if (!name.value.trim()) { name.focus(); return }
    if (!await save("env", {...envsNow(), [name.value.trim()]: value.value})) return
    name.value = value.value = ""
    name.focus()
  } else if (form.id === "manifest-form") {
    event.preventDefault()
    saveManifest(form)
  }
})

// saveManifest sends the text as it is. What is wrong with it is marked in the editor and told below it.
async function saveManifest(form) {
  const text = form.querySelector("textarea"), said = form.querySelector("[data-said]"), {put, etag, then} = form.dataset
  said.replaceChildren()
  try {
    await request("PUT", put, {body: text.value, etag, absent: !etag})
    location.assign(then)
  } catch (problem) {
    if (problem.status === 412) {
      said.replaceChildren(element("p", {}, word("node.manifest.stale")), element("a", {href: location.href, class: "button small"}, word("node.manifest.reload")))
      return
    }
    if (problem.errors.length === 0) { said.replaceChildren(problem.message); return }
    text.editor?.mark(problem.errors)
    said.replaceChildren(element("ul", {}, ...problem.errors.map(e => element("li", {},
      e.line ? element("button", {type: "button", class: "small", onclick: () => text.editor?.goto(e.line, e.column || 1)}, word("node.manifest.at", e.line, e.column || 1)) : "",
      " ", e.path ? element("code", {}, e.path) : "", " ", e.message))))
  }
}
