// Charts as SVG, drawn from the columns that the server names. Texts are set as text, never as markup.

import { WRITERS, clock, nice, stepOfTime } from "/words.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 170;
const AROUND = { left: 58, right: 10, top: 16, bottom: 20 };
const LETTER = 6.2; // Pixels that a letter of a label takes, about.
const PIXELS_A_TICK = 70;
const NEAR = 2; // Bounds that are further away, in times of the highest value, would only make all else small.

function svg(name, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

function html(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

// A stretch of the picture: seconds to pixels across, values to pixels upwards.
function scales(width, end, top) {
  const [across, upwards] = [width - AROUND.left - AROUND.right, HEIGHT - AROUND.top - AROUND.bottom];
  return {
    x: (seconds) => AROUND.left + (seconds / end) * across,
    y: (value) => HEIGHT - AROUND.bottom - (Math.min(value, top) / top) * upwards,
    t: (pixels) => ((pixels - AROUND.left) / across) * end,
  };
}

export class Chart {
  // `point(seconds | null)`: the reader points at this time, or at none any more.
  constructor(panel, point) {
    this.panel = panel;
    this.write = WRITERS[panel.unit];
    this.figure = html("figure", "chart");
    this.figure.id = `chart-${panel.id}`;
    const caption = html("figcaption");
    const title = html("h3", "", panel.title);
    if (panel.says) title.append(" ", html("span", "dim", panel.says));
    this.legend = html("ul", "legend");
    caption.append(title, this.legend);
    this.picture = svg("svg", { role: "img", tabindex: 0, height: HEIGHT });
    this.figure.append(caption, this.picture);
    this.values = panel.lines.map((line) => this.entry(line));
    this.scale = null;
    this.listen(point);
  }

  entry(line) {
    const item = html("li");
    const sample = svg("svg", { width: 26, height: 8, "aria-hidden": "true" });
    sample.append(svg("path", { d: "M1 4H25", class: `line c-${line.colour}`, "stroke-dasharray": line.dash || "none" }));
    const value = html("strong");
    item.append(sample, ` ${line.label} `, value);
    this.legend.append(item);
    return value;
  }

  listen(point) {
    this.picture.addEventListener("pointermove", (event) => {
      if (this.scale) point(this.scale.t(event.clientX - this.picture.getBoundingClientRect().left));
    });
    this.picture.addEventListener("pointerleave", () => point(null));
    this.picture.addEventListener("blur", () => point(null));
    this.picture.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") point(null);
      if (by === undefined) return;
      event.preventDefault();
      point((number) => number + by);
    });
  }

  // `story`: { at: column -> place, points: [[number, values]], step, end, phases, ahead: [[s, rate]],
  // bounds: [{ column, value, rule }] }.
  draw(story, cursor) {
    const columns = this.panel.lines.map((line) => story.at.get(line.column));
    const rows = story.points.filter(([, values]) => columns.some((place) => values[place] !== null));
    this.figure.hidden = rows.length === 0;
    if (this.figure.hidden) return;
    const ahead = this.panel.id === "load" ? story.ahead : [];
    const known = rows.flatMap(([, values]) => columns.map((place) => values[place] ?? 0));
    const highest = Math.max(...known, ...ahead.filter(([t]) => t <= story.end).map(([, rate]) => rate));
    const bounds = story.bounds.filter(({ column, value }) => columns.includes(story.at.get(column)) && value <= highest * NEAR);
    const top = nice(Math.max(highest, ...bounds.map(({ value }) => value)), this.panel.unit);
    const width = Math.max(200, this.figure.clientWidth);
    this.scale = scales(width, story.end, top);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.replaceChildren(
      ...this.phases(story, width),
      ...this.axes(story.end, top, width),
      ...bounds.flatMap((bound) => this.bound(bound, width)),
      ...this.lines(story, rows, columns, ahead),
      ...this.pointer(story, cursor),
    );
    this.say(story, rows, columns, cursor);
  }

  phases(story, width) {
    const { x } = this.scale;
    const made = [];
    story.phases.forEach((phase, place) => {
      const [from, to] = [x(phase.start), Math.min(x(Math.min(phase.end, story.end)), width - AROUND.right)];
      if (phase.start >= story.end) return;
      const height = HEIGHT - AROUND.top - AROUND.bottom;
      if (!phase.measure) made.push(svg("rect", { x: from, y: AROUND.top, width: to - from, height, class: "unmeasured" }));
      if (place) made.push(svg("path", { d: `M${from} ${AROUND.top}v${height}`, class: "border" }));
      const said = phase.measure ? phase.name : `${phase.name} (not measured)`;
      const label = [said, phase.name].find((text) => text.length * LETTER < to - from - 4);
      if (label && story.phases.length > 1) made.push(svg("text", { x: from + 3, y: AROUND.top - 4 }, label));
    });
    return made;
  }

  axes(end, top, width) {
    const { x, y } = this.scale;
    const made = [];
    for (const value of [0, top / 2, top]) {
      made.push(svg("path", { d: `M${AROUND.left} ${y(value)}H${width - AROUND.right}`, class: "grid" }));
      made.push(svg("text", { x: AROUND.left - 6, y: y(value) + 4, "text-anchor": "end" }, this.write(value, top)));
    }
    const step = stepOfTime(end, (width - AROUND.left) / PIXELS_A_TICK);
    for (let tick = 0; tick <= end; tick += step) {
      const anchor = tick === 0 ? "start" : x(tick) > width - 24 ? "end" : "middle";
      made.push(svg("text", { x: x(tick), y: HEIGHT - 5, "text-anchor": anchor }, clock(tick)));
    }
    return made;
  }

  lines(story, rows, columns, ahead) {
    const { x, y } = this.scale;
    const last = rows.at(-1)[0];
    return this.panel.lines.map((line, k) => {
      let [path, before] = ["", null];
      for (const [number, values] of rows) {
        const value = values[columns[k]];
        if (value === null) continue;
        const place = `${x((number + 0.5) * story.step).toFixed(1)} ${y(value).toFixed(1)}`;
        path += before !== null && number - before <= this.reach(story) ? `L${place}` : `M${place}h.01`;
        before = number;
      }
      const future = line.column === "planned" ? ahead.filter(([t]) => t > (last + 1) * story.step && t <= story.end) : [];
      future.forEach(([t, rate]) => {
        path += `${path ? "L" : "M"}${x(t).toFixed(1)} ${y(rate).toFixed(1)}`;
      });
      return svg("path", { d: path, class: `line c-${line.colour}`, "stroke-dasharray": line.dash || "none" });
    });
  }

  // What an objective allows.
  bound({ value, rule }, width) {
    const height = this.scale.y(value);
    const label = { x: width - AROUND.right, y: height - 4, "text-anchor": "end", class: "bound" };
    return [svg("path", { d: `M${AROUND.left} ${height}H${width - AROUND.right}`, class: "bound" }), svg("text", label, rule)];
  }

  // Points so far apart, in steps, are still one line: what is observed is not read every second.
  reach(story) {
    return this.panel.id.startsWith("seen-") ? Math.max(1, 10 / story.step) : 1;
  }

  pointer(story, cursor) {
    if (cursor === null) return [];
    const place = this.scale.x((cursor + 0.5) * story.step);
    return [svg("path", { d: `M${place} ${AROUND.top}V${HEIGHT - AROUND.bottom}`, class: "cursor" })];
  }

  // The values in the legend: where the reader points, or the newest.
  say(story, rows, columns, cursor) {
    const shown = cursor === null ? rows.at(-1) : rows.findLast(([number]) => number <= cursor && cursor - number < this.reach(story));
    const texts = columns.map((place) => {
      const value = shown ? shown[1][place] : null;
      return value === null ? "-" : this.write(value);
    });
    this.values.forEach((value, k) => {
      value.textContent = texts[k];
    });
    const figures = this.panel.lines.map((line, k) => `${line.label} ${texts[k]}`).join(", ");
    const when = shown ? clock(shown[0] * story.step) : clock((cursor ?? 0) * story.step);
    this.picture.setAttribute("aria-label", `${this.panel.title}, at ${when}: ${figures}`);
  }
}
