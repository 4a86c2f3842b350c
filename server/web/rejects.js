// The rejects of a job: by cause, with a sample of each; filtered and paged; to take home and to send back corrected.

import { ask, at, get } from "./api.js";
import { fill, h, problemBox, put, say, sentence } from "./dom.js";
import { count, isEnded, plural, shareOf } from "./format.js";
import { pages } from "./jobs.js";
import { saveLink } from "./save.js";

const PAGE_ITEMS = 25;
// Causes that are shown before a person asks for all.
const FIRST_CAUSES = 8;

// The part of a job's page about its rejects. `turned(job)` is told of the job that corrected rejects become.
export function rejectsPart(jobId, signal, turned) {
  let chosen = { code: "", field: "", cursor: "" };
  let listed = null;
  let shownItems = "";
  let kinds = [];
  const rows = new Map();
  const causes = h("tbody", {});
  const causesTable = h("table", { class: "causes" },
    h("caption", { class: "unseen" }, "Rejects by the code and field of their first problem"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Cause"), h("th", { scope: "col", class: "number" }, "Records"),
      h("th", { scope: "col", class: "sample" }, "Sample"))), causes);
  let wantsAll = false;
  const all = h("button", { type: "button", class: "quiet small" });
  const moreCauses = h("p", { class: "more-causes" }, all);
  all.addEventListener("click", () => {
    wantsAll = true;
    [...causes.children].forEach((row) => { row.hidden = false; });
    moreCauses.hidden = true;
    causes.children[FIRST_CAUSES]?.querySelector("a").focus();
  });
  const none = h("p", { class: "empty" }, "Nothing was rejected.");
  const title = h("h3", { id: "list-title" });
  const problem = h("div", {});
  const codeFilter = h("select", { id: "code" });
  const fieldFilter = h("select", { id: "field" });
  const items = h("tbody", {});
  const ahead = h("p", { class: "hint ahead" },
    "Records that were rejected behind the last checkpoint are listed too, so there may be more of them than the figures count.");
  const pager = h("nav", { class: "pager", "aria-label": "Pages of rejects" });
  const list = h("div", { class: "list" },
    h("div", { class: "bar" }, title,
      h("label", { class: "push", for: "code" }, "Code"), codeFilter, h("label", { for: "field" }, "Field"), fieldFilter),
    ahead, problem,
    h("table", { class: "records", "aria-labelledby": "list-title" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "number" }, "Record"), h("th", { scope: "col", class: "number mid" }, "Line"),
        h("th", { scope: "col" }, "What is wrong"))), items),
    pager);
  const note = h("p", { class: "problem-line", role: "alert" });
  const back = sendBack(jobId, note, turned);
  const tools = h("div", { class: "row" },
    saveLink("Download rejects", `/jobs/${jobId}/rejects`, `${jobId}-rejects`, note),
    saveLink("Download list (CSV)", `/jobs/${jobId}/errors?format=csv`, `${jobId}-errors.csv`, note),
    back.element);
  const about = h("p", { class: "hint" },
    "The rejects are the records as they came, with reference, code and message added: correct them, and send the file back.");
  const found = h("div", {}, tools, note, about, causesTable, moreCauses, list);
  const element = h("section", { class: "panel", id: "rejects", "aria-labelledby": "rejects-title" },
    h("h2", { id: "rejects-title" }, "Rejects"), none, found);
  for (const [select, name] of [[codeFilter, "code"], [fieldFilter, "field"]]) {
    select.addEventListener("change", () => { location.hash = address({ ...chosen, [name]: select.value, cursor: "" }); });
  }

  function address({ code, field, cursor }) {
    const query = new URLSearchParams(Object.entries({ code, field, cursor }).filter(([, value]) => value));
    return `#/jobs/${jobId}${query.size ? `?${query}` : ""}`;
  }

  // The causes, changed in place: the samples stay open, and the focus where it is.
  function showCauses(stats) {
    const ordered = [...kinds].sort((one, other) => other.count - one.count);
    ordered.forEach((kind, place) => {
      const name = JSON.stringify([kind.code, kind.field]);
      let row = rows.get(name);
      if (!row) rows.set(name, (row = causeRow(kind, address({ code: kind.code, field: kind.field ?? "" }))));
      put(row.number, count(kind.count));
      put(row.share, shareOf(kind.count, stats.read));
      row.bar.value = kind.count / ordered[0].count;
      row.element.hidden = !wantsAll && place >= FIRST_CAUSES;
      if (causes.children[place] !== row.element) causes.insertBefore(row.element, causes.children[place] ?? null);
    });
    moreCauses.hidden = wantsAll || ordered.length <= FIRST_CAUSES;
    put(all, moreCauses.hidden ? "" : `Show all ${count(ordered.length)} causes`);
    while (causes.children.length > ordered.length) causes.lastElementChild.remove();
    if (ordered.length === 0) rows.clear();
    options(codeFilter, "every code", [...new Set(ordered.map((kind) => kind.code))], chosen.code);
    options(fieldFilter, "every field", [...new Set(ordered.map((kind) => kind.field).filter(Boolean))], chosen.field);
  }

  async function load(isAsked) {
    const asked = { ...chosen };
    const key = JSON.stringify(asked);
    listed = key;
    try {
      const page = await get(`/jobs/${jobId}/errors`, { ...asked, limit: PAGE_ITEMS }, signal);
      if (signal.aborted || listed !== key) return;
      fill(problem);
      // The same rejects stay as they are: opened, focused.
      const text = JSON.stringify(page.items);
      if (text !== shownItems) fill(items, page.items.map(recordRow));
      shownItems = text;
      const found = page.total === undefined ? "More rejects" : plural(page.total, "reject");
      const of = [asked.code, asked.field].filter(Boolean).join(" of ");
      put(title, of ? `${found}: ${of}` : found);
      pages(pager, asked.cursor !== "", page.next, (cursor) => address({ ...asked, cursor }));
      if (isAsked) say(`${found} ${of}`);
    } catch (refusal) {
      if (signal.aborted || refusal.status === 401) return;
      shownItems = "";
      fill(items);
      fill(problem, problemBox(refusal));
    }
  }

  let seenCount = -1;
  return {
    element,
    // What the job says now. The list follows where it stands at its beginning and more came.
    show(job) {
      kinds = job.errors ?? [];
      const some = job.stats.rejected > 0 && !job.expired;
      none.hidden = some;
      found.hidden = !some;
      put(none, job.expired ? "The details were removed after their time." : isEnded(job.state) ? "Nothing was rejected." : "Nothing was rejected so far.");
      if (!some) return;
      back.element.hidden = job.state !== "completed";
      about.hidden = job.state !== "completed";
      // Where these end, and where a job is held, a checkpoint is saved.
      ahead.hidden = job.state === "completed" || job.state === "held";
      showCauses(job.stats);
      if (job.stats.rejected === seenCount) return;
      const first = seenCount < 0;
      seenCount = job.stats.rejected;
      if (first || chosen.cursor === "") load(false);
    },
    // Another filter or page, as the address says.
    choose(params) {
      const next = { code: params.get("code") ?? "", field: params.get("field") ?? "", cursor: params.get("cursor") ?? "" };
      const same = JSON.stringify(next) === JSON.stringify(chosen);
      chosen = next;
      if (same || seenCount < 0) return;
      options(codeFilter, "every code", [...codeFilter.options].slice(1).map((option) => option.value), chosen.code);
      options(fieldFilter, "every field", [...fieldFilter.options].slice(1).map((option) => option.value), chosen.field);
      load(true);
    },
  };
}

