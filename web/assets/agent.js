// The page of an agent: tags and environment are edited as lines.
const lines = text => text.split(/\r?\n/).filter(line => line.trim())

// What was typed and not saved yet stays, with the revision that it is of.
document.addEventListener("input", event => { event.target.closest("form[data-lines]")?.setAttribute("data-keep", "") })

document.addEventListener("assemble", event => {
  const kind = event.target.dataset.lines
  if (!kind) return
  event.target.removeAttribute("data-keep")
  const all = lines(event.target.querySelector("textarea").value)
  if (kind === "tags") event.detail.body = JSON.stringify(all.map(tag => tag.trim()))
  if (kind === "envs") {
    event.detail.body = JSON.stringify(Object.fromEntries(all.map(line => {
      const at = line.indexOf("=")
      return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1)]
    })))
  }
})
