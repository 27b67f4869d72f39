/** @file Where people write: slash commands with completion, messages, and the app's shortcut. */

import { post } from "./api.js";
import { announce, button, el, icon, newId, place } from "./dom.js";
import { ackOf } from "./session.js";
import { state } from "./store.js";

const COMMAND = "/workbench-access";
const WHOLE = {
  fill: `${COMMAND} `, name: COMMAND, takes: "request | verify | status | revoke | help",
  about: "Request AWS access, or check that the bot works",
};
/** What may follow the command: the word, what else it takes, and what it is for. */
const WORDS = [
  ["request", "[permission set]", "Ask for access"],
  ["verify", "[account]", "Check that your access works"],
  ["status", "[id]", "Your requests, and what waits for you"],
  ["revoke", "<id>", "Give access back, or take it away"],
  ["drift", "", "Approvers: policies that differ from the grants"],
  ["audit", "[id]", "Approvers: the history of a request, or of all"],
  ["help", "", "What you can type here"],
];

function completions(text) {
  if (!text.startsWith("/") || text.includes("\n")) return [];
  const [command, word, ...more] = text.split(" ");
  if (word === undefined) {
    return COMMAND.startsWith(command) ? [WHOLE] : [];
  }
  if (command !== COMMAND || more.length) return [];
  return WORDS.filter(([name]) => name.startsWith(word) && name !== word)
    .map(([name, takes, about]) => ({ fill: `${COMMAND} ${name}${takes ? " " : ""}`, name: `${COMMAND} ${name}`, takes, about }));
}

/**
 * @param {object} how
 * @param {string} how.label
 * @param {() => {channel: string, thread_ts?: string}} how.where
 * @param {(sentence: string) => void} how.refused what Slack's client says when it did not work; "" when it did
 * @returns {{node: HTMLElement, label: (text: string) => void, focus: () => void}}
 */
export function createComposer({ label, where, refused }) {
  let offered = [];
  let active = 0;
  const listId = newId("commands");
  const input = el("textarea", {
    rows: "1", placeholder: label, "aria-label": label, "aria-autocomplete": "list", "aria-controls": listId, data: { testid: "composer" },
  });
  const list = el("ul", { id: listId, class: "menu commands", role: "listbox", popover: "manual", "aria-label": "Commands" });
  const send = el("button", { type: "submit", class: "button primary send", "aria-label": "Send" }, icon("send"));
  const shortcut = button({
    class: "quiet", title: "Shortcut: Request Workbench access", "aria-label": "Shortcut: Request Workbench access",
    data: { testid: "shortcut" },
    onclick: () => run(shortcut, post("/api/shortcut", { as: state.me })),
  }, icon("bolt"));
  const isInThread = Boolean(where().thread_ts);
  const onsubmit = (event) => {
    event.preventDefault();
    submit();
  };
  const node = el("form", { class: "composer", onsubmit }, !isInThread && shortcut, input, send, list);

  async function run(control, promise) {
    control.setAttribute("aria-busy", "true");
    const ack = await ackOf(promise);
    control.removeAttribute("aria-busy");
    refused(ack.ok ? "" : ack.sentence || "That did not work. Try again.");
    return ack;
  }

  async function submit() {
    const text = input.value.trim();
    if (!text || send.getAttribute("aria-busy")) return;
    input.value = "";
    show();
    const body = { as: state.me, ...where(), text };
    const ack = await run(send, post(text.startsWith("/") && !isInThread ? "/api/command" : "/api/say", body));
    // What the sandbox itself refused was never sent: it can be mended and sent again.
    if (!ack.ok && ack.status === 0 && !input.value) input.value = text;
  }

  function show() {
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight, 160)}px`;
    offered = isInThread ? [] : completions(input.value);
    active = 0;
    list.replaceChildren(...offered.map((one, index) => el("li", {
      id: `${listId}-${index}`, role: "option",
      onmousedown: (event) => { event.preventDefault(); fill(one); },
    }, el("span", {}, one.name, " ", el("i", {}, one.takes)), el("small", {}, one.about))));
    if (offered.length === 0) {
      if (list.matches(":popover-open")) list.hidePopover();
      input.removeAttribute("aria-activedescendant");
      return;
    }
    if (!list.matches(":popover-open")) {
      list.showPopover();
      announce("Commands are offered; the arrow keys choose, Enter fills in.");
    }
    place(list, node, { wide: true, above: true });
    mark();
  }

  function mark() {
    [...list.children].forEach((option, index) => {
      option.classList.toggle("active", index === active);
      option.setAttribute("aria-selected", String(index === active));
    });
    list.children[active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", `${listId}-${active}`);
  }

  function fill(one) {
    input.value = one.fill;
    input.focus();
    show();
  }

  input.addEventListener("input", show);
  input.addEventListener("blur", () => list.matches(":popover-open") && list.hidePopover());
  input.addEventListener("focus", show);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (offered.length && step) {
      event.preventDefault();
      active = (active + step + offered.length) % offered.length;
      mark();
    } else if (["Tab", "Enter"].includes(event.key) && !event.shiftKey && offered[active] && offered[active].fill.trim() !== input.value.trim()) {
      event.preventDefault();
      fill(offered[active]);
    } else if (event.key === "Escape" && offered.length) {
      event.preventDefault();
      offered = [];
      list.hidePopover();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    }
  });
  return {
    node,
    label(text) {
      input.placeholder = text;
      input.setAttribute("aria-label", text);
    },
    focus: () => input.focus(),
  };
}
