// The page of one job: how far it is, its books, its rate, its rejects, and what can be said to it. It follows the job live.

import { get } from "./api.js";
import { actionsPart } from "./actions.js";
import { books } from "./books.js";
import { fill, h, problemBox, put, say, sentence } from "./dom.js";
import { ago, bytes, count, isEnded, left, percent, plural, STATES, took } from "./format.js";
import { badge } from "./jobs.js";
import { pause, seen, watch } from "./live.js";
import { nameOf } from "./names.js";
import { ratePlot } from "./plot.js";
import { deliveriesPart, detailsPart, receiptPart } from "./proof.js";
import { rejectsPart } from "./rejects.js";

// A webhook goes its way behind the end of the job, of which no stream tells: it is asked for so often until it has arrived.
const WEBHOOK_MS = 3_000;
// For how long: by then the service has tried for the last time, or does not try at all.
const WEBHOOK_MAX_MS = 15 * 60_000;

// Shows the job in `main`. Returns what a change of the parameters does.
export function showJob(main, jobId, params, signal) {
  const title = h("h1", { tabindex: "-1" }, "Job");
  fill(main, h("p", { class: "back" }, h("a", { href: "#/" }, "All jobs")), title, h("p", { class: "empty" }, "Asking for the job…"));
  document.title = "Job · Sluicegate";
  let view = null;
  const begin = async () => {
    try {
      const job = await get(`/jobs/${jobId}`, {}, signal);
      if (signal.aborted) return;
      view = jobView(main, title, job, params, signal);
    } catch (problem) {
      if (signal.aborted || problem.status === 401) return;
      fill(main, h("p", { class: "back" }, h("a", { href: "#/" }, "All jobs")), title, problemBox(problem,
        h("button", { type: "button", on: { click: begin } }, "Ask again")));
    }
  };
  begin();
  return (next) => {
    params = next;
    view?.choose(next);
  };
}

function jobView(main, title, first, params, signal) {
  const { jobId } = first;
  let job = first;
  let name = "";
  let watching = null;
  const state = badge();
  const about = h("p", { class: "hint" });
  const bar = h("progress", { max: 1, id: "progress", "aria-label": "Progress" });
  const share = h("span", { class: "share" });
  const speed = h("span", {});
  const done = h("span", {});
  const rest = h("span", {});
  const failure = h("div", {});
  const sums = books();
  const plot = ratePlot();
  const actions = actionsPart(jobId, (next) => { show(next); follow(); });
  const parts = [
    rejectsPart(jobId, signal, (child) => { location.hash = `#/jobs/${child}`; }),
    receiptPart(jobId, signal), deliveriesPart(jobId, signal, (next) => { show(next); follow(); }), detailsPart(),
  ];
  const focused = document.activeElement === title;
  fill(main,
    h("p", { class: "back" }, h("a", { href: "#/" }, "All jobs")),
    h("div", { class: "head" }, h("div", { class: "title" }, title, state.element), actions.buttons),
    about,
    h("section", { class: "panel", "aria-label": "Progress" },
      h("div", { class: "going" }, bar, share),
      h("p", { class: "figures" }, done, speed, rest),
      failure, actions.form,
      h("div", { class: "split" }, sums.element, plot.element)),
    parts.map((part) => part.element));
  // It was moved, and lost the focus by that.
  if (focused) title.focus({ preventScroll: true });
  nameOf(first.fileId).then((found) => {
    name = found;
    heading();
  });
  parts[0].choose(params);

  function heading() {
    const words = name || "Job";
    put(title, words);
    const progress = isEnded(job.state) || job.state === "held" ? STATES[job.state] : percent(job.progress);
    document.title = `${progress} · ${words} · Sluicegate`;
  }

  function show(next) {
    const before = job.state;
    job = next;
    heading();
    state.show(job.state);
    const running = job.state === "in_progress";
    put(about, [
      job.parentJobId ? "corrected rejects" : null,
      `${job.spec.name}@${job.spec.version}`,
      `created ${ago(job.createdAt)}`,
      took(job),
    ].filter(Boolean).join(" · "));
    bar.value = job.progress;
    bar.className = job.state === "failed" ? "bad" : job.state === "held" ? "warn" : job.state === "completed" ? "good" : "";
    put(share, percent(job.progress));
    put(done, job.bytesTotal === null ? bytes(job.bytesRead) : `${bytes(job.bytesRead)} of ${bytes(job.bytesTotal)}`);
    put(speed, job.recordsPerSecond > 0 ? `${count(job.recordsPerSecond)} records/s` : "");
    put(rest, running ? left(job.secondsLeft) : "");
    // Before the first figure there is none.
    if (running && (job.recordsPerSecond > 0 || plot.points > 0)) plot.add(job.recordsPerSecond);
    plot.element.hidden = plot.points < 2;
    sums.show(job.stats);
    showFailure();
    actions.show(job);
    parts.forEach((part) => part.show(job));
    if (before !== job.state) tell();
  }

  let failed = "";
  function showFailure() {
    const present = JSON.stringify([job.state, job.failure]);
    if (present === failed) return;
    failed = present;
    if (!job.failure || job.state === "completed") {
      fill(failure);
      return;
    }
    const { code, message, causes, hint } = job.failure;
    fill(failure, h("div", { class: `box ${job.state === "failed" ? "bad" : "warn"}` },
      h("p", {}, job.state === "failed" ? h("strong", {}, sentence(message)) : [h("strong", {}, job.state === "held" ? "Held: " : ""), sentence(message)]),
      hint && h("p", {}, sentence(hint)),
      (causes ?? []).map((cause) => h("p", { class: "hint" }, cause)),
      // Why it is held is said in words: the code is for programs.
      job.state !== "held" && h("p", { class: "hint" }, "Code ", h("span", { class: "mono" }, code))));
  }

  // What a screen reader is told: states alone, not each step of the progress.
  function tell() {
    const rejects = job.stats.rejected > 0 ? `, ${plural(job.stats.rejected, "record")} rejected` : "";
    const verb = job.state === "failed" ? "has" : "is";
    say(`${name || "The job"} ${verb} ${STATES[job.state] ?? job.state}${job.state === "completed" ? rejects : ""}.`);
  }

  async function follow() {
    watching?.abort();
    watching = new AbortController();
    const both = AbortSignal.any([signal, watching.signal]);
    await watch(job, both, show);
    const until = Date.now() + WEBHOOK_MAX_MS;
    while (!both.aborted && Date.now() < until && isEnded(job.state) && job.callback?.state === "pending") {
      await pause(WEBHOOK_MS, both);
      await seen(both);
      if (both.aborted) return;
      try {
        show(await get(`/jobs/${jobId}`, {}, both));
      } catch {
        // The next look will tell.
      }
    }
  }

  show(first);
  follow();
  return { choose: parts[0].choose };
}
