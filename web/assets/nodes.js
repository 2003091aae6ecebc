// The list of nodes: pick some, or all that match, and do the same to each of them.
import {ask, element, renew, request, toast, word} from "./console.js"

const picked = new Set() // ids, those on other pages of the list too
let busy = false

const bar = () => document.getElementById("picked")
const table = () => document.getElementById("nodes")

// show makes boxes and bar agree with what is picked: the page may have been renewed.
function show() {
  const boxes = [...document.querySelectorAll("[data-pick]")]
  for (const box of boxes) {
    box.checked = picked.has(box.dataset.pick)
    box.closest("tr").classList.toggle("chosen", box.checked)
  }
  const page = document.querySelector("[data-pick-page]"), here = boxes.filter(b => b.checked).length
  if (page) {
    page.checked = here > 0 && here === boxes.length
    page.indeterminate = here > 0 && here < boxes.length
  }
  if (!bar()) return
  bar().hidden = picked.size === 0
  bar().querySelector("[data-picked-count]").textContent = word("nodes.picked", picked.size)
  const all = bar().querySelector("[data-pick-all]"), total = Number(table()?.dataset.total || 0)
  all.hidden = !(page?.checked && total > boxes.length && picked.size < total)
  all.textContent = word("nodes.pick.all", total)
  for (const button of bar().querySelectorAll("button, input")) button.disabled = busy
}

// pickAll takes every node that matches the query, of all pages.
async function pickAll() {
  const {q, down} = table().dataset, size = 1000
  for (let from = 0; ; from += size) {
    const answer = await request("POST", `/v1/node/_search?from=${from}&size=${size}&includeDownNode=${down}`, {body: q || "*"})
    const {total, rows} = await answer.json()
    for (const row of rows) picked.add(row.id)
    if (from + size >= total || rows.length === 0) return
  }
}

// editTags changes the tags of a node from what they are now, however often others change them meanwhile.
async function editTags(id, change) {
  for (let tries = 0; ; tries++) {
    const path = `/v1/node/${encodeURIComponent(id)}/tag`
    const answer = await request("GET", path)
    const tags = await answer.json() || []
    const next = change(tags)
    if (next.length === tags.length && next.every((t, i) => t === tags[i])) return
    try {
      return await request("PUT", path, {body: JSON.stringify(next), etag: answer.headers.get("ETag")})
    } catch (problem) {
      if (problem.status !== 412 || tries === 4) throw problem
    }
  }
}

const post = verb => id => request("POST", `/v1/node/${encodeURIComponent(id)}/_${verb}`)
const actions = {
  tag: tag => id => editTags(id, tags => tags.includes(tag) ? tags : [...tags, tag]),
  untag: tag => id => editTags(id, tags => tags.filter(t => t !== tag)),
  drain: () => post("drain"), undrain: () => post("undrain"), cordon: () => post("cordon"), uncordon: () => post("uncordon"),
}

// bulk does an action to all that are picked, several at a time, and tells how far it is and what failed.
async function bulk(button) {
  const kind = button.dataset.bulk, input = document.getElementById("picked-tag"), tag = input.value.trim()
  if ((kind === "tag" || kind === "untag") && !tag) { input.focus(); toast(word("nodes.tag.missing"), true); return }
  if (picked.size > 1 && !await ask(word("nodes.sure", button.textContent.trim() + (kind.endsWith("tag") ? ` “${tag}”` : ""), picked.size), {danger: kind === "drain"})) return
  const ids = [...picked], act = actions[kind](tag), failed = []
  const progress = element("progress", {max: ids.length, value: 0, "aria-label": button.textContent})
  const said = element("p", {}), list = element("ul", {class: "failures"}), place = bar().querySelector("[data-bulk-said]")
  place.replaceChildren(progress, said, list)
  busy = true
  show()
  let done = 0
  const next = async () => {
    while (ids.length > 0) {
      const id = ids.shift()
      try { await act(id); picked.delete(id) } catch (problem) {
        failed.push(id)
        list.append(element("li", {}, element("code", {}, id), " ", problem.message))
      }
      progress.value = ++done
      said.textContent = word("nodes.progress", done, progress.max, failed.length)
    }
  }
  await Promise.all(Array.from({length: Math.min(6, ids.length)}, next))
  busy = false
  if (failed.length === 0) { toast(done === 1 ? word("done") : word("nodes.all.done", done)); place.replaceChildren() }
  show()
  await renew()
}

document.addEventListener("change", event => {
  const {pick, pickPage} = event.target.dataset
  if (pick !== undefined) {
    if (event.target.checked) picked.add(pick); else picked.delete(pick)
  } else if (pickPage !== undefined) {
    for (const box of document.querySelectorAll("[data-pick]")) {
      if (event.target.checked) picked.add(box.dataset.pick); else picked.delete(box.dataset.pick)
    }
  } else return
  show()
})
document.addEventListener("click", async event => {
  const button = event.target.closest("button")
  if (!button) return
  if (button.matches("[data-pick-none]")) { picked.clear(); bar().querySelector("[data-bulk-said]").replaceChildren(); show() }
  else if (button.matches("[data-pick-all]")) {
    try { await pickAll() } catch (problem) { toast(problem.message, true) }
    show()
  } else if (button.matches("[data-bulk]")) bulk(button)
})
document.addEventListener("renewed", show)
show()
