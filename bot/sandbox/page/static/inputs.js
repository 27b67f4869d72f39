/** @file Everything that holds a value: text, selects, radio buttons, checkboxes, dates. */

import { el, newId } from "./dom.js";
import { drawText, wordsOf } from "./mrkdwn.js";
import { createSelect } from "./select.js";
import { nameOf, state } from "./store.js";

const TYPES = { email_text_input: "email", url_text_input: "url", number_input: "number", datepicker: "date", timepicker: "time" };
const HELD = ["value", "selected_option", "selected_options", "selected_date", "selected_time", "selected_user", "selected_users"];
const INITIAL = ["initial_value", "initial_option", "initial_options", "initial_date", "initial_time", "initial_user", "initial_users"];

/** What an element holds now: the state of its view, or else what it began with. */
function heldBy(element, held) {
  const [source, keys] = held ? [held, HELD] : [element, INITIAL];
  const key = keys.find((name) => source[name] !== undefined);
  return key === undefined ? null : source[key];
}

const choiceOf = (option) => ({ text: wordsOf(option.text), value: option.value, description: wordsOf(option.description) });

/** Options and groups in the two shapes of Block Kit, as groups. */
export function groupsOf({ options, option_groups, groups }) {
  const several = option_groups ?? groups ?? [];
  const found = several.map((group) => ({ label: wordsOf(group.label), choices: (group.options ?? []).map(choiceOf) }));
  return options?.length || !found.length ? [{ label: "", choices: (options ?? []).map(choiceOf) }, ...found] : found;
}

/** What the bot offers; a bot that did not answer offers nothing, and that is not the same as no result. */
function offered(answer) {
  if (answer.ok === false) throw new Error(answer.sentence);
  return groupsOf(answer);
}

function narrowed(groups, query) {
  const wanted = query.toLowerCase();
  const fits = (choice) => `${choice.text} ${choice.description}`.toLowerCase().includes(wanted);
  return groups.map((group) => ({ ...group, choices: group.choices.filter(fits) }));
}

function text(element, held, attributes, choose) {
  const isLong = element.type === "plain_text_input" && element.multiline;
  const longest = element.max_length ?? (element.type === "plain_text_input" ? 3000 : null);
  const control = el(isLong ? "textarea" : "input", {
    ...attributes,
    type: isLong ? null : TYPES[element.type] ?? "text",
    step: element.is_decimal_allowed ? "any" : null,
    placeholder: wordsOf(element.placeholder),
    value: held ?? "",
    rows: isLong ? 4 : null,
    autocomplete: "off",
  });
  if (!element.max_length) {
    control.addEventListener("input", () => choose(control.value, true));
    return control;
  }
  // Slack lets a person type on and refuses at the submit; the count says so earlier.
  const count = el("span", { class: "count", "aria-hidden": "true" });
  const show = () => {
    count.textContent = `${control.value.length.toLocaleString("en")} / ${longest.toLocaleString("en")}`;
    count.classList.toggle("over", control.value.length > longest);
  };
  control.addEventListener("input", () => { show(); choose(control.value, true); });
  show();
  return el("div", { class: "counted" }, control, count);
}

function boxes(element, held, attributes, choose) {
  const isRadio = element.type === "radio_buttons";
  const name = newId("choice");
  const chosen = new Set((Array.isArray(held) ? held : [held]).filter(Boolean).map((option) => option.value));
  const { "data-focus": focus, ...described } = attributes;
  const root = el("div", { ...described, role: isRadio ? "radiogroup" : "group", class: "boxes" });
  for (const option of element.options) {
    const id = newId("box");
    const control = el("input", {
      type: isRadio ? "radio" : "checkbox", name, id, value: option.value, checked: chosen.has(option.value),
      data: { focus: `${focus}/${option.value}` },
      "aria-describedby": option.description ? `${id}-more` : null,
      onchange: () => {
        const on = [...root.querySelectorAll("input:checked")].map((box) => box.value);
        choose(isRadio ? on[0] : on);
      },
    });
    root.append(el("div", { class: "box" }, control, el("label", { for: id }, drawText(option.text, "span")),
      option.description && el("small", { id: `${id}-more` }, drawText(option.description, "span"))));
  }
  return root;
}

function select(block, element, held, attributes, surface, choose) {
  const several = element.type.startsWith("multi_");
  const isExternal = element.type.endsWith("external_select");
  const isUsers = element.type.endsWith("users_select");
  const all = isUsers ? people() : groupsOf(element);
  const chosen = (Array.isArray(held) ? held : [held]).filter(Boolean)
    .map((one) => (typeof one === "string" ? { text: nameOf(one), value: one, description: "" } : choiceOf(one)));
  return createSelect({
    several,
    chosen,
    attributes,
    placeholder: wordsOf(element.placeholder) || "Choose",
    most: element.max_selected_items,
    clearable: Boolean(block.optional),
    shortest: isExternal ? element.min_query_length ?? 3 : 0,
    find: async (query) => (isExternal ? offered(await surface.options(block, element, query)) : narrowed(all, query)),
    choose: (now) => choose(several ? now.map((one) => one.value) : now[0]?.value ?? ""),
  });
}

function people() {
  const choices = Object.entries(state.users).map(([id, user]) => ({ text: user.real_name || user.name, value: id, description: "" }));
  return [{ label: "", choices }];
}

/**
 * An element that holds a value. Inside an input block its value is told as it changes; elsewhere a choice is an
 * action of its own, as in Slack.
 * @param {any} block
 * @param {any} element
 * @param {import("./blocks.js").Surface} surface
 * @param {Record<string, string>} attributes names and descriptions for the control
 * @returns {HTMLElement}
 */
export function drawInput(block, element, surface, attributes) {
  const held = heldBy(element, surface.held(block, element));
  const choose = (chosen, isTyped = false) =>
    block.type === "input" ? surface.change(block, element, chosen, isTyped) : surface.act(block, element, { chosen }, control);
  const named = { ...attributes, "data-focus": `${block.block_id}/${element.action_id}` };
  let control;
  if (element.type === "radio_buttons" || element.type === "checkboxes") control = boxes(element, held, named, choose);
  else if (element.type.endsWith("_select")) control = select(block, element, held, named, surface, choose);
  else if (element.type === "plain_text_input" || TYPES[element.type]) control = text(element, held, named, choose);
  else control = el("p", { class: "note" }, `The sandbox does not draw ${element.type}.`);
  return control;
}
