/** @file Block Kit on any surface: one function for each kind of block. */

import { askFirst } from "./confirm.js";
import { button, el, icon, newId, place, roving } from "./dom.js";
import { drawInput } from "./inputs.js";
import { drawText, link, wordsOf } from "./mrkdwn.js";
import { drawRichText } from "./richtext.js";
import { state } from "./store.js";

/**
 * What blocks stand on: a message, a modal or the Home tab.
 * @typedef {object} Surface
 * @property {"message" | "modal" | "home"} kind
 * @property {(block: any, element: any) => any} held what the view's state holds for an element
 * @property {(block: any, element: any, chosen: any, isTyped: boolean) => void} change a field has a new value
 * @property {(block: any, element: any, extra: object, control: Element) => Promise<import("./store.js").Ack>} act
 * @property {(block: any, element: any, query: string) => Promise<any>} options asks the bot
 */

export const TRY_AGAIN = "This didn’t work. Try again.";

/** Slack's warning triangle beside what was pressed; it goes with the next try. */
function failed(control, ack) {
  control.parentElement?.querySelector(":scope > .failed")?.remove();
  if (ack.ok) return;
  const why = ack.sentence || ack.error || "";
  control.after(el("span", { class: "failed", role: "alert", title: why, data: { testid: "failed" } }, icon("warn"), TRY_AGAIN));
}

async function act(block, element, surface, extra, control) {
  if (element.confirm && !(await askFirst(element.confirm))) return;
  control.setAttribute("aria-busy", "true");
  const ack = await surface.act(block, element, { ...extra, confirmed: Boolean(element.confirm) }, control);
  control.removeAttribute("aria-busy");
  failed(control, ack);
}

function drawButton(block, element, surface) {
  const words = wordsOf(element.text);
  const spoken = element.accessibility_label;
  // The visible words come first in the name, so that speech input finds the button by what it shows.
  const label = spoken && !spoken.startsWith(words) ? `${words}: ${spoken}` : spoken;
  const control = button({
    class: `button ${element.style ?? ""}`,
    "aria-label": label,
    data: { action: element.action_id, focus: `${block.block_id}/${element.action_id}` },
    onclick: () => {
      if (control.getAttribute("aria-busy")) return;
      if (element.url && /^https?:/i.test(element.url)) window.open(element.url, "_blank", "noopener,noreferrer");
      act(block, element, surface, { value: element.value ?? "" }, control);
    },
  }, words);
  return control;
}

function overflow(block, element, surface) {
  const menu = el("ul", { class: "menu", role: "menu", popover: "auto" });
  const control = button({
    class: "button small", "aria-haspopup": "menu", "aria-label": "More actions",
    data: { action: element.action_id, focus: `${block.block_id}/${element.action_id}` },
    onclick: () => {
      menu.showPopover();
      place(menu, control);
      menu.querySelector("button").focus();
    },
  }, icon("more"));
  menu.append(...element.options.map((option) => el("li", { role: "none" }, button({
    role: "menuitem",
    onclick: () => {
      menu.hidePopover();
      control.focus();
      act(block, element, surface, { chosen: option.value }, control);
    },
  }, drawText(option.text, "span"), option.description && el("small", {}, wordsOf(option.description))))));
  roving(menu, "button");
  return el("span", { class: "overflow" }, control, menu);
}

/** Pictures would come from elsewhere, and this page loads nothing from elsewhere: their words stand for them. */
const image = (element) => el("span", { class: "picture", role: "img", "aria-label": element.alt_text }, `▧ ${element.alt_text}`);

/** An element of a section, an actions block or an input block. */
function drawElement(block, element, surface, attributes = {}) {
  switch (element.type) {
    case "button":
    case "workflow_button":
      return drawButton(block, element, surface);
    case "overflow":
      return overflow(block, element, surface);
    case "image":
      return image(element);
    default: {
      const named = { "aria-label": wordsOf(element.placeholder) || wordsOf(block.text) || element.action_id, ...attributes };
      const asking = { ...surface, act: (b, e, extra, control) => act(b, e, surface, extra, control) };
      return drawInput(block, element, asking, named);
    }
  }
}

