/** @file The stack of modals, and the fields of a view between the keyboard and the server. */

import { post } from "./api.js";
import { drawBlocks, markError } from "./blocks.js";
import { announce, button, el, icon, keyed } from "./dom.js";
import { ackOf } from "./session.js";
import { on, state } from "./store.js";

const TYPING_PAUSE = 250;

/**
 * The blocks of a view that stay as they are through updates: only what the bot changed is drawn anew, so nobody
 * loses a half-typed reason or the focus.
 * @param {HTMLElement} container
 * @param {"modal" | "home"} kind
 */
export function viewBody(container, kind) {
  let view;
  const waiting = new Map();
  const held = new Map();
  let sending = Promise.resolve();

  function send(key) {
    const entry = waiting.get(key);
    if (!entry) return;
    waiting.delete(key);
    clearTimeout(entry.timer);
    // One after the other: the bot must not see an older value last.
    sending = sending.then(async () => {
      const ack = await ackOf(post("/api/input", { as: state.me, view: view.id, ...entry.body }));
      if (!ack.ok && entry.field?.isConnected && ack.sentence) markError(entry.field, ack.sentence);
    });
  }

  const surface = {
    kind,
    held: (block, element) => held.get(`${block.block_id}/${element.action_id}`) ?? view.values?.[block.block_id]?.[element.action_id],
    change(block, element, chosen, isTyped) {
      const key = `${block.block_id}/${element.action_id}`;
      clearTimeout(waiting.get(key)?.timer);
      const field = container.querySelector(`[data-block="${CSS.escape(block.block_id)}"]`);
      if (field) markError(field);
      // Typed text is ahead of the server; an update that draws this field anew must not take it back.
      if (isTyped) held.set(key, { value: chosen });
      const body = { block_id: block.block_id, action_id: element.action_id, chosen };
      waiting.set(key, { body, field, timer: setTimeout(send, isTyped ? TYPING_PAUSE : 0, key) });
    },
    act: (block, element, extra) =>
      ackOf(post("/api/click", { as: state.me, view: view.id, block_id: block.block_id, action_id: element.action_id, ...extra })),
    options: (block, element, query) =>
      post("/api/options", { as: state.me, view: view.id, block_id: block.block_id, action_id: element.action_id, query }),
  };

  let lastErrors = "{}";
  return {
    draw(next) {
      view = next;
      keyed(container, next.blocks, (block) => `${block.block_id}`, (block) => drawBlocks([block], surface)[0]);
      if (JSON.stringify(next.errors ?? {}) !== lastErrors) this.mark(next.errors ?? {});
    },
    /** @param {Record<string, string>} errors by block_id */
    mark(errors) {
      lastErrors = JSON.stringify(errors);
      const fields = [...container.querySelectorAll("[data-block]")];
      for (const field of fields) markError(field, errors[field.dataset.block]);
      const first = fields.find((field) => errors[field.dataset.block]);
      first?.querySelector("input, textarea, select")?.focus();
      if (first) announce(`Please look at ${Object.keys(errors).length === 1 ? "one field" : "some fields"}: ${Object.values(errors)[0]}`);
    },
    /** Tells the server at once what is still on its way. */
    async flush() {
      for (const key of [...waiting.keys()]) send(key);
      await sending;
    },
  };
}

/** One view of the stack. */
function form(view, close) {
  const title = el("h2", { id: `title-${view.id}` });
  const blocks = el("div", { class: "blocks" });
  const body = viewBody(blocks, "modal");
  const trouble = el("p", { class: "trouble", role: "alert", hidden: true });
  const submit = el("button", { type: "submit", class: "button primary", data: { testid: "modal-submit" } });
  const cancel = button({ class: "button", data: { testid: "modal-close" }, onclick: () => close(false) });
  const back = button({ class: "quiet", "aria-label": "Back", onclick: () => close(false) }, icon("back"));
  const node = el("form", {
    class: "view", novalidate: true,
    onsubmit: async (event) => {
      event.preventDefault();
      if (node.getAttribute("aria-busy") || submit.hidden) return;
      node.setAttribute("aria-busy", "true");
      trouble.hidden = true;
      await body.flush();
      const ack = await ackOf(post("/api/submit", { as: state.me, view: view.id }));
      node.removeAttribute("aria-busy");
      if (Object.keys(ack.errors ?? {}).length) body.mark(ack.errors);
      else if (!ack.ok) {
        trouble.replaceChildren(icon("warn"), ack.sentence || "We had some trouble connecting. Try again?");
        trouble.hidden = false;
      }
    },
  },
  el("header", {}, back, title, button({ class: "quiet", "aria-label": "Close", onclick: () => close(true) }, icon("close"))),
  blocks, trouble, el("footer", { class: "foot" }, cancel, submit));
  return {
    node,
    draw(next, depth) {
      title.textContent = next.title;
      back.hidden = depth === 0;
      cancel.textContent = next.close || "Close";
      submit.textContent = next.submit || "";
      submit.hidden = !next.submit;
      body.draw(next);
    },
  };
}

/** Puts the modal stack on the screen; the browser keeps the focus inside and gives it back. */
export function mountModal() {
  const dialog = document.getElementById("modal");
  const forms = new Map();
  let shown = "";
  let isEmpty = true;

  const close = (all) => {
    const top = state.views.at(-1);
    if (top) ackOf(post("/api/close", { as: state.me, view: top.id, all }));
  };
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close(false);
  });
  dialog.addEventListener("close", () => state.views.length && close(true));

  on("views", () => {
    const stack = state.views;
    for (const [id, one] of forms) {
      if (!stack.some((view) => view.id === id)) {
        one.node.remove();
        forms.delete(id);
      }
    }
    stack.forEach((view, depth) => {
      if (!forms.has(view.id)) {
        const made = form(view, close);
        forms.set(view.id, made);
        dialog.append(made.node);
      }
      forms.get(view.id).draw(view, depth);
      forms.get(view.id).node.hidden = depth < stack.length - 1;
    });
    const top = stack.at(-1);
    if (!top) {
      shown = "";
      if (dialog.open) dialog.close();
      return;
    }
    dialog.setAttribute("aria-labelledby", `title-${top.id}`);
    if (!dialog.open) dialog.showModal();
    const node = forms.get(top.id).node;
    const first = node.querySelector(".blocks input, .blocks textarea");
    // A form that says "one moment" at first gets its fields later; whoever waited at its buttons is taken there.
    const hasWaited = first && shown === top.id && isEmpty && node.querySelector("footer").contains(document.activeElement);
    if (shown !== top.id || hasWaited) (first ?? node.querySelector("footer button")).focus();
    isEmpty = !first;
    shown = top.id;
  });
}
