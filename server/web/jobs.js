// The list of jobs, newest first: filtered by state, paged by cursor, asked for again every three seconds.
//
// Rows are kept by their jobs and changed in place, so the focus and what a screen reader reads stay where they are.

import { get } from "./api.js";
import { fill, h, problemBox, put } from "./dom.js";
import { ago, count, isEnded, percent, STATES, took, when } from "./format.js";
import { repeat } from "./live.js";
import { nameOf } from "./names.js";

const REFRESH_MS = 3_000;
const PAGE_ITEMS = 25;

// Shows the list in `main`; `uploads` is the panel above it. Returns what a change of the parameters does.
export function showJobs(main, params, signal, uploads) {
  let state = params.get("state") ?? "";
  let cursor = params.get("cursor") ?? "";
  const rows = new Map();
  const body = h("tbody", {});
  const empty = h("p", { class: "empty" });
  const total = h("span", { class: "hint" });
  const problem = h("div", {});
  const pager = h("nav", { class: "pager", "aria-label": "Pages of jobs" });
  const filter = h("select", { id: "state" }, h("option", { value: "" }, "all states"),
    Object.entries(STATES).map(([value, word]) => h("option", { value }, word)));
  filter.value = state;
  filter.addEventListener("change", () => { location.hash = address(filter.value, ""); });
  const table = h("table", { class: "jobs" },
    h("caption", { class: "unseen" }, "Jobs, newest first"),
    h("thead", {}, h("tr", {},
      h("th", { scope: "col" }, "File"), h("th", { scope: "col" }, "State"), h("th", { scope: "col" }, "Progress"),
      h("th", { scope: "col", class: "number wide" }, "Read"), h("th", { scope: "col", class: "number mid" }, "Rejected"),
      h("th", { scope: "col", class: "number wide" }, "Created"))),
    body);
  fill(main,
    h("h1", { class: "unseen", tabindex: "-1" }, "Jobs"),
    uploads,
    h("section", { class: "panel", "aria-labelledby": "jobs-title" },
      h("div", { class: "bar" }, h("h2", { id: "jobs-title" }, "Jobs"), total,
        h("label", { class: "push", for: "state" }, "State"), filter),
      problem, table, empty, pager));
  document.title = "Jobs · Sluicegate";

  async function refresh() {
    try {
      const [asked, behind] = [state, cursor];
      const page = await get("/jobs", { limit: PAGE_ITEMS, state: asked, cursor: behind }, signal);
      if (signal.aborted || asked !== state || behind !== cursor) return;
      fill(problem);
      show(page);
    } catch (refusal) {
      // Silence is told above the page, and asked again; a list that was there stays.
      if (!signal.aborted && refusal.status !== 401 && refusal.status !== 0) fill(problem, problemBox(refusal));
    }
  }

  function show(page) {
    page.items.forEach((job, at) => {
      let row = rows.get(job.jobId);
      if (!row) rows.set(job.jobId, (row = jobRow(job)));
      row.show(job);
      if (body.children[at] !== row.element) body.insertBefore(row.element, body.children[at] ?? null);
    });
    const here = new Set(page.items.map((job) => job.jobId));
    for (const [id, row] of rows) {
      if (here.has(id)) continue;
      row.element.remove();
      rows.delete(id);
    }
    put(total, page.total === undefined ? "" : `${count(page.total)} in all`);
    table.hidden = here.size === 0;
    empty.hidden = here.size > 0;
    put(empty, here.size > 0 ? "" : state ? `No job is ${STATES[state] ?? state}.` : "No jobs yet: load a file above.");
    pages(pager, cursor !== "", page.next, (to) => address(state, to));
  }

  repeat(REFRESH_MS, signal, refresh);
  return (next) => {
    state = next.get("state") ?? "";
    cursor = next.get("cursor") ?? "";
    filter.value = state;
    refresh();
  };
}

function address(state, cursor) {
  const query = new URLSearchParams(Object.entries({ state, cursor }).filter(([, value]) => value));
  return `#/${query.size ? `?${query}` : ""}`;
}

// Links to the first page and the next one. They are changed in place, so that a focused one stays.
export function pages(pager, isLater, next, to) {
  if (!pager.first) {
    pager.first = h("a", {}, "First page");
    pager.next = h("a", {}, "Next page");
    pager.append(pager.first, pager.next);
  }
  pager.first.hidden = !isLater;
  pager.first.href = to("");
  pager.next.hidden = !next;
  pager.next.href = to(next ?? "");
  pager.hidden = !isLater && !next;
}

// A state, by word and colour.
export function badge() {
  const element = h("span", { class: "badge" });
  return {
    element,
    show(state) {
      element.dataset.state = state;
      put(element, STATES[state] ?? state);
    },
  };
}

function jobRow(job) {
  const link = h("a", { href: `#/jobs/${job.jobId}` }, "…");
  const about = h("span", { class: "hint" });
  const state = badge();
  const bar = h("progress", { max: 1, "aria-hidden": "true" });
  const share = h("span", { class: "share" });
  const narrow = h("span", { class: "share narrow" });
  const read = h("td", { class: "number wide" });
  const rejected = h("td", { class: "number mid" });
  const age = h("time", { datetime: job.createdAt, title: when(job.createdAt) });
  const element = h("tr", {},
    h("th", { scope: "row" }, link, about),
    h("td", {}, state.element),
    h("td", { class: "progress" }, bar, share, narrow),
    read, rejected, h("td", { class: "number wide" }, age));
  link.textContent = job.jobId;
  nameOf(job.fileId).then((name) => { if (name) put(link, name); });
  return {
    element,
    show(now) {
      const resent = now.parentJobId ? " · corrected rejects" : "";
      put(about, `${now.spec.name}@${now.spec.version}${resent}`);
      state.show(now.state);
      bar.value = now.progress;
      bar.hidden = isEnded(now.state);
      put(share, now.state === "completed" ? took(now) : percent(now.progress));
      put(narrow, now.stats.rejected > 0 ? `${count(now.stats.rejected)} rejected` : "");
      put(read, count(now.stats.read));
      put(rejected, count(now.stats.rejected));
      rejected.classList.toggle("some", now.stats.rejected > 0);
      put(age, ago(now.createdAt));
    },
  };
}
