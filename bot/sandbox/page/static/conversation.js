/** @file The open channel or direct message: its messages, what is new, and the composer. */

import { createComposer } from "./composer.js";
import { button, el, icon } from "./dom.js";
import { homeTab } from "./home.js";
import { messageList } from "./messages.js";
import { older, openThread, read } from "./session.js";
import { nameOf, on, state } from "./store.js";

/** Slack's client itself speaking: a command that failed. Only here, gone with the next one. */
function noticeBar() {
  const node = el("div", { class: "notice", role: "alert", hidden: true, data: { testid: "notice" } });
  return {
    node,
    show(text) {
      node.hidden = !text;
      node.replaceChildren(...(text ? [icon("warn"), el("span", {}, el("small", {}, "Only visible to you"), text),
        button({ class: "quiet", "aria-label": "Dismiss", onclick: () => this.show("") }, icon("close"))] : []));
    },
  };
}

/** @param {HTMLElement} root */
export function mountConversation(root) {
  const title = el("h1", { data: { testid: "place" } });
  const about = button({
    class: "quiet about", data: { testid: "about" },
    onclick: () => {
      document.body.dataset.pane = "rail";
      document.querySelector("[role=radio][aria-checked=true]")?.focus();
    },
  });
  const scroller = el("div", { class: "scroller", role: "region", "aria-label": "Messages" });
  const home = el("div", { class: "scroller home", data: { testid: "home" } });
  const notice = noticeBar();
  const composer = createComposer({ label: "Message", where: () => ({ channel: state.at }), refused: (text) => notice.show(text) });
  const empty = el("p", { class: "empty" });
  root.append(el("header", {}, title, about), empty, scroller, home, notice.node, composer.node);
  const list = messageList(scroller, { inThread: false, more: () => state.messages.get(state.at)?.more && older(state.at) });
  homeTab(home);

  let shown = "";
  on("place person", () => {
    const channel = state.channels.get(state.at);
    const isHome = state.at === "home";
    const name = channel?.is_im ? nameOf(channel.with ?? state.bot.user) : channel?.name ?? "";
    const symbol = channel?.is_im ? "bolt" : channel?.is_private ? "lock" : "hash";
    title.replaceChildren(...(isHome ? [icon("home"), `${state.bot.name} · App Home`] : [icon(symbol), name]));
    about.textContent = `You are ${nameOf(state.me)}`;
    about.setAttribute("aria-label", `You are ${nameOf(state.me)}. Act as somebody else`);
    home.hidden = !isHome;
    scroller.hidden = isHome;
    composer.node.hidden = isHome;
    composer.label(channel?.can_say === false ? "Type / for a command" : `Message ${channel?.is_im ? "" : "#"}${name}, or type / for a command`);
    scroller.setAttribute("aria-label", `Messages in ${channel?.is_im ? "the direct message" : `#${name}`}`);
    notice.show("");
  });
  on("messages place person", () => {
    const place = `${state.me} ${state.at}`;
    const isNewPlace = place !== shown;
    if (isNewPlace) list.clear();
    shown = place;
    const known = state.messages.get(state.at);
    empty.hidden = state.at === "home" || !known || known.list.length > 0;
    empty.textContent = state.channels.get(state.at)?.is_im
      ? "Nothing here yet. What the app has to tell this person comes here."
      : "Nothing here yet. Type /workbench-access request below to ask for access.";
    list.draw(known?.list ?? [], isNewPlace);
  });
  document.addEventListener("visibilitychange", () => read(state.at));
}

/** @param {HTMLElement} root */
export function mountThread(root) {
  const place = el("p", {});
  const scroller = el("div", { class: "scroller" });
  const notice = noticeBar();
  const close = button({ class: "quiet", "aria-label": "Close the thread", onclick: () => leave() }, icon("close"));
  const composer = createComposer({
    label: "Reply", where: () => ({ channel: state.thread?.channel, thread_ts: state.thread?.ts ?? "0" }), refused: (text) => notice.show(text),
  });
  root.append(el("header", {}, el("h2", {}, "Thread"), place, close), scroller, notice.node, composer.node);
  const list = messageList(scroller, { inThread: true });
  let shown = null;
  /** Back to the message that the thread belongs to. */
  function leave() {
    const parent = document.querySelector(`#conversation [data-ts="${CSS.escape(state.thread.ts)}"]`);
    openThread(null);
    // On a narrow screen the conversation is only there again once the thread is gone.
    setTimeout(() => (parent?.querySelector("[data-focus=replies], [data-focus=reply]") ?? parent)?.focus());
  }
  on("thread", () => {
    const isNew = shown !== state.thread;
    if (isNew) list.clear();
    root.hidden = !state.thread;
    document.body.classList.toggle("in-thread", Boolean(state.thread));
    if (state.thread) {
      place.textContent = state.channels.get(state.thread.channel)?.is_im ? "Direct message" : `#${nameOf(state.thread.channel)}`;
      list.draw(state.replies, isNew);
      if (isNew) close.focus({ preventScroll: true });
    }
    shown = state.thread;
  });
  root.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && leave());
}