// Fills a select where its options changed; what the address names is one of them, even where no cause has it.
function options(select, all, values, chosen) {
  const wanted = chosen && !values.includes(chosen) ? [...values, chosen] : values;
  const present = [...select.options].slice(1).map((option) => option.value);
  if (select.options.length === 0 || JSON.stringify(present) !== JSON.stringify(wanted)) {
    fill(select, h("option", { value: "" }, all), wanted.map((value) => h("option", { value }, value)));
  }
  select.value = chosen;
}

function causeRow(kind, href) {
  const number = h("span", {});
  const share = h("span", { class: "hint" });
  const bar = h("progress", { max: 1, class: "bad thin", "aria-hidden": "true" });
  const what = kind.field ? [h("span", { class: "code" }, kind.code), " ", h("span", { class: "field" }, kind.field)] : h("span", { class: "code" }, kind.code);
  const element = h("tr", {},
    h("th", { scope: "row" }, h("a", { href }, what)),
    h("td", { class: "number" }, number, share, bar),
    h("td", { class: "sample" }, h("p", {}, kind.sample.message), raw(kind.sample.raw, `Record ${count(kind.sample.record)}, line ${count(kind.sample.line)}`)));
  return { element, number, share, bar };
}

function recordRow(reject) {
  const others = reject.problems.slice(1).map((one) =>
    h("p", { class: "also" }, h("span", { class: "code" }, one.code), one.field && [" ", h("span", { class: "field" }, one.field)], " ", one.message));
  return h("tr", {},
    h("th", { scope: "row", class: "number" }, count(reject.record)),
    h("td", { class: "number mid" }, count(reject.line)),
    h("td", {},
      h("p", {}, h("span", { class: "code" }, reject.code), reject.field && [" ", h("span", { class: "field" }, reject.field)], " ", reject.message),
      others, raw(reject.raw, "The record")));
}

// What stands in the file, as text, behind a word that opens it.
function raw(text, summary) {
  return h("details", {}, h("summary", {}, summary), h("pre", { tabindex: "0" }, text));
}

// The way back: a file of corrected rejects becomes a job of its own.
function sendBack(jobId, note, turned) {
  const input = h("input", { type: "file", id: "resubmit", class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  const button = h("button", { type: "button", on: { click: () => input.click() } }, "Send corrected rejects");
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    input.value = "";
    note.textContent = "";
    button.disabled = true;
    put(button, "Sending…");
    try {
      const answer = await ask(at(`/jobs/${jobId}/resubmit`), { method: "POST", body: file, patient: true });
      say(answer.existing ? "This file was sent before: its job is shown." : "The corrected rejects are queued.");
      turned(answer.jobId);
    } catch (problem) {
      note.textContent = `${sentence(problem.message)} ${sentence(problem.hint)}`;
    }
    button.disabled = false;
    put(button, "Send corrected rejects");
  });
  return { element: h("span", {}, button, input) };
}
