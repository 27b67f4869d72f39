/** @file A select with type-ahead, for one choice or several: an ARIA combobox with a list box. */

import { button, el, icon, newId, place } from "./dom.js";

/**
 * @typedef {{text: string, value: string, description: string}} Choice
 * @typedef {{label: string, choices: Choice[]}} Group the label may be empty
 */

/**
 * @param {object} wish
 * @param {boolean} wish.several
 * @param {string} wish.placeholder
 * @param {Record<string, string>} wish.attributes names and descriptions for the text field
 * @param {Choice[]} wish.chosen
 * @param {number} [wish.most] how many may be chosen
 * @param {boolean} [wish.clearable] one choice may be taken back
 * @param {number} [wish.shortest] characters before anything is offered
 * @param {(query: string) => Promise<Group[]>} wish.find
 * @param {(chosen: Choice[]) => void} wish.choose
 * @returns {HTMLElement}
 */
export function createSelect(wish) {
  let chosen = [...wish.chosen];
  let offered = [];
  let active = -1;
  let asked = 0;
  let timer;

  const listId = newId("options");
  const input = el("input", {
    type: "text", role: "combobox", autocomplete: "off", spellcheck: "false",
    "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": listId, ...wish.attributes,
  });
  const chips = el("ul", { class: "chips", "aria-label": "Chosen" });
  const clear = button({ class: "clear", "aria-label": "Clear", onclick: () => { take([]); input.focus(); } }, icon("close"));
  const list = el("ul", {
    id: listId, role: "listbox", class: "menu options", popover: "manual",
    "aria-label": wish.placeholder || "Options", "aria-multiselectable": wish.several ? "true" : null,
  });
  const root = el("div", { class: wish.several ? "select several" : "select" }, wish.several && chips, input, !wish.several && wish.clearable && clear, list);

  const isOpen = () => input.getAttribute("aria-expanded") === "true";
  const has = (choice) => chosen.some((one) => one.value === choice.value);

  function chip(one) {
    const remove = () => {
      take(chosen.filter((other) => other !== one));
      input.focus();
    };
    return el("li", { class: "chip", title: one.text }, el("span", {}, one.text),
      button({ "aria-label": `Remove ${one.text}`, onclick: remove }, icon("close")));
  }

  function show() {
    if (wish.several) {
      chips.replaceChildren(...chosen.map(chip));
      chips.hidden = chosen.length === 0;
    } else {
      input.value = chosen[0]?.text ?? "";
      clear.hidden = chosen.length === 0;
    }
    input.placeholder = chosen.length && wish.several ? "" : wish.placeholder;
  }

  function take(next) {
    chosen = next;
    show();
    wish.choose([...chosen]);
  }

  function pick(choice) {
    if (!wish.several) {
      close();
      take([choice]);
      return;
    }
    const next = has(choice) ? chosen.filter((one) => one.value !== choice.value) : [...chosen, choice];
    if (next.length > (wish.most ?? next.length)) {
      note(`At most ${wish.most} can be selected.`);
      return;
    }
    input.value = "";
    take(next);
    mark();
    place(list, root, { wide: true });
  }

  function note(text) {
    offered = [];
    list.replaceChildren(el("li", { class: "note", role: "option", "aria-disabled": "true" }, text));
  }

  function offer(groups) {
    offered = [];
    list.replaceChildren();
    for (const group of groups) {
      if (group.label && group.choices.length) list.append(el("li", { class: "group", role: "presentation" }, group.label));
      for (const choice of group.choices) {
        const index = offered.length;
        offered.push(choice);
        list.append(el("li", {
          id: `${listId}-${index}`, role: "option", data: { value: choice.value },
          onmousedown: (event) => { event.preventDefault(); pick(choice); },
        }, el("span", {}, choice.text), choice.description && el("small", {}, choice.description)));
      }
    }
    if (offered.length === 0) note("No results");
    active = offered.length ? Math.max(0, wish.several ? 0 : offered.findIndex(has)) : -1;
    mark();
  }

  function mark() {
    for (const node of list.querySelectorAll("[role=option]:not(.note)")) {
      const index = Number(node.id.slice(listId.length + 1));
      node.setAttribute("aria-selected", String(has(offered[index])));
      node.classList.toggle("active", index === active);
      if (index === active) node.scrollIntoView({ block: "nearest" });
    }
    if (active >= 0) input.setAttribute("aria-activedescendant", `${listId}-${active}`);
    else input.removeAttribute("aria-activedescendant");
  }

  async function search(query) {
    const mine = (asked += 1);
    const shortest = wish.shortest ?? 0;
    if (query.length < shortest) {
      note(`Type ${shortest} or more characters`);
      return;
    }
    if (offered.length === 0) note("Loading…");
    const groups = await wish.find(query).catch(() => null);
    if (mine !== asked) return;
    if (groups) offer(groups);
    else note("The options could not be loaded. Try again.");
  }

  function open(query = "") {
    if (!isOpen()) {
      input.setAttribute("aria-expanded", "true");
      list.showPopover();
    }
    search(query).then(() => isOpen() && place(list, root, { wide: true }));
    place(list, root, { wide: true });
  }

  function close() {
    if (!isOpen()) return;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    asked += 1;
    if (list.matches(":popover-open")) list.hidePopover();
    if (wish.several) input.value = "";
    else show();
  }

  root.addEventListener("mousedown", (event) => {
    if (event.target.closest("button, li")) return;
    if (event.target !== input) { event.preventDefault(); input.focus(); }
    if (!isOpen()) open();
  });
  input.addEventListener("focus", () => !wish.several && input.select());
  input.addEventListener("blur", close);
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => open(input.value.trim()), 120);
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (!isOpen()) return open();
      if (offered.length) active = (active + step + offered.length) % offered.length;
      return mark();
    }
    if (event.key === "Enter") {
      // Never submits the form: a person who picks an option is not finished.
      event.preventDefault();
      if (isOpen() && offered[active]) pick(offered[active]);
      else if (!isOpen()) open();
    } else if (event.key === "Escape" && isOpen()) {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === "Backspace" && !input.value && wish.several && chosen.length) {
      take(chosen.slice(0, -1));
      mark();
    }
  });
  show();
  return root;
}
