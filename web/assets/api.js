// The page of the API: a filter over its requests, and links open what they lead to.

function filter() {
  const words = document.getElementById("api-filter").value.toLowerCase().split(/\s+/).filter(Boolean)
  let any = false
  for (const group of document.querySelectorAll(".api-group")) {
    let shown = false
    for (const operation of group.querySelectorAll(".operation")) {
      const text = operation.querySelector("summary").textContent.toLowerCase()
      operation.hidden = !words.every(w => text.includes(w))
      shown ||= !operation.hidden
    }
    group.hidden = !shown
    any ||= shown
  }
  document.getElementById("api-none").hidden = any
}

// open shows what the address of the page points at, wherever it is folded away.
function open() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (!target) return
  for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true
  target.scrollIntoView()
}

document.addEventListener("input", event => { if (event.target.id === "api-filter") filter() })
// What is opened can be linked to.
document.addEventListener("toggle", event => {
  if (event.target.matches?.(".operation[open]")) history.replaceState(null, "", "#" + event.target.id)
}, true)
window.addEventListener("hashchange", open)
filter()
open()
