// Files on their way in: dropped or chosen, sent one after the other, each with its progress, its job or its refusal.
//
// A file is sent as it is (`PUT /upload/NAME`), so the browser reads it piece by piece, however large it is.

import { ask, at, identity, Problem, problemOf } from "./api.js";
import { h, put, say, sentence } from "./dom.js";
import { bytes, percent } from "./format.js";
import { specSelect } from "./specs.js";

// Files that are listed, the sent ones included.
const MAX_ROWS = 200;

// The panel of uploads. One for as long as the page is open: uploads go on while another view is shown.
export function uploadPanel() {
  const waiting = [];
  let sending = null;
  const { select, filled } = specSelect("upload-spec");
  const process = h("input", { type: "checkbox", id: "upload-process", checked: true });
  const input = h("input", { type: "file", multiple: true, id: "upload-files", class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  const choose = h("button", { type: "button", class: "main", id: "upload-choose", on: { click: () => input.click() } }, "Choose files");
  const list = h("ul", { class: "uploads", "aria-label": "Uploads" });
  const zone = h("div", { class: "zone", id: "drop" },
    h("div", { class: "zone-words" }, choose, h("span", { class: "hint" }, "or drop them here"), input),
    h("div", { class: "zone-options" },
      h("label", { for: "upload-spec" }, "Spec"), select,
      h("label", { class: "check", for: "upload-process" }, process, "Load at once")));
  const element = h("section", { class: "panel upload", "aria-labelledby": "upload-title" },
    h("h2", { id: "upload-title" }, "Load files"), zone, list);

  input.addEventListener("change", () => {
    take(input.files);
    input.value = "";
  });
  whereDropped(zone, (transfer) => take(transfer.files));
  window.addEventListener("beforeunload", (event) => {
    if (sending || waiting.length > 0) event.preventDefault();
  });

  function take(files) {
    for (const file of files) {
      const row = uploadRow(file, { spec: select.value, process: process.checked }, () => {
        const place = waiting.indexOf(row);
        if (place >= 0) waiting.splice(place, 1);
      });
      list.prepend(row.element);
      while (list.children.length > MAX_ROWS) list.lastElementChild.remove();
      waiting.push(row);
    }
    next();
  }

  async function next() {
    if (sending || waiting.length === 0) return;
    sending = waiting.shift();
    await sending.send();
    sending = null;
    next();
  }

  return { element, filled };
}

// Calls `took` with what is dropped anywhere on the page: beside the zone a browser would leave the page for the file.
function whereDropped(zone, took) {
  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const over = (is) => zone.classList.toggle("over", is);
  window.addEventListener("dragenter", (event) => {
    if (hasFiles(event)) over((depth += 1) > 0);
  });
  window.addEventListener("dragleave", (event) => {
    if (hasFiles(event)) over((depth = Math.max(0, depth - 1)) > 0);
  });
  window.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  window.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    if (zone.isConnected) took(event.dataTransfer);
  });
}

// A file in the list, and the way it goes.
function uploadRow(file, options, dropped) {
  let request = null;
  let stopped = false;
  const bar = h("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
  const state = h("span", { class: "hint" }, "waiting");
  const more = h("div", { class: "more" });
  const stop = h("button", { type: "button", class: "quiet small", "aria-label": `Stop the upload of ${file.name}` }, "Stop");
  const element = h("li", {},
    h("span", { class: "name" }, file.name), h("span", { class: "hint" }, bytes(file.size)), bar, state, stop, more);

  stop.addEventListener("click", () => {
    stopped = true;
    dropped();
    request?.abort();
    end("stopped; nothing of it is kept");
  });

  function end(words, ...parts) {
    bar.remove();
    stop.remove();
    put(state, words);
    more.replaceChildren(...parts.flat().filter(Boolean));
  }

  function sent(answer) {
    if (!answer.jobId) {
      end("uploaded", loadControls(answer.fileId, end));
      say(`${file.name} is uploaded.`);
      return;
    }
    end(...jobOf(answer));
    say(`${file.name} is uploaded and ${answer.existing ? "was there before" : "queued"}.`);
  }

  function refused(problem) {
    if (stopped) return;
    const kept = problem.body?.fileId;
    end(kept ? "uploaded, not loaded" : "not uploaded",
      h("span", { class: "problem-line", role: "alert" }, sentence(problem.message), problem.hint ? ` ${sentence(problem.hint)}` : ""),
      kept ? loadControls(kept, end) : null);
  }

  async function send() {
    if (stopped) return;
    put(state, "0 %");
    const query = options.process ? { process: "true", spec: options.spec } : {};
    try {
      sent(await transfer(at(`/upload/${encodeURIComponent(file.name)}`, query)));
    } catch (problem) {
      refused(problem);
    }
  }

  // An XMLHttpRequest: only it tells how much of a body is sent.
  function transfer(path) {
    return new Promise((resolve, reject) => {
      request = new XMLHttpRequest();
      request.open("PUT", path);
      for (const [name, value] of Object.entries(identity())) request.setRequestHeader(name, value);
      request.upload.addEventListener("progress", (event) => {
        const share = event.total ? event.loaded / event.total : 0;
        bar.value = share;
        put(state, share < 1 ? `${percent(share)} sent` : "all sent, being kept");
      });
      request.addEventListener("load", () => {
        if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
        else reject(problemOf(request.status, request.responseText));
      });
      request.addEventListener("error", () => {
        reject(new Problem(0, { error: "the connection ended before the file was taken" }));
      });
      // Who stops it knows: the next one must not wait for it.
      request.addEventListener("abort", () => reject(new Problem(0, { error: "the upload was stopped" })));
      request.send(file);
    });
  }

  return { element, send };
}

// What an answer with a job says: words, and the way there.
export function jobOf(answer) {
  const link = h("a", { href: `#/jobs/${answer.jobId}` }, "Show the job");
  return [answer.existing ? "the same content was sent before: its job stands" : "uploaded and queued", link];
}

// A picker of a spec and a button, for a file that is kept and not loaded. `ended(words, …)` tells what came of it.
export function loadControls(fileId, ended) {
  const { select, filled } = specSelect(`spec-${fileId}`);
  const problem = h("span", { class: "problem-line", role: "alert" });
  const load = h("button", { type: "button", class: "small" }, "Load");
  load.addEventListener("click", async () => {
    load.disabled = true;
    try {
      const answer = await ask(at(`/process/${fileId}`, { spec: select.value }), { method: "POST" });
      ended(...jobOf(answer));
      say(answer.existing ? "Its job was there before." : "The job is queued.");
    } catch (refusal) {
      problem.textContent = sentence(refusal.message);
      load.disabled = false;
    }
  });
  filled().catch((refusal) => { problem.textContent = sentence(refusal.message); });
  return h("span", { class: "load" }, h("label", { class: "unseen", for: `spec-${fileId}` }, "Spec"), select, load, problem);
}
