/** @file Making and updating elements. Text reaches the page through text nodes only, never as HTML. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with its properties and children. `on…` are listeners, `data` is the dataset, the rest attributes;
 * null, undefined and false leave something out, strings become text.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...any} children
 * @returns {HTMLElement}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "value") node.value = value;
    else if (name === "checked") node.checked = true;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A button that does nothing but what its listener says. @param {Record<string, any>} props @param {...any} children */
export const button = (props, ...children) => el("button", { type: "button", ...props }, ...children);

/** Drawn with strokes of the current colour; an icon never stands without a word or a label beside it. */
const PATHS = {
  hash: "M9 4 7 20M17 4l-2 16M4 9h17M3 15h17",
  lock: "M6 11h12v9H6zM9 11V8a3 3 0 0 1 6 0v3",
  home: "M4 11l8-7 8 7v9h-5v-6H9v6H4z",
  bolt: "M13 3 5 14h6l-1 7 8-11h-6z",
  send: "M4 12 20 4l-5 16-4-6z",
  reply: "M4 5h16v11H10l-5 4v-4H4z",
  close: "M6 6l12 12M18 6 6 18",
  back: "M14 5l-7 7 7 7",
  more: "M4.5 12h1M11.5 12h1M18.5 12h1",
  theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z",
  panel: "M3 5h18v14H3zM14 5v14",
  eye: "M2 12s4-6 10-6 10 6 10 6-4 6-10 6S2 12 2 12zM12 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  warn: "M12 4 2.5 20h19zM12 10v4M12 17h.01",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  down: "M12 5v14M6 13l6 6 6-6",
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  compass: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM15 9l-2 4-4 2 2-4z",
};

/**
 * @param {keyof typeof PATHS} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  for (const [key, value] of [["viewBox", "0 0 24 24"], ["class", "icon"], ["aria-hidden", "true"]]) svg.setAttribute(key, value);
  return svg;
}

let lastId = 0;
/** An id that no other element has. @param {string} prefix */
export const newId = (prefix) => `${prefix}-${(lastId += 1)}`;

const drawn = new WeakMap();
const alike = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

/**
 * Makes the container show these items, and touches only what changed: what stayed alike keeps its very nodes,
 * and with them focus, scroll position and half-typed text.
 * @template T
 * @param {Element} container
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => Node} render
 * @param {(node: Node, item: T) => boolean} [update] changes a node in place; false when it has to be drawn anew
 */
export function keyed(container, items, key, render, update) {
  const before = drawn.get(container) ?? new Map();
  const after = new Map();
  const wanted = new Set(items.map(key));
  for (const [id, entry] of before) if (!wanted.has(id)) entry.node.remove();
  let place = container.firstChild;
  for (const item of items) {
    const id = key(item);
    let entry = before.get(id);
    if (entry && !alike(entry.item, item) && !update?.(entry.node, item)) {
      const node = render(item);
      const wasNext = place === entry.node;
      exchange(entry.node, node);
      entry = { item, node };
      if (wasNext) place = node;
    }
    entry = { item, node: entry?.node ?? render(item) };
    after.set(id, entry);
    if (entry.node === place) place = place.nextSibling;
    else container.insertBefore(entry.node, place);
  }
  drawn.set(container, after);
}

/** Takes the old node's place, and its focus: at the element with the same `data-focus`, else at the new node. */
export function exchange(old, node) {
  const active = document.activeElement;
  const held = active && old.contains(active) ? active : null;
  const name = held?.closest("[data-focus]")?.dataset.focus;
  const caret = held && "selectionStart" in held ? [held.selectionStart, held.selectionEnd] : null;
  old.replaceWith(node);
  if (!held) return;
  const same = name && node.querySelector(`[data-focus="${CSS.escape(name)}"]`);
  if (!same && !node.hasAttribute("tabindex")) node.setAttribute("tabindex", "-1");
  (same || node).focus({ preventScroll: true });
  if (same && caret && caret[0] !== null && same.setSelectionRange) same.setSelectionRange(...caret);
}

/**
 * One tab stop for a list; the arrow keys move inside it.
 * @param {HTMLElement} list
 * @param {string} selector
 */
export function roving(list, selector) {
  const stops = () => [...list.querySelectorAll(selector)].filter((node) => node.offsetParent !== null);
  list.addEventListener("focusin", (event) => {
    const here = event.target.closest(selector);
    if (here) for (const node of list.querySelectorAll(selector)) node.tabIndex = node === here ? 0 : -1;
  });
  list.addEventListener("keydown", (event) => {
    const all = stops();
    const at = all.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined || !all[to]) return;
    event.preventDefault();
    all[to].focus();
  });
}

/** Puts a `popover` next to its anchor, above it where there is more room. */
export function place(popup, anchor, { wide = false, above = false } = {}) {
  const at = anchor.getBoundingClientRect();
  if (wide) popup.style.width = `${at.width}px`;
  const room = innerHeight - at.bottom - 12;
  const up = above || (room < 200 && at.top > room);
  popup.style.maxHeight = `${Math.min(380, up ? at.top - 12 : room)}px`;
  popup.style.left = `${Math.max(8, Math.min(at.left, innerWidth - popup.offsetWidth - 8))}px`;
  popup.style.top = up ? "auto" : `${at.bottom + 4}px`;
  popup.style.bottom = up ? `${innerHeight - at.top + 4}px` : "auto";
}

/** Tells screen readers. @param {string} text */
export function announce(text) {
  document.getElementById("live").textContent = text;
}

/** A short message at the corner of the window. @param {string} text @param {"plain" | "bad"} [kind] */
export function toast(text, kind = "plain") {
  const node = el("div", { class: `toast ${kind}`, data: { testid: "toast" } }, text);
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), 7000);
}
