// The picker of a spec: those of `GET /specs`, or none, which means the one that matches the file's name.

import { get } from "./api.js";
import { h } from "./dom.js";

// Specs that a picker lists; more of them are taken by their names.
const MAX_SPECS = 1_000;
const PAGE_ITEMS = 200;

// Every spec, by name.
export async function specs(signal) {
  const found = [];
  let cursor = null;
  do {
    const page = await get("/specs", { limit: PAGE_ITEMS, cursor }, signal);
    found.push(...page.items);
    cursor = page.next;
  } while (cursor && found.length < MAX_SPECS);
  return found;
}

// A select of specs. It is filled when they are there; what was chosen stays chosen.
export function specSelect(id, none = "by the file’s name") {
  const select = h("select", { id }, h("option", { value: "" }, none));
  const filled = async (signal) => {
    const options = (await specs(signal)).map((spec) =>
      h("option", { value: spec.name }, `${spec.name}@${spec.version}${spec.origin === "tenant" ? " (yours)" : ""}`));
    // A list that is open stays open.
    if (options.map((option) => option.text).join() === [...select.options].slice(1).map((option) => option.text).join()) return;
    // Only now: a person may have chosen meanwhile.
    const chosen = select.value;
    select.replaceChildren(select.options[0], ...options);
    select.value = options.some((option) => option.value === chosen) ? chosen : "";
  };
  return { select, filled };
}
