// Elements. Whatever is put in is text: nothing that comes from a file or an answer is ever read as HTML.

// h("a", { href, class, on: { click } }, "text", element, [more], null)
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

// An element of an SVG.
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

// Puts a text where it is not there yet: an unchanged node is left alone, so selections and screen readers are too.
export function put(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

// Fills an element anew.
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

// Tells a screen reader something, once. The same words twice are told twice.
let turn = false;
export function say(text) {
  turn = !turn;
  document.getElementById("say").textContent = turn ? text : `${text}\u00a0`;
}

// A refusal or a fault, as a box.
export function problemBox(problem, ...more) {
  const told = [problem.code, problem.requestId && `request ${problem.requestId}`].filter(Boolean).join(" · ");
  return h("div", { class: "box bad", role: "alert" },
    h("p", {}, h("strong", {}, sentence(problem.message))),
    problem.hint && h("p", {}, sentence(problem.hint)),
    told && h("p", { class: "hint mono" }, told),
    more);
}

// A message as a sentence: the API's begin small and have no full stop.
export function sentence(text) {
  const words = String(text ?? "").trim();
  if (words === "") return "";
  const end = /[.!?…:]$/.test(words) ? "" : ".";
  return words[0].toUpperCase() + words.slice(1) + end;
}
