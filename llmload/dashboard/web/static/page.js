// The page: takes events from the server and shows them. Whatever comes is text, and is set as text.

import { Chart } from "/charts.js";
import { clock, endOfTime } from "/words.js";

const MARKS = { met: "✓ met", missed: "✗ missed", none: "○ no data" };
const by = (id) => document.getElementById(id);

let known = null; // What the last "whole" said, kept up to date by the "news".
let charts = [];
let cursor = null; // The number of the point that the reader points at.
let seen = 0; // The run whose report has been opened by itself.
let drawing = false;

function make(name, { text = "", className = "", ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(text, ...children);
  return made;
}

// Only what changes is touched: assistive technology reads changes out.
function put(id, text) {
  if (by(id).textContent !== text) by(id).textContent = text;
}

function fill(id, children) {
  by(id).replaceChildren(...children);
}

function show(id, shown) {
  by(id).hidden = !shown;
}

// -- What the server says --------------------------------------------------------------------------------

function whole(said) {
  const panels = JSON.stringify(said.panels);
  if (known === null || panels !== known.drawn) {
    charts = said.panels.map((panel) => new Chart(panel, point));
    fill("charts", charts.map((chart) => chart.figure));
  }
  known = { ...said, drawn: panels, points: new Map(said.points), at: new Map(said.columns.map((name, k) => [name, k])) };
  about(said.about);
  update(said);
}

function news(said) {
  if (known === null) return;
  for (const [number, values] of said.points) known.points.set(number, values);
  Object.assign(known, { state: said.state, reports: said.reports });
  update(said);
}

function about(said) {
  put("title", said.title);
  put("target", said.target);
  put("run", known.runs > 1 ? `llmload, run ${known.run} of ${known.runs}` : "llmload");
  fill("columns", said.figures.map((name, k) => make("th", { text: name, scope: "col", className: k ? "" : "text" })));
}

function update({ state }) {
  progress(state);
  put("standing", standing(state));
  put("objectives-title", state.over ? "Objectives" : "Objectives, so far");
  put("figures-title", state.over ? "Figures" : "Figures, so far");
  fill("now", state.now.map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value }))));
  show("warming", state.warming);
  fill("rows", state.rows.map(row));
  fill("outcomes", state.outcomes.map(([name, count, share]) => pair(name, `${count} (${share})`)));
  show("objectives-part", state.objectives.length > 0);
  fill("objectives", state.objectives.map(objective));
  show("errors-part", state.errors.length > 0);
  fill("errors", state.errors.map(error));
  show("observed-part", state.observed.length > 0);
  fill("observed", state.observed.flatMap(observed));
  fill("health", [pair("figures are", state.validity.level || "not judged yet"), ...state.health.map(([name, value]) => pair(name, value))]);
  fill("reasons", state.validity.reasons.map(reason));
  show("messages-part", state.messages.length > 0);
  fill("messages", state.messages.map((text) => make("li", { text })));
  ended(state);
  soon();
}

function progress(state) {
  const duration = known.about.duration || 1;
  const share = Math.min(1, state.elapsed / duration);
  put("stage", state.stage);
  put("phase", state.phase ? `${state.phase}${state.measured ? "" : " (not measured)"}` : "");
  put("clock", state.clock);
  put("left", state.left);
  by("progress").value = share;
}

function standing(state) {
  const of = state.objectives.length;
  const count = (kind) => state.objectives.filter((each) => each.standing === kind).length;
  const parts = of ? [`${count("met")} of ${of} objectives met`] : [];
  if (count("missed")) parts.push(`${count("missed")} missed`);
  if (count("none")) parts.push(`${count("none")} without data`);
  if (state.validity.level) parts.push(`figures ${state.validity.level}`);
  return parts.length ? `${state.over ? "At the end" : "So far"}: ${parts.join(", ")}` : "";
}

function row(cells) {
  return make("tr", {}, ...cells.map((text, k) => make(k ? "td" : "th", k ? { text } : { text, scope: "row", className: "text" })));
}

function pair(name, value) {
  return make("li", {}, make("span", { text: name, className: "dim" }), " ", make("strong", { text: value }));
}

function objective(each) {
  const figures = make("span", { className: "seen" }, make("strong", { text: each.observed }), " ", make("span", { text: each.margin, className: "dim" }));
  const item = make(
    "li",
    { className: each.standing },
    make("span", { text: MARKS[each.standing], className: "mark" }),
    make("code", { text: each.rule }),
    figures,
  );
  if (each.note && each.standing !== "none") item.append(make("span", { text: each.note, className: "note dim" }));
  return item;
}

function error([count, what, said, last]) {
  return make("tr", {}, make("td", { text: count }), make("td", { text: what, className: "text" }), make("td", { text: said, className: "text" }), make("td", { text: last }));
}

