/** @file Rich text: its elements are data already, so nothing in them is parsed. */

import { el } from "./dom.js";
import { date, link, mention } from "./mrkdwn.js";

const STYLE_TAGS = { bold: "b", italic: "i", strike: "s", code: "code", underline: "u", highlight: "mark", client_highlight: "mark" };

function styled(node, style) {
  return Object.entries(style ?? {}).reduce((inner, [name, isOn]) => (isOn && STYLE_TAGS[name] ? el(STYLE_TAGS[name], {}, inner) : inner), node);
}

function emoji(part) {
  const points = (part.unicode ?? "").split("-").map((code) => parseInt(code, 16));
  return points.every((point) => point > 0 && point <= 0x10ffff) ? String.fromCodePoint(...points) : `:${part.name}:`;
}

function word(part) {
  switch (part.type) {
    case "text":
      return part.text;
    case "link":
      return link(part.url, part.text || part.url);
    case "user":
      return mention("@", part.user_id);
    case "usergroup":
      return mention("@", part.usergroup_id);
    case "channel":
      return mention("#", part.channel_id);
    case "broadcast":
      return mention("@", part.range);
    case "emoji":
      return emoji(part);
    case "date":
      return date(part.timestamp, part.format, part.fallback ?? "", part.url);
    default:
      return String(part.value ?? part.fallback ?? "");
  }
}

const inline = (part) => part.elements.map((one) => styled(word(one), one.style));

function outer(part) {
  switch (part.type) {
    case "rich_text_quote":
      return el("blockquote", { class: "text" }, inline(part));
    case "rich_text_preformatted":
      return el("pre", { class: "text", tabindex: "0" }, inline(part));
    case "rich_text_list": {
      const isOrdered = part.style === "ordered";
      const list = el(isOrdered ? "ol" : "ul", { class: "text", start: isOrdered ? 1 + (part.offset ?? 0) : null, data: { indent: part.indent ?? 0 } });
      list.append(...part.elements.map((one) => el("li", {}, inline(one))));
      return list;
    }
    default:
      return el("div", { class: "text" }, inline(part));
  }
}

/** The parts of a rich_text block or table cell. @param {{elements: object[]}} block @returns {HTMLElement[]} */
export const drawRichText = (block) => block.elements.map(outer);