function section(block, surface) {
  return el("div", { class: "block section" },
    el("div", { class: "words" },
      block.text && drawText(block.text),
      block.fields && el("div", { class: "fields" }, block.fields.map((field) => drawText(field)))),
    block.accessory && el("div", { class: "accessory" }, drawElement(block, block.accessory, surface)));
}

function input(block, surface) {
  const id = newId("field");
  const element = block.element;
  const isGroup = element.type === "radio_buttons" || element.type === "checkboxes";
  const described = [block.hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" ");
  const optional = block.optional && el("span", { class: "optional" }, " (optional)");
  const named = isGroup ? { "aria-labelledby": `${id}-label` } : { id, "aria-required": String(!block.optional) };
  const attributes = { "aria-describedby": described, ...named };
  return el("div", { class: "block field", data: { block: block.block_id } },
    el(isGroup ? "span" : "label", { class: "label", id: `${id}-label`, for: isGroup ? null : id }, wordsOf(block.label), optional),
    drawElement({ ...block, type: "input" }, element, surface, { "aria-label": null, ...attributes }),
    block.hint && el("p", { class: "hint", id: `${id}-hint` }, wordsOf(block.hint)),
    el("p", { class: "error", id: `${id}-error`, role: "alert", hidden: true }));
}

/**
 * Shows or takes away what is wrong with a field.
 * @param {Element} field a drawn input block
 * @param {string | undefined} problem
 */
export function markError(field, problem) {
  const place = field.querySelector(".error");
  place.hidden = !problem;
  place.replaceChildren(...(problem ? [icon("warn"), problem] : []));
  for (const control of field.querySelectorAll("input, textarea")) {
    if (problem) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  }
}

function cell(tag, content, setting) {
  const inside = content.type === "rich_text" ? drawRichText(content) : String(content.text ?? content.value ?? "");
  const node = el(tag, tag === "th" ? { scope: "col" } : {}, inside);
  if (setting?.align) node.classList.add(setting.align);
  if (!setting?.is_wrapped) node.classList.add("unwrapped");
  return node;
}

function table(block) {
  const [head, ...rows] = block.rows;
  const row = (cells, tag) => el("tr", {}, cells.map((content, index) => cell(tag, content, block.column_settings?.[index])));
  return el("div", { class: "block table", tabindex: "0", role: "region", "aria-label": "Table" },
    el("table", {}, el("thead", {}, row(head, "th")), el("tbody", {}, rows.map((cells) => row(cells, "td")))));
}

const LEVELS = { info: "Info", warning: "Warning", error: "Error", success: "Done" };

function drawBlock(block, surface) {
  switch (block.type) {
    case "header":
      return el(surface.kind === "home" ? "h2" : "h3", { class: "block header" }, wordsOf(block.text));
    case "divider":
      return el("hr", { class: "block" });
    case "section":
      return section(block, surface);
    case "context":
      return el("div", { class: "block context" }, block.elements.map((one) => (one.type === "image" ? image(one) : drawText(one, "span"))));
    case "actions":
    case "context_actions":
      return el("div", { class: "block actions" }, block.elements.map((one) => drawElement(block, one, surface)));
    case "input":
      return input(block, surface);
    case "rich_text":
      return el("div", { class: "block rich" }, drawRichText(block));
    case "table":
      return table(block);
    case "image":
      return el("div", { class: "block" }, image(block));
    case "markdown":
      return el("div", { class: "block text" }, block.text);
    case "alert":
      return el("div", { class: `block alert ${block.level ?? ""}`, role: "note" },
        LEVELS[block.level] && el("b", {}, `${LEVELS[block.level]}: `), drawText(block.text, "span"));
    case "container":
      return el("details", { class: "block", open: true },
        el("summary", {}, wordsOf(block.title)), block.child_blocks.map((child) => drawBlock(child, surface)));
    default:
      return el("p", { class: "block note" }, `The sandbox does not draw “${block.type}” blocks.`);
  }
}

/** Some buttons are for a few people only. */
function forMe(block) {
  const mine = (one) => !one.visible_to_user_ids || one.visible_to_user_ids.includes(state.me);
  return block.elements && block.type === "actions" ? { ...block, elements: block.elements.filter(mine) } : block;
}

/**
 * @param {any[]} blocks
 * @param {Surface} surface
 * @returns {HTMLElement[]}
 */
export const drawBlocks = (blocks, surface) => blocks.map((block) => drawBlock(forMe(block), surface));
