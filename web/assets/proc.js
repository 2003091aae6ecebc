// The page of an instance: what only its agent knows (results of health checks), and what is read when somebody looks (crash
// outputs).

import {element, request, size, span, word} from "./console.js"

const often = 5000 // milliseconds between two looks at health checks

// The form that sends a signal.
document.addEventListener("assemble", event => {
  if (event.target.matches("form[data-kill]")) event.detail.body = JSON.stringify({signal: Number(event.target.signal.value)})
})

const time = at => element("time", {datetime: at, title: at}, span((Date.now() - Date.parse(at)) / 1000))

let asking = false // an agent that is slow is asked once at a time
async function health() {
  const place = document.getElementById("health")
  if (asking || !place || document.hidden || !document.querySelector("[data-pid]")) return // without a process there is nothing to check
  let checks
  asking = true
  try {
    checks = await (await request("GET", place.dataset.health)).json()
  } catch (problem) {
    place.replaceChildren(element("p", {class: "alert warn"}, problem.message))
    return
  } finally {
    asking = false
  }
  if (checks.length === 0) place.replaceChildren(element("p", {class: "soft"}, word("proc.unchecked")))
  else place.replaceChildren(element("div", {class: "table"}, element("table", {class: "stack"}, head(), element("tbody", {}, ...checks.map(row)))))
}

const columns = ["check", "health", "failures", "last", "results"]
const head = () => element("thead", {}, element("tr", {}, ...columns.map(c => element("th", {scope: "col"}, title(c)))))

function title(column) {
  switch (column) {
    case "check": return word("proc.check")
    case "health": return word("proc.health")
    case "failures": return word("proc.failures")
    case "last": return word("proc.last")
  }
  return word("proc.results")
}

const healthiness = h => h === "healthy" ? word("proc.healthy") : h === "unhealthy" ? word("proc.unhealthy") : word("proc.unknown")

function row(check) {
  const [last] = check.results
  const told = last ? [`${last.message || (last.ok ? word("proc.ok") : word("proc.failed"))} (${last.tookSeconds.toFixed(3)} s) `, element("small", {class: "soft"}, time(last.at))] : ["–"]
  const dots = check.results.toReversed().map(r => element("span", {class: r.ok ? "dot good" : "dot bad", role: "img",
    title: `${r.at} ${r.message}`, "aria-label": r.ok ? word("proc.ok") : word("proc.failed")}))
  return element("tr", {},
    element("td", {class: "wide", "data-label": title("check")}, element("span", {class: "tag"}, check.protocol), " ", element("code", {}, check.target)),
    element("td", {"data-label": title("health")}, element("span", {class: `chip ${check.health}`}, healthiness(check.health))),
    element("td", {"data-label": title("failures")}, word("proc.of", check.failures, check.maxConsecutiveFailures)),
    element("td", {class: "wide", "data-label": title("last")}, ...told),
    element("td", {class: "nowrap", "data-label": title("results")}, ...dots))
}

let listed = ""
async function crashes() {
  const place = document.getElementById("crashes")
  if (!place || document.hidden) return
  let all
  try {
    all = await (await request("GET", `${place.dataset.crashes}?instance=${encodeURIComponent(place.dataset.instance)}`)).json()
  } catch {
    return // the bucket is away, as the head of the page tells
  }
  const names = all.map(c => c.name).join()
  if (names === listed) return
  listed = names
  place.replaceChildren(...all.length === 0 ? [] : [element("h2", {}, place.dataset.title), ...all.map(c => crash(place.dataset.crashes, c))])
}

// crash reads its text when it is opened.
function crash(base, kept) {
  const url = `${base}/${encodeURIComponent(kept.name)}`, text = element("pre", {tabindex: "0"}, word("proc.reading"))
  const details = element("details", {class: "card"}, element("summary", {}, `${kept.at.replace("T", " ").replace("Z", "")} UTC · ${size(kept.bytes)}`),
    element("p", {}, element("a", {href: url, download: kept.name}, word("proc.save"))), text)
  details.addEventListener("toggle", async () => {
    if (!details.open || details.dataset.read) return
    details.dataset.read = "true"
    try {
      text.textContent = await (await request("GET", url)).text()
    } catch (problem) {
      delete details.dataset.read
      text.textContent = problem.message
    }
  })
  return details
}

let restarts = null // what the page showed of it last
document.addEventListener("renewed", () => {
  health()
  const now = document.querySelector("[data-restarts]")?.dataset.restarts
  if (now !== restarts) crashes()
  restarts = now
})
setInterval(health, often)
setInterval(crashes, 12 * often)
health()
crashes()
