// What a person says to a job: cancel, retry, start over, approve. Each is there in the states from which it leads somewhere.

import { get, post } from "./api.js";
import { fill, h, say, sentence } from "./dom.js";

// The buttons of a job, and the form for one that is held. `changed(job)` gets what the service answers.
export function actionsPart(jobId, changed) {
  const note = h("p", { class: "problem-line", role: "alert" });
  const button = (text, words, path, body, kind = "") => {
    const element = h("button", { type: "button", class: kind }, text);
    element.addEventListener("click", () => act(element, words, path, body));
    return element;
  };
  const cancel = button("Cancel", "cancelled", "cancel");
  const retry = button("Retry", "queued again", "retry", undefined, "main");
  const over = button("Start over", "queued anew", "retry", { reset: true });
  over.title = "Clears counters and rejects and begins at the first record; nothing is loaded twice";
  const buttons = h("div", { class: "row", id: "actions" }, cancel, retry, over);

  const most = h("input", { id: "max-records", type: "number", min: 0, step: 1, inputmode: "numeric", placeholder: "as the spec says" });
  const version = h("select", { id: "version" }, h("option", { value: "" }, "the same"));
  const approve = h("button", { type: "submit", class: "main" }, "Approve and go on");
  const anew = h("p", { class: "hint" }, "What is rejected so far is accepted, and counting begins anew: the job may be held again.");
  const form = h("form", { class: "approve", "aria-label": "Approve the held job" },
    h("div", { class: "part" }, h("label", { for: "max-records" }, "Most rejects from here on"), most),
    h("div", { class: "part" }, h("label", { for: "version" }, "Version of the spec from here on"), version),
    approve, anew);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const word = {};
    if (most.value !== "") word.maxRecords = Number(most.value);
    if (version.value) word.spec = version.value;
    act(approve, "approved", "approve", word);
  });

  async function act(element, words, path, body) {
    // Not `disabled`: that would take the focus away.
    if (element.getAttribute("aria-disabled") === "true") return;
    note.textContent = "";
    element.setAttribute("aria-disabled", "true");
    try {
      const job = await post(`/jobs/${jobId}/${path}`, body);
      say(`The job is ${words}.`);
      changed(job);
    } catch (problem) {
      note.textContent = `${sentence(problem.message)} ${sentence(problem.hint)}`;
    }
    element.removeAttribute("aria-disabled");
  }

  // The versions of a held job's spec, asked for once.
  let asked = false;
  async function versions(spec) {
    if (asked) return;
    asked = true;
    try {
      const found = await get(`/specs/${encodeURIComponent(spec.name)}`);
      const others = found.versions.filter((number) => number !== spec.version);
      fill(version, version.options[0], others.map((number) => h("option", { value: `${spec.name}@${number}` }, `${spec.name}@${number}`)));
    } catch {
      // The spec may be gone: the job goes on with the text that it has.
    }
  }

  return {
    buttons,
    form: h("div", {}, form, note),
    show(job) {
      const has = (...states) => states.includes(job.state);
      const focused = document.activeElement;
      cancel.hidden = !has("queued", "in_progress", "held");
      retry.hidden = !has("failed", "cancelled");
      over.hidden = retry.hidden;
      buttons.hidden = has("completed");
      form.hidden = !has("held");
      if (has("held")) versions(job.spec);
      // Other causes are accepted for good.
      anew.hidden = job.failure?.code !== "errors";
      // A button that is gone leaves the focus to one that is there.
      if ((buttons.contains(focused) || form.contains(focused)) && focused.closest("[hidden]")) {
        const next = [approve, cancel, retry].find((element) => !element.closest("[hidden]"));
        (next ?? document.querySelector("h1"))?.focus();
      }
    },
  };
}
