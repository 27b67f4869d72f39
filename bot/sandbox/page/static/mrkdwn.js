/**
 * @file Slack's mrkdwn. The control sequences in `<…>` are found before entities are decoded: the other way round
 * a person's harmless, escaped text would turn into a mention.
 */

import { el } from "./dom.js";
import { dateShown } from "./dates.js";
import { nameOf, state } from "./store.js";

const SEQUENCE = /\uFFFC|<([@#!]?)([^<>\n]+)>/g;
/** Stands for a control sequence while styles are looked for; one that the text brings along stands for itself. */
const HOLE = "\uFFFC";
const SAFE_URL = /^(https?:\/\/|mailto:)/i;
const BARE_URL = /https?:\/\/[^\s<>|]*[^\s<>|.,;:!?)\]'"]/g;
const STYLES = [
  ["code", /`([^`\n]+)`/],
  ["bold", /(?<![\w*])\*(?!\s)([^*\n]+?)(?<!\s)\*(?![\w*])/],
  ["italic", /(?<![\w_])_(?!\s)([^_\n]+?)(?<!\s)_(?![\w_])/],
  ["strike", /(?<![\w~])~(?!\s)([^~\n]+?)(?<!\s)~(?![\w~])/],
];
const TAGS = { bold: "b", italic: "i", strike: "s", code: "code", pre: "pre", quote: "blockquote" };

/** The three entities that Slack knows. @param {string} text */
export const decoded = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

/**
 * A mrkdwn text as a tree of plain objects: text, link, mention, date, and styles with children.
 * @param {string} text
 * @param {boolean} [verbatim] false: bare addresses become links, as Slack does by default
 * @returns {object[]}
 */
export function parse(text, verbatim = true) {
  const found = [];
  const holed = text.replace(SEQUENCE, (whole, mark, body) => {
    found.push(whole === HOLE ? { type: "text", text: HOLE } : sequence(whole, mark, body));
    return HOLE;
  });
  const reading = { take: () => found.shift(), verbatim };
  return holed
    .split(/```\n?([\s\S]+?)\n?```/)
    .flatMap((part, index) => (index % 2 ? [{ type: "pre", children: leaf(part, { ...reading, verbatim: true }) }] : quotes(part, reading)));
}

function sequence(whole, mark, body) {
  const bar = body.indexOf("|");
  const name = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? "" : decoded(body.slice(bar + 1));
  if (mark === "@" || mark === "#") return { type: "mention", mark, id: name, label };
  if (mark === "!") {
    if (name.startsWith("date^")) {
      const [, stamp, form = "", url = ""] = name.split("^");
      return { type: "date", stamp: Number(stamp), form, url, fallback: label };
    }
    if (name.startsWith("subteam^")) return { type: "mention", mark: "@", id: name.slice(8), label: label.replace(/^@/, "") };
    if (["here", "channel", "everyone"].includes(name)) return { type: "mention", mark: "@", id: name, label: "" };
    return { type: "text", text: label || `<${mark}${body}>` };
  }
  const url = decoded(name);
  if (!SAFE_URL.test(url)) return { type: "text", text: decoded(whole) };
  return { type: "link", url, children: [{ type: "text", text: label || url }] };
}

/** Lines that begin with `>`; Slack takes the escaped form as well, since its own composer writes it. */
function quotes(text, reading) {
  const nodes = [];
  for (const run of text.split(/((?:^|\n)(?:&gt;|>)[^\n]*(?:\n(?:&gt;|>)[^\n]*)*\n?)/)) {
    if (/^\n?(&gt;|>)/.test(run)) {
      const inside = run.replace(/^\n|\n$/g, "").replace(/^(&gt;|>) ?/gm, "");
      nodes.push({ type: "quote", children: inline(inside, reading) });
    } else if (run) nodes.push(...inline(run, reading));
  }
  return nodes;
}

function inline(text, reading) {
  let first = null;
  for (const [type, pattern] of STYLES) {
    const match = pattern.exec(text);
    if (match && (!first || match.index < first.match.index)) first = { type, match };
  }
  if (!first) return leaf(text, reading);
  const { type, match } = first;
  // In reading order, because each hole takes the next control sequence.
  const before = leaf(text.slice(0, match.index), reading);
  const children = type === "code" ? leaf(match[1], { ...reading, verbatim: true }) : inline(match[1], reading);
  return [...before, { type, children }, ...inline(text.slice(match.index + match[0].length), reading)];
}

function leaf(text, reading) {
  return text.split(HOLE).flatMap((piece, index) => {
    const nodes = index ? [reading.take()] : [];
    return piece ? [...nodes, ...(reading.verbatim ? [{ type: "text", text: decoded(piece) }] : linked(decoded(piece)))] : nodes;
  });
}

function linked(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(BARE_URL)) {
    nodes.push({ type: "text", text: text.slice(end, match.index) });
    nodes.push({ type: "link", url: match[0], children: [{ type: "text", text: match[0] }] });
    end = match.index + match[0].length;
  }
  return [...nodes, { type: "text", text: text.slice(end) }].filter((node) => node.text !== "");
}

/** A link that can lead nowhere but to a web page or a mail; anything else stays text. */
export function link(url, children) {
  if (!SAFE_URL.test(url)) return el("span", {}, children);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, children);
}

/** A mention as a pill; one's own stands out. @param {string} mark @param {string} id @param {string} [label] */
export function mention(mark, id, label = "") {
  const known = nameOf(id);
  return el("span", { class: id === state.me ? "mention me" : "mention" }, mark + (known === id ? label || id : known));
}

/** A date as an element with its instant. */
export function date(stamp, form, fallback, url = "") {
  const at = new Date(stamp * 1000);
  const iso = Number.isNaN(at.getTime()) ? null : at.toISOString();
  const time = el("time", { datetime: iso, title: iso?.replace("T", " ").replace(/:\d\d\..*/, " UTC") }, dateShown(stamp, form, fallback));
  return url ? link(url, time) : time;
}

function draw(node) {
  switch (node.type) {
    case "text":
      return node.text;
    case "mention":
      return mention(node.mark, node.id, node.label);
    case "date":
      return date(node.stamp, node.form, node.fallback, node.url);
    case "link":
      return link(node.url, node.children.map(draw));
    default:
      return el(TAGS[node.type], {}, node.children.map(draw));
  }
}

/**
 * A text object of Block Kit, mrkdwn or plain.
 * @param {{type: string, text: string, verbatim?: boolean}} text
 * @param {string} [tag]
 * @returns {HTMLElement}
 */
export function drawText(text, tag = "div") {
  const parts = text?.type === "mrkdwn" ? parse(text.text, text.verbatim).map(draw) : [text?.text ?? ""];
  return el(tag, { class: "text" }, parts);
}

/** What a text object says, in one string, for labels. @param {any} text */
export const wordsOf = (text) => (typeof text === "string" ? text : text?.text ?? "");
