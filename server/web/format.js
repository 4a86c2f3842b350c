// Numbers, sizes and times as people read them.

const NUMBER = new Intl.NumberFormat("en");
const WHEN = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const UNITS = ["B", "kB", "MB", "GB", "TB"];

export const count = (number) => NUMBER.format(number ?? 0);

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

export function bytes(number) {
  if (number === null || number === undefined) return "unknown size";
  let size = number;
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`;
}

// 0.4249 → "42 %": only what is done is 100 %.
export function percent(share) {
  const whole = Math.floor((share ?? 0) * 100);
  return `${Math.min(100, Math.max(0, whole))} %`;
}

// The share of a count: "0.3 %", and "< 0.1 %" for what is there but small.
export function shareOf(part, whole) {
  if (!whole) return "";
  const share = (part / whole) * 100;
  if (part > 0 && share < 0.1) return "< 0.1 %";
  return `${share >= 10 ? Math.round(share) : share.toFixed(1)} %`;
}

export function seconds(number) {
  if (number < 1) return `${Math.max(1, Math.round(number * 1000))} ms`;
  if (number < 60) return `${number < 10 ? number.toFixed(1) : Math.round(number)} s`;
  const minutes = Math.floor(number / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(number % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function left(number) {
  if (number === null || number === undefined || !Number.isFinite(number)) return "";
  return number < 1 ? "less than a second left" : `about ${seconds(Math.ceil(number)).replace(".0", "")} left`;
}

export const when = (text) => (text ? WHEN.format(new Date(text)) : "");

export function ago(text, now = Date.now()) {
  const past = (now - Date.parse(text)) / 1000;
  if (past < 5) return "just now";
  if (past < 60) return `${Math.floor(past)} s ago`;
  if (past < 3600) return `${Math.floor(past / 60)} min ago`;
  if (past < 86400) return `${Math.floor(past / 3600)} h ago`;
  return when(text);
}

// How long a job took, from its first record to its end; "" where it was queued again meanwhile: it waited then, nobody knows
// how long.
export function took({ startedAt, finishedAt, queuedAt }) {
  if (!startedAt || !finishedAt || Date.parse(queuedAt) > Date.parse(startedAt)) return "";
  return `took ${seconds((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)}`;
}

export const STATES = {
  queued: "queued",
  in_progress: "in progress",
  held: "held",
  completed: "completed",
  failed: "failed",
  cancelled: "cancelled",
};

export const isEnded = (state) => state === "completed" || state === "failed" || state === "cancelled";
