// Uploads into the folder that the page shows: by the button, or dropped anywhere on the page. One after the other.
import {word, element, request, ask, toast, quoted, renew} from "./console.js"

const zone = document.querySelector("[data-upload]"), list = zone.querySelector(".uploads"), limit = 1 << 30
let last = Promise.resolve()

zone.querySelector("input[type=file]").addEventListener("change", event => {
  take([...event.target.files])
  event.target.value = ""
})
document.addEventListener("dragover", event => {
  if (![...event.dataTransfer.types].includes("Files")) return
  event.preventDefault()
  zone.classList.add("over")
})
document.addEventListener("dragleave", event => { if (!event.relatedTarget) zone.classList.remove("over") })
document.addEventListener("drop", event => {
  zone.classList.remove("over")
  if (!event.dataTransfer.files.length) return
  event.preventDefault()
  take([...event.dataTransfer.files])
})

function take(files) {
  for (const file of files) last = last.then(() => upload(file)).catch(problem => toast(problem.message, true))
}

// upload sends one file. Whether something is there already is asked first: a refusal at the end of 1 GiB helps nobody.
async function upload(file) {
  const key = zone.dataset.upload + file.name
  if (file.size > limit) { toast(word("upload.large", file.name), true); return }
  if (file.name.startsWith(".") || /[\\\x00-\x1f\x7f]/.test(file.name)) { toast(word("upload.name", file.name), true); return }
  const path = "/v1/bucket/" + key.split("/").map(encodeURIComponent).join("/")
  const etag = await present(key)
  if (etag && !await ask(word("upload.exists", key))) return
  const bar = element("progress", {max: file.size || 1, value: 0, "aria-label": key})
  const state = element("span", {class: "soft"}, "0 %")
  const xhr = new XMLHttpRequest()
  const cancel = element("button", {type: "button", class: "small", onclick: () => xhr.abort()}, word("cancel"))
  const row = element("li", {}, element("span", {class: "mono"}, file.name), bar, state, cancel)
  list.prepend(row)
  const said = await send(xhr, path, file, etag, sent => {
    bar.value = sent
    state.textContent = sent < file.size ? `${Math.floor(100 * sent / file.size)} %` : word("upload.storing")
  })
  bar.remove(); cancel.remove()
  if (said.error) { state.textContent = said.error; state.className = "field-error"; return }
  state.remove()
  const uri = `bucket:${key}` + (said.sha256 ? `#sha256=${said.sha256}` : "")
  row.append(element("span", {class: "uri"}, element("code", {}, uri), " ", element("button", {type: "button", class: "small", "data-copy": true}, word("upload.copy"))))
  await renew()
}

async function present(key) {
  const answer = await request("GET", "/v1/bucket?limit=1&prefix=" + encodeURIComponent(key))
  return (await answer.json()).entries.find(e => e.key === key)?.etag
}

// send gives what the API says, or {error}. It never throws.
function send(xhr, path, file, etag, progress) {
  return new Promise(resolve => {
    const answer = () => { try { return JSON.parse(xhr.responseText) } catch { return {} } }
    xhr.open("PUT", path)
    xhr.setRequestHeader("Content-Type", "application/octet-stream")
    if (etag) xhr.setRequestHeader("If-Match", quoted(etag))
    else xhr.setRequestHeader("If-None-Match", "*")
    xhr.upload.onprogress = event => progress(event.loaded)
    xhr.onload = () => resolve(xhr.status < 300 ? answer() : {error: answer().detail || word("failed")})
    xhr.onerror = () => resolve({error: word("network")})
    xhr.onabort = () => resolve({error: word("upload.cancelled")})
    xhr.send(file)
  })
}
