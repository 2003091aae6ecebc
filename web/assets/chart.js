// Charts of what /v1/stat tells: <figure data-chart="URL">. They ask again by themselves, and only their lines change then.

import {word, element, request} from "./console.js"
import uPlot from "./vendor/uplot.js"

const lang = document.documentElement.lang
const sizes = ["bytes", "bytes/s"]
const every = 10000 // milliseconds between two looks
const height = 170

// amount shows a value in its unit, as short as it can be told.
function amount(value, unit) {
  if (value == null) return "–"
  if (sizes.includes(unit)) {
    let v = value, name = "B"
    for (const next of ["KiB", "MiB", "GiB", "TiB", "PiB"]) {
      if (Math.abs(v) < 1024) break
      v /= 1024
      name = next
    }
    return `${digits(v)} ${name}${unit === "bytes/s" ? "/s" : ""}`
  }
  return unit === "percent" ? `${digits(value)}%` : digits(value)
}

const digits = v => v.toLocaleString(lang, {maximumFractionDigits: Math.abs(v) < 10 ? 2 : Math.abs(v) < 100 ? 1 : 0})

// withShare adds how much of the whole that is.
const withShare = (value, line, unit) => amount(value, unit) + (value != null && line.max > 0 ? ` (${Math.round(value / line.max * 100)}%)` : "")

