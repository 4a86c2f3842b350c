// The names of files by their ids: jobs know ids alone. A name never changes, so each is asked for once.

import { get } from "./api.js";

const MAX_NAMES = 2_000;
const MAX_AT_ONCE = 4;
const names = new Map();
const waiting = [];
let running = 0;

// The name of a file; "" where it was deleted.
export function nameOf(fileId) {
  if (!fileId) return Promise.resolve("");
  let name = names.get(fileId);
  if (!name) {
    name = turn(() => get(`/files/${fileId}`)).then((file) => file.originalName, (problem) => {
      if (problem.status !== 404) names.delete(fileId);
      return "";
    });
    names.set(fileId, name);
    if (names.size > MAX_NAMES) names.delete(names.keys().next().value);
  }
  return name;
}

// Forgets all: another key may not see them.
export const forget = () => names.clear();

// A few at a time: a browser has six connections to a service, and the page needs some of them.
async function turn(act) {
  if (running >= MAX_AT_ONCE) await new Promise((resolve) => { waiting.push(resolve); });
  running += 1;
  try {
    return await act();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}
