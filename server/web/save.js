// Downloads. Without a key a link does it: the browser writes to the disk by itself. With a key the request needs a header,
// which no link can send, so the page reads the answer: into a file that the person picks, piece by piece, where the
// browser has a picker for that; elsewhere through its memory, up to a limit, and the way around it is told.

import { key, open } from "./api.js";
import { h, say, sentence } from "./dom.js";
import { bytes } from "./format.js";

// The most bytes that are kept in memory.
const MAX_MEMORY_BYTES = 512 * 1024 * 1024;

// A link that downloads `path`; `name` is what the file is called where the service names none.
export function saveLink(text, path, name, note) {
  const click = async (event) => {
    if (!key()) return;
    event.preventDefault();
    note.textContent = "";
    try {
      const saved = await save(path, name);
      if (saved !== null) say(`Saved ${bytes(saved)}.`);
    } catch (problem) {
      note.textContent = sentence(problem.message);
    }
  };
  return h("a", { class: "button", href: path, download: name, on: { click } }, text);
}

// Saves an answer as a file: how many bytes it has, or null where the person thought better of it.
async function save(path, name) {
  const handle = await picked(name);
  if (handle === null) return null;
  const response = await open(path);
  return handle === undefined ? throughMemory(response, name, path) : intoFile(response, handle);
}

// The file that the person picks; undefined where the browser has no picker.
async function picked(name) {
  if (!window.showSaveFilePicker) return undefined;
  try {
    return await window.showSaveFilePicker({ suggestedName: name });
  } catch (error) {
    if (error.name === "AbortError") return null;
    // A browser that has one, but not here.
    return undefined;
  }
}

async function intoFile(response, handle) {
  const file = await handle.createWritable();
  const counter = counted();
  await response.body.pipeThrough(counter.stream).pipeTo(file);
  return counter.bytes();
}

function counted() {
  let total = 0;
  const stream = new TransformStream({
    transform(chunk, to) {
      total += chunk.byteLength;
      to.enqueue(chunk);
    },
  });
  return { stream, bytes: () => total };
}

async function throughMemory(response, name, path) {
  const chunks = [];
  let total = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    total += value.byteLength;
    if (total > MAX_MEMORY_BYTES) {
      await reader.cancel();
      throw new Error(`more than ${bytes(MAX_MEMORY_BYTES)}, which this browser would have to keep in memory: `
        + `curl -OJH "Authorization: Bearer $KEY" ${location.origin}${path}`);
    }
    chunks.push(value);
  }
  const type = response.headers.get("Content-Type") ?? "application/octet-stream";
  const address = URL.createObjectURL(new Blob(chunks, { type }));
  h("a", { href: address, download: named(response) ?? name }).click();
  // Behind the click, which has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return total;
}

// The name that the service gives the file.
function named(response) {
  return /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
}
