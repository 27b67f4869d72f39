/** @file Two texts side by side in one column: which lines came, which went. */

import { el } from "./dom.js";

/**
 * The lines of both texts, each marked "same", "added" or "removed" (longest common subsequence).
 * @param {string} before
 * @param {string} after
 * @returns {{kind: "same" | "added" | "removed", line: string}[]}
 */
export function lineDiff(before, after) {
  const a = before ? before.split("\n") : [];
  const b = after ? after.split("\n") : [];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const same = (line) => ({ kind: "same", line });
  const middle = between(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  return [...a.slice(0, head).map(same), ...middle, ...a.slice(a.length - tail).map(same)];
}

function between(a, b) {
  const longest = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i][j] = a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: "same", line: a[i] });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && longest[i + 1][j] >= longest[i][j + 1])) {
      lines.push({ kind: "removed", line: a[i] });
      i += 1;
    } else {
      lines.push({ kind: "added", line: b[j] });
      j += 1;
    }
  }
  return lines;
}

const MARKS = { same: " ", added: "+", removed: "−" };

/**
 * A text with what changed in it since before; without a "before" just the text.
 * @param {string} before
 * @param {string} after
 * @param {string} label for screen readers
 */
export function drawDiff(before, after, label) {
  const lines = before && before !== after ? lineDiff(before, after) : lineDiff(after, after);
  const text = el("pre", { class: "diff", tabindex: "0", role: "region", "aria-label": label, data: { testid: "diff" } }, lines.map(({ kind, line }) => {
    const tag = { added: "ins", removed: "del" }[kind] ?? "span";
    return el(tag, { class: "line" }, `${MARKS[kind]} ${line}\n`);
  }));
  // What changed is what the reader looks for; the top of a policy is always the same.
  requestAnimationFrame(() => {
    const first = text.querySelector("ins, del");
    if (first) text.scrollTop = first.offsetTop - 60;
  });
  return text;
}
