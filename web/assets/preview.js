// What would come of an edit: the answer of a dry run, shown.
import {word, element, size} from "./console.js"

// showPreview fills a place of the page; nothing where the answer has no preview, or the page no such place.
export function showPreview(place, {preview: p, warnings = []}) {
  if (!place) return
  const parts = warnings.map(text => element("p", {class: "alert warn"}, text))
  if (p?.matching !== undefined) parts.push(...placement(p))
  if (p?.runs?.length) parts.push(element("h3", {}, word("preview.runs")), element("ol", {class: "runs"}, ...p.runs.map(run)))
  place.replaceChildren(...parts)
}

function placement(p) {
  const parts = []
  const enough = p.placed >= p.wanted
  parts.push(element("p", {role: "status"}, element("span", {class: enough ? "chip good" : "chip warn"}, word("preview.placed", p.placed, p.wanted)), " ",
    word("preview.matching", p.matching), " ", p.arriving || p.leaving ? word("preview.moves", p.arriving, p.leaving, p.changing) : word("preview.same")))
  if (!p.started) parts.push(element("p", {class: "soft"}, word("preview.stopped")))
  for (const reason of p.reasons) parts.push(element("p", {class: "alert warn"}, reason.message))
  if (p.nodes.length) parts.push(table(p))
  return parts
}

function table(p) {
  const columns = ["node", "tags", "cpus", "mem", "count", "why"].map(name => column(name))
  const rows = p.nodes.map(n => element("tr", n.now === n.then ? {} : {class: "changes"},
    cell(columns[0], element("a", {href: "/nodes/" + encodeURIComponent(n.node)}, n.node), n.hostname && n.hostname !== n.node ? element("small", {class: "soft"}, " " + n.hostname) : "", n.matches ? "" : " " + word("preview.unmatched")),
    cell(columns[1], ...(n.tags || []).slice(0, 8).flatMap(t => [element("span", {class: "tag"}, t), " "])),
    cell(columns[2], n.freeCpus === undefined ? "–" : String(n.freeCpus)), cell(columns[3], n.freeMem === undefined ? "–" : size(n.freeMem)),
    cell(columns[4], count(n)), cell(columns[5], n.then && !n.reason.includes(";") ? "" : n.reason || "")))
  const used = p.nodes.filter(n => n.now || n.then).length
  const box = element("div", {class: "table preview"}, element("table", {class: "stack"},
    element("thead", {}, element("tr", {}, ...columns.map(c => element("th", {scope: "col", class: c.kind}, c.label)))), element("tbody", {}, ...rows)))
  if (p.matching > p.nodes.length) return element("div", {}, box, element("p", {class: "hint"}, word("preview.more", p.nodes.length, Math.max(p.matching, used))))
  return box
}

const column = name => ({label: {
  node: word("preview.node"), tags: word("preview.tags"), cpus: word("preview.cpus"), mem: word("preview.mem"), count: word("preview.count"), why: word("preview.why"),
}[name], kind: ["cpus", "mem", "count"].includes(name) ? "number" : ""})

const cell = (column, ...children) => element("td", {"data-label": column.label, class: column.kind}, ...children)

function count(n) {
  if (n.now === n.then) return String(n.then)
  return element("span", {class: n.then > n.now ? "chip good" : "chip warn"}, `${n.now} → ${n.then}`)
}

// run is a time by the clock of the schedule's zone, as the API has it.
function run(at) {
  const [day, rest] = at.split("T"), zone = rest.slice(8)
  return element("li", {}, element("span", {class: "mono"}, `${day} ${rest.slice(0, 5)} ${zone === "Z" ? "UTC" : zone}`))
}
