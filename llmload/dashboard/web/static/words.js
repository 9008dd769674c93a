// How values and times are written: as in the terminal and the reports.

const SECONDS = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
const BYTES = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const LARGE = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
const NICE = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

// Three significant digits, without zeros that say nothing, never in exponent form.
function digits(value) {
  if (value === 0) return "0";
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

function unitOf(value, units) {
  return units.find(([least]) => Math.abs(value) >= least * 0.9995) ?? units.at(-1);
}

// `like`: in the unit that this value would be written in.
function scaled(value, units, like = value) {
  if (value === 0) return "0";
  const [size, unit] = unitOf(like, units);
  return `${digits(value / size)} ${unit}`;
}

function large(value) {
  const found = LARGE.find(([size]) => Math.abs(value) >= 10 * size);
  return found ? digits(value / found[0]) + found[1] : digits(value);
}

// One writer for each unit of a panel; `like`: another value, whose unit is to be kept to.
export const WRITERS = {
  rate: (value) => `${large(value)}/s`,
  count: large,
  time: (value, like) => scaled(value, SECONDS, like),
  share: (value) => `${digits(value * 100)}%`,
  bytes: (value, like) => scaled(value, BYTES, like),
  flow: (value, like) => `${scaled(value, BYTES, like)}/s`,
};

// "0:07", "12:30", "3:04:05".
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

// The next round number at or above `value`, for the top of a scale.
export function nice(value, unit) {
  if (!(value > 0) || !Number.isFinite(value)) return 1;
  const [binary] = unit === "bytes" || unit === "flow" ? unitOf(value, BYTES) : [1];
  const size = binary * 10 ** Math.floor(Math.log10(value / binary));
  return (NICE.find((step) => step * size >= value * 0.9999) ?? 10) * size;
}

// Seconds from one label of the axis of time to the next, where there is room for `most` of them.
export function stepOfTime(seconds, most) {
  return STEPS.find((step) => seconds / step <= most) ?? Math.ceil(seconds / most / 86400) * 86400;
}

// Where the axis of time ends: a short run is shown whole, a long one as far as it has come, in round steps.
export function endOfTime(elapsed, duration) {
  const whole = Math.max(duration, elapsed, 1);
  if (whole <= 600) return whole;
  let end = 300;
  while (end < elapsed * 1.05) end *= end < 3600 ? 2 : 1.5;
  return Math.min(whole, end);
}