function observed(each) {
  const values = each.trouble
    ? [make("strong", { text: each.trouble, className: "doubt" })]
    : each.values.map(([name, value, style]) => make("span", {}, make("span", { text: `${name} `, className: "dim" }), make("strong", { text: value, className: style === "warn" ? "doubt" : "" }), style === "dim" ? " (old)" : ""));
  return [make("dt", { text: each.name }), make("dd", {}, ...values)];
}

function reason({ level, text, remedy }) {
  return make("li", {}, make("strong", { text: level, className: level.toLowerCase() }), ` ${text}`, make("span", { text: remedy ? ` ${remedy}` : "", className: "dim" }));
}

// -- The end ---------------------------------------------------------------------------------------------

function ended(state) {
  const report = known.reports.find(([run]) => run === known.run);
  show("end", known.reports.length > 0 || state.over);
  by("end").className = report ? report[1].toLowerCase() : "";
  put("decision", report ? `The run has ended: ${report[1]}` : state.over ? "The run is over; its report is being made" : "Reports of earlier runs");
  show("views", known.reports.length > 0);
  show("see-report", Boolean(report));
  show("see-live", Boolean(report));
  fill("reports", known.reports.flatMap(([run, decision, path]) => [link(run, decision, path), " "]));
  document.title = report ? `${report[1]}: ${known.about.title}` : `${clock(state.elapsed)} ${known.about.title}`;
  if (report && seen !== known.run) {
    seen = known.run;
    by("frame").src = report[2];
    look(true);
  }
  if (!report) look(false);
}

function link(run, decision, path) {
  const text = known.runs > 1 ? `Report of run ${run}: ${decision}` : "The report alone";
  return make("a", { text, href: path, target: "_blank", rel: "noopener" });
}

function look(atReport) {
  show("report", atReport);
  show("live", !atReport);
  by("see-report").setAttribute("aria-pressed", String(atReport));
  by("see-live").setAttribute("aria-pressed", String(!atReport));
  soon();
}

// The frame is as high as the report in it, so that there is one bar to scroll.
function fit() {
  const inner = by("frame").contentDocument?.documentElement;
  if (!inner) return;
  new ResizeObserver(() => {
    by("frame").height = inner.getBoundingClientRect().height;
  }).observe(inner);
}

// -- Charts ----------------------------------------------------------------------------------------------

function point(where) {
  if (known === null) return;
  const last = Math.max(0, ...known.points.keys());
  if (typeof where === "function") cursor = where(cursor ?? last + 1);
  else cursor = where === null ? null : Math.floor(where / known.step);
  if (cursor !== null) cursor = Math.min(last, Math.max(0, cursor));
  soon();
}

function soon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (known !== null && !by("live").hidden) draw();
  });
}

function draw() {
  const story = {
    at: known.at,
    step: known.step,
    points: [...known.points].sort(([a], [b]) => a - b),
    end: endOfTime(known.state.elapsed, known.about.duration),
    phases: known.about.phases,
    ahead: known.about.planned,
    bounds: known.state.objectives.map((each) => each.bound).filter(Boolean),
  };
  for (const chart of charts) chart.draw(story, cursor);
  const each = known.step === 1 ? "each second" : `every ${known.step} s`;
  const shaded = story.phases.some((phase) => !phase.measure) ? " Shaded: not measured." : "";
  const where = cursor === null ? "Point at a chart, or use the arrow keys on it, to read its values." : `Values at ${clock(cursor * known.step)}.`;
  put("hint", `A point for ${each}.${shaded} ${where}`);
}

// -- The connection --------------------------------------------------------------------------------------

function notice(text) {
  put("notice", text);
  show("notice", text !== "");
}

function connect() {
  const source = new EventSource("/events");
  const on = (name, act) => source.addEventListener(name, (event) => act(JSON.parse(event.data)));
  on("whole", whole);
  on("news", news);
  on("bye", () => {
    source.close();
    if (known !== null && !known.reports.some(([run]) => run === known.run)) put("decision", "The run is over");
    notice("llmload has ended, and this page with it: what stands here is the last of it.");
  });
  source.addEventListener("open", () => notice(""));
  source.addEventListener("error", () => {
    const gone = source.readyState === EventSource.CLOSED;
    notice(gone ? "The run can't be followed: too many browsers do, or it is over. Load the page again to try." : "The connection is lost; trying again.");
  });
}

by("see-report").addEventListener("click", () => look(true));
by("see-live").addEventListener("click", () => look(false));
by("frame").addEventListener("load", fit);
new ResizeObserver(soon).observe(by("charts"));
put("title", "Waiting for the run");
connect();