const clock = new Intl.DateTimeFormat(lang, {hour: "2-digit", minute: "2-digit", hourCycle: "h23"})
const exact = new Intl.DateTimeFormat(lang, {month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23"})
const day = new Intl.DateTimeFormat(lang, {month: "short", day: "numeric"})
const at = seconds => new Date(seconds * 1000)

function tick(seconds, apart) {
  const d = at(seconds)
  return apart >= 86400 || d.getHours() + d.getMinutes() === 0 ? day.format(d) : clock.format(d)
}

// nameOf is what people call a line. Disks are called by their folder.
function nameOf(name) {
  try { return word(`series.${name}`) } catch { return name }
}

// The chosen time is that of all charts, and remembered.
const chosen = () => {
  try { return localStorage.getItem("chart-range") || "1h" } catch { return "1h" }
}

function choose(range) {
  try { localStorage.setItem("chart-range", range) } catch { /* for this page only, then */ }
  time = range
  showChosen()
  for (const chart of charts.values()) chart.ask(true)
}

function showChosen() {
  for (const button of document.querySelectorAll("[data-range]")) button.setAttribute("aria-pressed", button.dataset.range === time)
}

// colour gives a colour of the style sheet as a canvas takes it.
function colour(box, name, alpha = 1) {
  const probe = element("span", {hidden: true})
  probe.style.color = `var(${name})`
  box.append(probe)
  const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g)
  probe.remove()
  return `rgb(${r} ${g} ${b} / ${alpha})`
}

class Chart {
  constructor(figure) {
    this.figure = figure
    this.box = figure.querySelector(".plot")
    this.legend = figure.querySelector(".legend")
    this.note = figure.querySelector("[data-note]")
    this.title = figure.querySelector("figcaption").textContent
    this.off = new Set() // names of lines that are hidden
    this.sizes = new ResizeObserver(() => this.plot?.setSize({width: this.box.clientWidth, height}))
    this.sizes.observe(this.box)
    this.ask(true)
  }

  close() {
    this.sizes.disconnect()
    this.asking?.abort()
    this.plot?.destroy()
  }

  // ask looks again; at once also when the last look is under way or was a moment ago.
  async ask(atOnce) {
    if (!atOnce && (this.asking || Date.now() - this.asked < every / 2)) return
    this.asking?.abort()
    const asking = this.asking = new AbortController()
    this.asked = Date.now()
    const url = new URL(this.figure.dataset.chart, location.href)
    if (!url.searchParams.has("time")) url.searchParams.set("time", time)
    url.searchParams.set("offset", -new Date().getTimezoneOffset())
    try {
      const answer = await request("GET", url, {signal: asking.signal})
      this.show(await answer.json())
    } catch (problem) {
      if (problem.name !== "AbortError") this.note.textContent = problem.message
    } finally {
      if (this.asking === asking) this.asking = null
    }
  }

  show(answer) {
    this.answer = answer
    this.lines = answer.series
    const stamps = (this.lines[0]?.points || []).map(p => p[0])
    const data = [stamps, ...this.lines.map(l => l.points.map(p => p[1]))]
    const known = data.slice(1).some(values => values.some(v => v != null))
    this.note.textContent = known ? answer.note || "" : word("chart.empty")
    const shape = answer.unit + "\n" + this.lines.map(l => l.name).join("\n")
    if (this.shape !== shape) {
      this.plot?.destroy()
      this.shape = shape
      this.plot = new uPlot(this.options(), data, this.box)
      this.listLines()
    } else {
      this.plot.setData(data)
    }
    this.tell()
  }

  options() {
    const line = colour(this.box, "--line"), soft = colour(this.box, "--soft"), {unit} = this.answer
    const font = `12px ${getComputedStyle(this.box).fontFamily}`
    return {
      width: this.box.clientWidth, height, legend: {show: false}, padding: [8, 8, 0, 0],
      cursor: {y: false, drag: {x: false, y: false}, points: {size: 6}},
      hooks: {setCursor: [u => this.hover(u)]},
      scales: {
        x: {range: () => [this.answer.from, this.answer.to]},
        y: {range: (u, least, most) => [0, this.top(most)]},
      },
      axes: [
        {stroke: soft, font, grid: {stroke: line, width: 1}, ticks: {show: false}, size: 28, space: 60, values: (u, all, i, space, apart) => all.map(s => tick(s, apart))},
        {stroke: soft, font, grid: {stroke: line, width: 1}, ticks: {show: false}, size: 70, space: 34,
          incrs: sizes.includes(unit) ? Array.from({length: 60}, (_, i) => 2 ** i) : undefined, values: (u, all) => all.map(v => amount(v, unit))},
      ],
      series: [{}, ...this.lines.map((l, i) => ({
        label: l.name, stroke: colour(this.box, this.colourOf(i)), width: 1.5, show: !this.off.has(l.name),
        fill: this.lines.length === 1 ? colour(this.box, this.colourOf(i), .12) : undefined,
        points: {show: true, size: 4, filter: (u, k) => alone(u.data[k])},
      }))],
    }
  }

  colourOf(i) { return `--series-${i % 6 + 1}` }

  // top is the end of the axis: the whole where the lines come near it, else what there is and some air.
  top(most) {
    const whole = Math.max(0, ...this.lines.map(l => l.max || 0))
    return whole > 0 && (most || 0) > whole / 4 ? Math.max(whole, most) * 1.02 : (most || 0) > 0 ? most * 1.15 : 1
  }

  listLines() {
    this.legend.replaceChildren(...this.lines.map((l, i) => {
      const mark = element("span", {class: "mark"})
      mark.style.color = `var(${this.colourOf(i)})`
      const button = element("button", {type: "button", "aria-pressed": !this.off.has(l.name), onclick: () => {
        if (!this.off.delete(l.name)) this.off.add(l.name)
        button.setAttribute("aria-pressed", !this.off.has(l.name))
        this.plot.setSeries(i + 1, {show: !this.off.has(l.name)})
      }}, mark, element("span", {}, nameOf(l.name)), element("b", {}))
      return element("li", {}, button)
    }))
  }

  // tell shows the latest values, and says them to those who cannot see the lines.
  tell() {
    const {unit} = this.answer
    const said = this.lines.map((l, i) => {
      const values = l.points.map(p => p[1]).filter(v => v != null)
      const last = values.at(-1)
      this.legend.children[i].querySelector("b").textContent = withShare(last, l, unit)
      if (values.length === 0) return word("chart.line.empty", nameOf(l.name))
      return word("chart.line", nameOf(l.name), withShare(last, l, unit), amount(values.reduce((a, b) => Math.min(a, b)), unit), amount(values.reduce((a, b) => Math.max(a, b)), unit))
    })
    this.box.setAttribute("aria-label", [this.title, ...said].join(". "))
  }

  hover(u) {
    const {idx, left} = u.cursor
    if (idx == null || left < 0) {
      this.tip?.remove()
      return
    }
    this.tip ||= element("div", {class: "tip", "aria-hidden": "true"})
    this.tip.replaceChildren(element("div", {}, exact.format(at(u.data[0][idx]))), ...this.lines.flatMap((l, i) => {
      if (this.off.has(l.name)) return []
      const mark = element("span", {class: "mark"})
      mark.style.color = `var(${this.colourOf(i)})`
      return [element("div", {}, mark, element("span", {}, nameOf(l.name)), element("span", {}, withShare(u.data[i + 1][idx], l, this.answer.unit)))]
    }))
    u.over.append(this.tip)
    const beside = left + 14 + this.tip.offsetWidth > u.over.clientWidth ? left - 14 - this.tip.offsetWidth : left + 14
    this.tip.style.left = `${Math.max(-60, beside)}px`
    this.tip.style.top = "4px"
  }

  // repaint takes the colours of another theme.
  repaint() {
    if (!this.answer) return
    this.shape = ""
    this.show(this.answer)
  }
}

// alone gives the values that have none beside them: no line would show them.
function alone(values) {
  const found = []
  for (let i = 0; i < values.length; i++) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) found.push(i)
  }
  return found
}

let time = chosen()
const charts = new Map() // by figure

// find takes up the charts that the page has now, and lets go of those that it has no more.
function find() {
  for (const [figure, chart] of charts) {
    if (!figure.isConnected) { chart.close(); charts.delete(figure) }
  }
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    if (!charts.has(figure)) charts.set(figure, new Chart(figure))
  }
  showChosen()
}

document.addEventListener("click", event => {
  const button = event.target.closest("[data-range]")
  if (button) choose(button.dataset.range)
})
document.addEventListener("renewed", find)
document.addEventListener("visibilitychange", () => { if (!document.hidden) for (const chart of charts.values()) chart.ask() })
setInterval(() => { if (!document.hidden) for (const chart of charts.values()) chart.ask() }, every)
const repaint = () => { for (const chart of charts.values()) chart.repaint() }
new MutationObserver(repaint).observe(document.documentElement, {attributes: true, attributeFilter: ["data-theme"]})
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint)
find()
