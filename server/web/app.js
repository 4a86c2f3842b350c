// The page: which view is shown (by the fragment of the address), the key of the tab, and whether the service answers.
//
//   #/?state=failed&cursor=…   jobs     #/jobs/ID?code=…&field=…&cursor=…   a job     #/files   files

import { key, setKey, ask, told } from "./api.js";
import { fill, h, say, sentence } from "./dom.js";
import { showFiles } from "./files.js";
import { showJob } from "./job.js";
import { showJobs } from "./jobs.js";
import { forget } from "./names.js";
import { uploadPanel } from "./upload.js";

const main = document.getElementById("main");
const uploads = uploadPanel();
let shown = { path: null, leave: new AbortController(), changed: () => {} };

function route() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const params = new URLSearchParams(query ?? "");
  const place = path || "/";
  if (place === shown.path) {
    shown.changed(params);
    return;
  }
  const isFirst = shown.path === null;
  shown.leave.abort();
  const leave = new AbortController();
  shown = { path: place, leave, changed: view(place, params, leave.signal) };
  for (const [id, is] of [["nav-jobs", place === "/" || place.startsWith("/jobs/")], ["nav-files", place === "/files"]]) {
    document.getElementById(id).toggleAttribute("aria-current", is);
    if (is) document.getElementById(id).setAttribute("aria-current", place.startsWith("/jobs/") ? "true" : "page");
  }
  if (!isFirst) {
    window.scrollTo(0, 0);
    main.querySelector("h1")?.focus({ preventScroll: true });
  }
}

function view(place, params, signal) {
  const job = /^\/jobs\/([0-9a-f]{24})$/.exec(place);
  if (job) return showJob(main, job[1], params, signal);
  if (place === "/files") return showFiles(main, params, signal);
  if (place === "/") {
    const changed = showJobs(main, params, signal, uploads.element);
    uploads.filled(signal).catch(() => {});
    return changed;
  }
  fill(main, h("h1", { tabindex: "-1" }, "There is nothing here"), h("p", {}, h("a", { href: "#/" }, "All jobs")));
  document.title = "Nothing here · Sluicegate";
  return () => {};
}

// Shows the same view anew: with another key everything may be different.
function again() {
  shown.path = null;
  forget();
  route();
}

// The key: asked for where the service wants one, and whenever a person likes.
const dialog = document.getElementById("key-dialog");
const input = document.getElementById("key-input");
const problemLine = document.getElementById("key-problem");
const keyButton = document.getElementById("key");

function showKey() {
  keyButton.textContent = key() ? "API key: set" : "API key";
  document.getElementById("key-forget").hidden = !key();
}

function askForKey(words = "") {
  problemLine.textContent = words;
  if (!dialog.open) dialog.showModal();
}

document.getElementById("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const wanted = input.value.trim();
  try {
    await ask("/jobs?limit=1", { as: wanted });
  } catch (problem) {
    problemLine.textContent = sentence(problem.message);
    input.select();
    return;
  }
  setKey(wanted);
  input.value = "";
  dialog.close();
  showKey();
  say("The key is taken.");
  again();
});
document.getElementById("key-forget").addEventListener("click", () => {
  setKey("");
  dialog.close();
  showKey();
  again();
});
document.getElementById("key-close").addEventListener("click", () => dialog.close());
keyButton.addEventListener("click", () => askForKey());
told.addEventListener("unauthorized", ({ detail }) => {
  if (dialog.open) return;
  shown.leave.abort();
  const words = key() ? sentence(detail.message) : "This service wants an API key.";
  document.title = "API key · Sluicegate";
  fill(main, h("h1", { tabindex: "-1" }, words),
    h("p", {}, h("button", { type: "button", class: "main", on: { click: () => askForKey() } }, "Enter the key")));
  askForKey(words);
});

// Whether the service answers.
const banner = document.getElementById("offline");
told.addEventListener("unreachable", () => {
  banner.textContent = "The service does not answer. The page asks again.";
  banner.hidden = false;
});
told.addEventListener("reached", () => { banner.hidden = true; });

// A link to #main would be an address of this page: the focus goes there instead.
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", route);
showKey();
route();
