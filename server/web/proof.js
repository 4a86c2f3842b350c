// What a job leaves beside its documents: its receipt, the log of its webhook, and what it was.

import { get, post } from "./api.js";
import { fill, h, put, say, sentence } from "./dom.js";
import { bytes, count, isEnded, percent, plural, seconds, when } from "./format.js";
import { saveLink } from "./save.js";

// Names and values, in two columns. Pairs without a value are left out.
function pairs(list, label) {
  return h("dl", { class: "pairs", "aria-label": label }, list.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value, kind]) => h("div", {}, h("dt", {}, name), h("dd", { class: kind }, value))));
}

// The receipt of a completed job.
export function receiptPart(jobId, signal) {
  const body = h("div", {});
  const note = h("p", { class: "problem-line", role: "alert" });
  const element = h("section", { class: "panel", id: "receipt", "aria-labelledby": "receipt-title", hidden: true },
    h("h2", { id: "receipt-title" }, "Receipt"), body, note);
  let shown = "";
  return {
    element,
    async show(job) {
      element.hidden = job.state !== "completed";
      const present = `${job.state} ${job.updatedAt}`;
      if (element.hidden || shown === present) return;
      shown = present;
      try {
        const receipt = await get(`/jobs/${jobId}/receipt`, {}, signal);
        fill(body,
          pairs([
            ["Documents", count(receipt.documents)],
            ["Collection", receipt.load.collection],
            ["Revision", receipt.revision],
            ["Completed", when(receipt.completedAt)],
            ["Content", receipt.file.content, "mono"],
            ["Digest", receipt.digest, "mono"],
          ], "Receipt"),
          h("div", { class: "row" }, saveLink("Download receipt", `/jobs/${jobId}/receipt`, `${jobId}-receipt.json`, note)));
      } catch (problem) {
        if (!signal.aborted) note.textContent = sentence(problem.message);
      }
    },
  };
}

// The webhook of a job: what was sent, and a way to send it again. `changed(job)` gets what the service answers then.
export function deliveriesPart(jobId, signal, changed) {
  const body = h("tbody", {});
  const state = h("p", { class: "hint" });
  const note = h("p", { class: "problem-line", role: "alert" });
  const table = h("table", { class: "deliveries" }, h("caption", { class: "unseen" }, "Deliveries of the webhook"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Event"), h("th", { scope: "col" }, "When"), h("th", { scope: "col" }, "What came of it"),
      h("th", { scope: "col" }, h("span", { class: "unseen" }, "Again")))), body);
  const element = h("section", { class: "panel", "aria-labelledby": "deliveries-title", hidden: true },
    h("h2", { id: "deliveries-title" }, "Webhook"), state, table, note);
  let shown = "";

  // The rows that are shown, by their number; one that is under way is replaced when it has ended.
  const rows = new Map();

  async function load() {
    try {
      const page = await get(`/jobs/${jobId}/deliveries`, {}, signal);
      // Those that have ended stay: one of them may have the focus.
      for (const [n, { row, ended }] of rows) {
        if (ended) continue;
        row.remove();
        rows.delete(n);
      }
      for (const delivery of [...page.items].reverse()) {
        if (rows.has(delivery.n)) continue;
        const row = deliveryRow(delivery);
        rows.set(delivery.n, { row, ended: hasEnded(delivery) });
        body.prepend(row);
      }
      table.hidden = page.items.length === 0;
    } catch (problem) {
      if (!signal.aborted && problem.status !== 404) note.textContent = sentence(problem.message);
    }
  }

  function hasEnded(delivery) {
    return delivery.durationMs !== null;
  }

  function deliveryRow(delivery) {
    const again = h("button", { type: "button", class: "quiet small", "aria-label": `Send delivery ${delivery.n} again` }, "Send again");
    again.addEventListener("click", async () => {
      if (again.getAttribute("aria-disabled") === "true") return;
      note.textContent = "";
      again.setAttribute("aria-disabled", "true");
      try {
        const job = await post(`/jobs/${jobId}/deliveries/${delivery.n}/resend`);
        say("It is sent again.");
        changed(job);
      } catch (problem) {
        note.textContent = sentence(problem.message);
      }
      again.removeAttribute("aria-disabled");
    });
    const came = delivery.status ? `answered ${delivery.status}` : delivery.error ?? "under way";
    const time = hasEnded(delivery) ? ` after ${seconds(delivery.durationMs / 1000)}` : "";
    return h("tr", {}, h("th", { scope: "row" }, delivery.type, h("span", { class: "hint" }, `try ${delivery.attempt}`)),
      h("td", {}, when(delivery.at)), h("td", {}, `${came}${time}`), h("td", {}, hasEnded(delivery) ? again : null));
  }

  return {
    element,
    show(job) {
      element.hidden = !job.callback;
      if (!job.callback) return;
      const { url, state: word, attempts, nextAt } = job.callback;
      const next = nextAt && attempts > 0 ? `, again at ${when(nextAt)}` : "";
      put(state, `${url}: ${word}, ${plural(attempts, "try", "tries")}${next}`);
      const present = JSON.stringify([job.state, job.callback]);
      // While it is to be told a try may begin, and nothing of the job says so.
      if (shown === present && !(word === "pending" && isEnded(job.state))) return;
      shown = present;
      load();
    },
  };
}

// What a job is, in all its names.
export function detailsPart() {
  const body = h("div", {});
  const element = h("details", { class: "panel folded" }, h("summary", {}, h("h2", {}, "Details")), body);
  let shown = "";
  return {
    element,
    show(job) {
      const { busy } = job;
      const list = [
        ["Job", job.jobId, "mono"],
        ["File", (job.fileIds ?? []).join(", "), "mono"],
        ["Rejects of", job.parentJobId ? h("a", { href: `#/jobs/${job.parentJobId}`, class: "mono" }, job.parentJobId) : null],
        ["Spec", `${job.spec.name}@${job.spec.version}`],
        ["Its text", `sha256:${job.spec.sha256}`, "mono"],
        ["Applies behind record", job.specAfterRecord === undefined ? null : count(job.specAfterRecord)],
        ["Size", bytes(job.bytesTotal)],
        ["Created", when(job.createdAt)],
        ["Started", when(job.startedAt)],
        ["Finished", when(job.finishedAt)],
        ["Tries without progress", count(job.attempts)],
        ["Bounded by", job.bottleneck],
        ["Busy", busy ? Object.entries(busy).filter(([, share]) => share > 0).map(([stage, share]) => `${stage} ${percent(share)}`).join(", ") : null],
        ["Worker", job.workerId, "mono"],
      ];
      const present = JSON.stringify(list);
      if (shown === present) return;
      shown = present;
      fill(body, pairs(list, "Details"));
    },
  };
}
