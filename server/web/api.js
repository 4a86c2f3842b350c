// Requests to the service: the key of this tab in the header, JSON in and out, refusals as `Problem`.
//
// The key is in the session storage of the tab, never in an address, a cookie or a form.

const KEY = "sluicegate.key";
// How long an answer may take, in milliseconds; streams and downloads have no such limit.
const ANSWER_TIMEOUT_MS = 40_000;

// What is told about all requests: `unauthorized` (a Problem), `reached` and `unreachable`.
export const told = new EventTarget();

// A request that was not answered as it wished. `status` 0: there was no answer at all.
export class Problem extends Error {
  constructor(status, body) {
    super(body.error ?? `the service answered ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.hint = body.hint ?? "";
    this.requestId = body.requestId ?? "";
    this.body = body;
  }
}

export const key = () => sessionStorage.getItem(KEY) ?? "";

export function setKey(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

// The headers that say who asks.
export function identity(as = key()) {
  return as ? { Authorization: `Bearer ${as}` } : {};
}

// What a body says went wrong, whatever it is: a proxy's page is no problem+json. A refused key of this tab is told to all.
export function problemOf(status, text, isOwnKey = true) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // No JSON: the status is all there is.
  }
  const problem = new Problem(status, typeof body === "object" && body !== null ? body : {});
  if (status === 401 && isOwnKey) told.dispatchEvent(new CustomEvent("unauthorized", { detail: problem }));
  return problem;
}

// A path with its query: what is null, undefined or empty is left out.
export function at(path, query = {}) {
  const wanted = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return wanted.length === 0 ? path : `${path}?${new URLSearchParams(wanted)}`;
}

// The answer to a request, its body unread. Refusals and silence are thrown as `Problem`.
export async function open(path, { method = "GET", headers = {}, body, signal, as } = {}) {
  let response;
  try {
    response = await fetch(path, { method, headers: { ...identity(as), ...headers }, body, signal, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted && signal.reason?.name !== "TimeoutError") throw error;
    told.dispatchEvent(new Event("unreachable"));
    throw new Problem(0, { error: "the service does not answer" });
  }
  told.dispatchEvent(new Event("reached"));
  if (!response.ok) throw problemOf(response.status, await response.text(), as === undefined);
  return response;
}

// The JSON of an answer; null where it has no body.
export async function ask(path, { signal, json, headers = {}, patient = false, ...more } = {}) {
  // Who sends a file waits for as long as it goes.
  const limit = patient ? new AbortController().signal : AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const response = await open(path, {
    ...more,
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    headers: json === undefined ? headers : { "Content-Type": "application/json", ...headers },
    body: json === undefined ? more.body : JSON.stringify(json),
  });
  return response.status === 204 ? null : response.json();
}

export const get = (path, query, signal) => ask(at(path, query), { signal });
export const post = (path, json) => ask(path, { method: "POST", json });
