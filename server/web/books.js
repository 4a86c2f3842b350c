// The books of a job: what was read is the sum of its outcomes, as numbers and as one bar.

import { fill, h, put, svg } from "./dom.js";
import { count } from "./format.js";

const OUTCOMES = [
  ["loaded", "loaded", "good"],
  ["alreadyLoaded", "already loaded", "calm"],
  ["rejected", "rejected", "bad"],
  ["dropped", "dropped", "quiet"],
];

export function books() {
  const cells = {};
  const cell = (name, title, kind) => {
    cells[name] = h("dd", {}, "0");
    return h("div", { class: `count ${kind}` }, h("dt", {}, title), cells[name]);
  };
  const bar = svg("svg", { class: "outcomes", viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" });
  const skipped = h("p", { class: "hint" });
  const element = h("div", { class: "books" },
    h("dl", {}, cell("read", "read", "sum"), OUTCOMES.map(([name, title, kind]) => cell(name, title, kind))),
    bar, skipped);
  return {
    element,
    show(stats) {
      put(cells.read, count(stats.read));
      let from = 0;
      const parts = OUTCOMES.map(([name, , kind]) => {
        const number = stats[name] ?? 0;
        put(cells[name], count(number));
        const width = stats.read ? (number / stats.read) * 1000 : 0;
        const part = svg("rect", { class: kind, x: from, y: 0, width, height: 10 });
        from += width;
        return part;
      });
      fill(bar, parts);
      const warned = Object.entries(stats.warned ?? {}).map(([step, number]) => `${count(number)} by ${step}`);
      put(skipped, [
        `${count(stats.skipped)} ${stats.skipped === 1 ? "line" : "lines"} skipped (header, blank lines, comments), not counted as read.`,
        warned.length ? `Warned of: ${warned.join(", ")}.` : "",
      ].join(" ").trim());
    },
  };
}
