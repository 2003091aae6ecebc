// What to do when somebody else changed a document while it was being edited.
//
//   import {save} from "./conflict.js"
//   const kept = await save("/v1/app/web", {text, base, etag})
//
// text is what to write, base the text that the edit began with, etag its revision (null: there was none). It gives
//   {saved: true, etag}                 written
//   {saved: false, text, base, etag}    the editor goes on with these: its text, and what the next save is compared with
// and throws a Problem where the document is refused. read() gives {text, etag} of what is there now, {text: "", etag: null}
// for nothing; without it that is GET of the path.

import {word, element, request} from "./console.js"

export async function save(path, {text, base, etag, read = () => fetched(path)}) {
  for (;;) {
    try {
      const answer = await request("PUT", path, {body: text, etag, absent: !etag})
      return {saved: true, etag: answer.headers.get("ETag"), answer}
    } catch (problem) {
      if (problem.status !== 412 && !(problem.status === 409 && !etag)) throw problem
    }
    const theirs = await read()
    if (theirs.etag && theirs.text === text) return {saved: true, etag: theirs.etag} // ours, whose answer was lost, or the same edit
    const choice = await conflict({base, mine: text, theirs})
    if (choice.go === "over") { base = theirs.text; etag = theirs.etag; continue }
    if (choice.go === "later") return {saved: false, text, base, etag}
    return {saved: false, text: choice.text, base: theirs.text, etag: theirs.etag, gone: choice.go === "theirs" && !theirs.etag}
  }
}

// fetched gives what the API has at a path.
export async function fetched(path) {
  try {
    const answer = await request("GET", path)
    return {text: await answer.text(), etag: answer.headers.get("ETag")}
  } catch (problem) {
    if (problem.status === 404) return {text: "", etag: null}
    throw problem
  }
}

// conflict shows what both did, and gives {go, text}: "over": write mine over theirs, "theirs", "both" or "mine": the text to
// edit on with, "later": nothing was chosen.
export async function conflict({base, mine, theirs}) {
  const answer = await request("POST", "/diff", {body: JSON.stringify({base, mine, theirs: theirs.text}), headers: {"Content-Type": "application/json"}})
  const found = await answer.json()
  const gone = !theirs.etag
  const choices = [
    found.merged != null && !gone && ["both", word("conflict.both"), word("conflict.both.hint"), "primary"],
    ["theirs", gone ? word("conflict.leave") : word("conflict.theirs"), word("conflict.theirs.hint")],
    ["over", gone ? word("conflict.again") : word("conflict.over"), gone ? word("conflict.again.hint") : word("conflict.over.hint"), "danger"],
    ["mine", word("conflict.edit"), word("conflict.edit.hint")],
  ].filter(Boolean)
  const dialog = element("dialog", {class: "wide", "aria-labelledby": "conflict-title"}, element("form", {method: "dialog"},
    element("h2", {id: "conflict-title"}, gone ? word("conflict.gone") : word("conflict.title")),
    gone ? "" : element("div", {class: "columns"},
      element("section", {}, element("h3", {}, word("conflict.did")), difference(found.theirs)),
      element("section", {}, element("h3", {}, word("conflict.you")), difference(found.mine))),
    gone ? "" : element("details", {}, element("summary", {}, word("conflict.would")), difference(found.over)),
    element("dl", {class: "choices"}, ...choices.flatMap(([go, label, hint, kind]) => [
      element("dt", {}, element("button", {value: go, class: kind || ""}, label)), element("dd", {}, hint)])),
    element("div", {class: "actions"}, element("button", {value: "later", class: "plain"}, word("cancel")))))
  document.body.append(dialog)
  dialog.returnValue = "later"
  dialog.showModal()
  return new Promise(resolve => dialog.addEventListener("close", () => {
    dialog.remove()
    const text = {both: found.merged, theirs: theirs.text}[dialog.returnValue] ?? mine
    resolve({go: dialog.returnValue || "later", text})
  }, {once: true}))
}

// difference makes what the template "diff" makes.
function difference(lines) {
  const box = element("pre", {class: "diff", tabindex: "0"})
  if (lines.length === 0) box.append(element("span", {class: "same"}, word("conflict.equal")))
  for (const {op, text} of lines) {
    if (op === "@") box.append(element("span", {class: "gap"}, "⋯"))
    else box.append(element({"+": "ins", "-": "del"}[op] || "span", op === " " ? {class: "same"} : {}, op + " " + text))
  }
  return box
}
