// The rate of a job over the last five minutes, as a small plot. Points are bounded in time and in number.

import { h, put, svg } from "./dom.js";
import { count } from "./format.js";

const SPAN_MS = 5 * 60 * 1000;
const MAX_POINTS = 300;
const WIDTH = 600;
const HEIGHT = 96;

// A plot with `add(records per second)`.
export function ratePlot() {
  let points = [];
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const grid = svg("path", { class: "grid", d: `M0 1H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 1}H${WIDTH}` });
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, grid, area, line);
  const most = h("span", {});
  const since = h("span", {});
  const element = h("figure", { class: "plot" },
    h("figcaption", {}, "Records per second"),
    h("div", { class: "frame" }, h("span", { class: "most" }, most), picture),
    h("div", { class: "ends", "aria-hidden": "true" }, since, h("span", {}, "now")));

  const draw = (now) => {
    const highest = round(Math.max(1, ...points.map((point) => point.rate)));
    const from = Math.min(now - 10_000, points[0]?.at ?? now);
    const x = (at) => ((at - from) / (now - from)) * WIDTH;
    const y = (rate) => HEIGHT - 1 - (rate / highest) * (HEIGHT - 4);
    const path = points.map((point, at) => `${at === 0 ? "M" : "L"}${x(point.at).toFixed(1)} ${y(point.rate).toFixed(1)}`).join("");
    line.setAttribute("d", path);
    area.setAttribute("d", points.length < 2 ? "" : `${path}L${x(points.at(-1).at).toFixed(1)} ${HEIGHT}L${x(points[0].at).toFixed(1)} ${HEIGHT}Z`);
    const present = points.at(-1)?.rate ?? 0;
    const seconds = Math.round((now - from) / 1000);
    put(most, count(highest));
    put(since, seconds < 60 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`);
    picture.setAttribute("aria-label", `Rate over the last ${seconds} seconds: now ${count(present)} records per second, `
      + `the scale ends at ${count(highest)}.`);
  };

  return {
    element,
    add(rate, now = Date.now()) {
      points = [...points, { at: now, rate }].filter((point) => point.at >= now - SPAN_MS).slice(-MAX_POINTS);
      draw(now);
    },
    get points() {
      return points.length;
    },
  };
}

// The end of the scale: 1, 2 or 5 and zeros, not less than `number`.
function round(number) {
  const zeros = 10 ** Math.floor(Math.log10(number));
  return zeros * [1, 2, 5, 10].find((digit) => digit * zeros >= number);
}
