// What changes by itself: a job that is watched, and lists that are asked again.
//
// A job is watched by its stream (`GET /jobs/ID/events`, with the key in the header, which an EventSource cannot send).
// Where there is no stream, or it breaks again and again, the job is asked for every 2 seconds.
// A tab that is hidden watches nothing: a browser has six connections to a host, and streams would take them all.

import { get, open } from "./api.js";
import { isEnded } from "./format.js";

const POLL_MS = 2_000;
// Pauses between attempts to have the stream back, in milliseconds.
const PAUSES_MS = [1_000, 2_000, 5_000, 10_000];
// Streams that broke without a word, before asking takes their place.
const MAX_SILENT_STREAMS = 3;
// The stream tells a cause once; how often it came by now is asked for, at most so often.
const CAUSES_MS = 2_000;
// The most characters of one message: a job with its summary of rejects.
const MAX_MESSAGE_CHARS = 4_000_000;

// Waits; ends at once when the signal does.
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

// Resolves when the page can be seen.
export function seen(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look, { once: true });
  });
}

// A signal that ends with the given one, and when the page is hidden; `done` lets go of it.
function whileSeen(signal) {
  const hidden = new AbortController();
  const done = new AbortController();
  const look = () => { if (document.hidden) hidden.abort(); };
  document.addEventListener("visibilitychange", look, { signal: done.signal });
  look();
  return { signal: AbortSignal.any([signal, hidden.signal]), hidden: hidden.signal, done: () => done.abort() };
}

// Does something again and again until the signal, `ms` after each end, and only while the page can be seen.
export async function repeat(ms, signal, act) {
  while (!signal.aborted) {
    await seen(signal);
    if (signal.aborted) return;
    await act();
    await pause(ms, signal);
  }
}

// Tells what a job comes to, from `job` on, until it has ended or the signal says so. `changed(job)` gets a whole job each
// time; what the stream does not say stays as it was.
export async function watch(job, signal, changed) {
  let present = job;
  let last = null;
  let silent = 0;
  const recount = counter(job.stats.rejected);
  const tell = (next) => {
    present = next;
    changed(next);
  };
  while (!signal.aborted && !isEnded(present.state)) {
    await seen(signal);
    if (signal.aborted) return;
    const look = whileSeen(signal);
    try {
      const ended = await stream(job.jobId, last, look.signal, async (events) => {
        silent = 0;
        tell(await recount(events.reduce((known, event) => merged(known, event.message), present), look.signal));
        last = events.at(-1).id ?? last;
      });
      if (ended === "over") return;
      silent += 1;
    } catch (problem) {
      if (signal.aborted || problem.status === 401) return;
      // Taken up behind the last event when the page is seen again.
      if (look.hidden.aborted) continue;
      // Refused, since too many watch for example: asking is what is left. Silence may pass.
      silent = problem.status > 0 ? MAX_SILENT_STREAMS : silent + 1;
    } finally {
      look.done();
    }
    if (signal.aborted || isEnded(present.state)) return;
    if (silent >= MAX_SILENT_STREAMS) return poll(present, signal, tell);
    await pause(PAUSES_MS[Math.min(silent, PAUSES_MS.length - 1)], signal);
  }
}

// Makes one picture of the counters and the causes of a job that its stream told of: where the rejects are others than those
// that were counted last, the job is asked for, which has both of one moment.
function counter(first) {
  let counted = first;
  let from = 0;
  return async (job, signal) => {
    if (isEnded(job.state) || job.stats.rejected === counted) return job;
    await pause(Math.max(0, from + CAUSES_MS - Date.now()), signal);
    signal.throwIfAborted();
    from = Date.now();
    try {
      const now = await get(`/jobs/${job.jobId}`, {}, signal);
      counted = now.stats.rejected;
      return { ...job, ...now };
    } catch (problem) {
      if (signal.aborted || problem.status === 401) throw problem;
      // The next message asks again.
      return job;
    }
  };
}

// Asks for the job every 2 seconds until it has ended.
async function poll(job, signal, tell) {
  const estimate = estimator();
  let state = job.state;
  while (!signal.aborted && !isEnded(state)) {
    await seen(signal);
    await pause(POLL_MS, signal);
    if (signal.aborted) return;
    try {
      const next = await get(`/jobs/${job.jobId}`, {}, signal);
      state = next.state;
      tell({ ...next, secondsLeft: estimate(next) });
    } catch (problem) {
      if (signal.aborted || problem.status === 401 || problem.status === 404) return;
    }
  }
}

// The time that is left, by how far the last look was from the first.
function estimator() {
  let first = null;
  return ({ state, progress }) => {
    if (state !== "in_progress") {
      first = null;
      return null;
    }
    const now = Date.now();
    first ??= { now, progress };
    const share = progress - first.progress;
    return share > 0 ? ((1 - progress) / share) * ((now - first.now) / 1000) : null;
  };
}

// A job after a message of its stream.
function merged(job, message) {
  const { type, ...said } = message;
  if (message.job) return { ...message.job, secondsLeft: null };
  if (type !== "error") return { ...job, ...said };
  const { code, field = null, count, sample } = message;
  const known = job.errors ?? [];
  const same = known.find((kind) => kind.code === code && (kind.field ?? null) === field);
  // How often it came is told once only, and its sample in short: what was asked for since then may know of more.
  const kind = { code, field, count: Math.max(count, same?.count ?? 0), sample: same?.sample ?? sample };
  return { ...job, errors: [...known.filter((other) => other !== same), kind] };
}

// Reads a stream of events to its end: "over" when there is nothing more to come, "broken" otherwise. `came` gets the events
// that came together, at least one.
async function stream(id, last, signal, came) {
  const headers = { Accept: "text/event-stream" };
  if (last !== null) headers["Last-Event-ID"] = last;
  const response = await open(`/jobs/${id}/events`, { headers, signal });
  if (response.status === 204) return "over";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let over = false;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return over ? "over" : "broken";
    text += value;
    if (text.length > MAX_MESSAGE_CHARS) {
      await reader.cancel();
      return "broken";
    }
    const events = text.split(/\r?\n\r?\n/);
    text = events.pop();
    const read = events.map(parsed).filter((event) => event !== null);
    over ||= read.some((event) => isEnded(event.message.type));
    if (read.length > 0) await came(read);
  }
}

// The id and the JSON of an event; null for comments.
function parsed(event) {
  let id = null;
  const data = [];
  for (const line of event.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (line.startsWith("id:")) id = value;
    if (line.startsWith("data:")) data.push(value);
  }
  return data.length === 0 ? null : { id, message: JSON.parse(data.join("\n")) };
}
