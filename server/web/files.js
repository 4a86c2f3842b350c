// The files that were uploaded: what became of each, and a way to load those that no job has.

import { ask, get } from "./api.js";
import { fill, h, problemBox, put, say, sentence } from "./dom.js";
import { ago, bytes, count, when } from "./format.js";
import { pages } from "./jobs.js";
import { loadControls } from "./upload.js";

const PAGE_ITEMS = 25;
// Held jobs that are looked through for the files of a page.
const MAX_HELD = 200;

// Shows the files in `main`. Returns what a change of the parameters does.
export function showFiles(main, params, signal) {
  const body = h("tbody", {});
  const total = h("span", { class: "hint" });
  const problem = h("div", {});
  const empty = h("p", { class: "empty" });
  const pager = h("nav", { class: "pager", "aria-label": "Pages of files" });
  const table = h("table", { class: "files" }, h("caption", { class: "unseen" }, "Files, newest first"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "File"), h("th", { scope: "col", class: "mid" }, "Status"),
      h("th", { scope: "col", class: "number mid" }, "Size"), h("th", { scope: "col", class: "number wide" }, "Uploaded"),
      h("th", { scope: "col" }, "What to do"))), body);
  fill(main, h("h1", { class: "unseen", tabindex: "-1" }, "Files"),
    h("section", { class: "panel", "aria-labelledby": "files-title" },
      h("div", { class: "bar" }, h("h2", { id: "files-title" }, "Files"), total), problem, table, empty, pager));
  document.title = "Files · Sluicegate";

  async function load(now) {
    const cursor = now.get("cursor") ?? "";
    try {
      const page = await get("/files", { limit: PAGE_ITEMS, cursor }, signal);
      if (signal.aborted) return;
      const held = await heldFiles(page.items, signal);
      if (signal.aborted) return;
      fill(problem);
      fill(body, page.items.map((file) => fileRow(file, file.status === "processing" && held.has(file.fileId) ? "held" : file.status, signal)));
      put(total, page.total === undefined ? "" : `${count(page.total)} in all`);
      table.hidden = page.items.length === 0;
      empty.hidden = page.items.length > 0;
      put(empty, page.items.length > 0 ? "" : "No files yet: load one on the page of jobs.");
      pages(pager, cursor !== "", page.next, (to) => (to ? `#/files?cursor=${encodeURIComponent(to)}` : "#/files"));
    } catch (refusal) {
      if (!signal.aborted && refusal.status !== 401) fill(problem, problemBox(refusal));
    }
  }

  load(params);
  return load;
}

// The files of held jobs, which wait for a person: their status says "processing". One question for all of a page.
async function heldFiles(files, signal) {
  if (!files.some((file) => file.status === "processing")) return new Set();
  try {
    const page = await get("/jobs", { state: "held", limit: MAX_HELD }, signal);
    return new Set(page.items.flatMap((job) => job.fileIds));
  } catch {
    // Their status is true all the same.
    return new Set();
  }
}

function fileRow(file, status, signal) {
  const note = h("span", { class: "problem-line", role: "alert" });
  const tools = h("div", { class: "tools" });
  const size = file.size === null ? "" : bytes(file.size);
  const age = file.uploadedAt ? ago(file.uploadedAt) : "";
  const row = h("tr", {},
    h("th", { scope: "row" }, file.originalName,
      h("span", { class: "about narrow" }, [status, size, age].filter(Boolean).join(" · ")),
      file.errorMessage && h("span", { class: "hint" }, sentence(file.errorMessage))),
    h("td", { class: "mid" }, status),
    h("td", { class: "number mid" }, size),
    h("td", { class: "number wide" }, file.uploadedAt && h("time", { datetime: file.uploadedAt, title: when(file.uploadedAt) }, age)),
    h("td", {}, tools));
  const remove = h("button", { type: "button", class: "quiet small", "aria-label": `Delete ${file.originalName}` }, "Delete");
  remove.addEventListener("click", async () => {
    // The second press means it.
    if (remove.textContent === "Delete") {
      put(remove, "Delete for good?");
      return;
    }
    try {
      await ask(`/files/${file.fileId}`, { method: "DELETE" });
      row.remove();
      say(`${file.originalName} is deleted.`);
    } catch (problem) {
      note.textContent = sentence(problem.message);
      put(remove, "Delete");
    }
  });
  remove.addEventListener("blur", () => put(remove, "Delete"));
  const waits = file.status === "uploaded";
  fill(tools,
    waits
      ? loadControls(file.fileId, (words, ...more) => fill(tools, words, " ", more))
      : file.status !== "uploading" && jobLink(file, signal, note),
    file.status !== "uploading" && remove, note);
  return row;
}

// The way to the newest job of a file, which is looked for when it is wanted.
function jobLink(file, signal, note) {
  const button = h("button", { type: "button", class: "quiet small", "aria-label": `Show the job of ${file.originalName}` }, "Show the job");
  button.addEventListener("click", async () => {
    try {
      const page = await get("/jobs", { fileId: file.fileId, limit: 1 }, signal);
      if (page.items.length > 0) location.hash = `#/jobs/${page.items[0].jobId}`;
      else note.textContent = "Its job is no longer remembered.";
    } catch (problem) {
      note.textContent = sentence(problem.message);
    }
  });
  return button;
}
