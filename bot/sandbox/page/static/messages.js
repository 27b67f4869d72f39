/** @file A list of messages: a window over thousands of them, at its end or where the person reads. */

import { dayOf, dayWords } from "./dates.js";
import { button, el, icon, keyed, roving } from "./dom.js";
import { drawMessage } from "./message.js";
import { state } from "./store.js";

const NEAR = 90;
const CLOSE = 500;
const STEP = 50;
/** So many messages are in the document at most: the price of an update must not grow with a channel. */
const MOST = 200;

/** Messages with a line before each day. */
function withDays(list) {
  const items = [];
  let last = "";
  for (const message of list) {
    const day = dayOf(Number(message.ts));
    if (day !== last) items.push({ day, stamp: Number(message.ts) });
    last = day;
    items.push(message);
  }
  return items;
}

/** The first of these nodes, which stand below each other, that reaches below a line. */
function firstSeen(nodes, line) {
  let [low, high] = [0, nodes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (nodes[middle].offsetTop + nodes[middle].offsetHeight > line) high = middle;
    else low = middle + 1;
  }
  return nodes[low];
}

const dayLine = (item) => el("h2", { class: "day" }, el("span", {}, dayWords(item.stamp)));

/**
 * A list that stays at its end while the person is there, and in place while they read further up.
 * @param {HTMLElement} scroller
 * @param {{inThread: boolean, more?: () => void}} how more: older messages are wanted
 */
export function messageList(scroller, { inThread, more }) {
  const list = el("div", { class: "messages" });
  const jump = button({ class: "button small jump", hidden: true, onclick: () => toEnd() }, icon("down"), "New messages");
  scroller.append(list, el("div", { class: "jumping" }, jump));
  roving(list, "article");
  let current = [];
  /** What is drawn of it: from this one on, up to but without that one. */
  let [from, to] = [0, 0];
  let atEnd = true;
  let jumps = state.jumps;

  function show(first, last) {
    from = Math.max(0, first);
    to = Math.min(current.length, last);
    // What is read now stays where it is. Not the heading of a day: it moves when messages come between.
    const anchor = !atEnd && firstSeen(list.querySelectorAll("article"), scroller.scrollTop);
    const before = anchor && anchor.getBoundingClientRect().top;
    keyed(list, withDays(current.slice(from, to)), (item) => item.day ?? `${item.ts}/${item.channel}`,
      (item) => (item.day ? dayLine(item) : drawMessage(item, { inThread })));
    if (list.lastElementChild && !list.querySelector("article[tabindex='0']")) list.lastElementChild.tabIndex = 0;
    if (atEnd) {
      jump.hidden = true;
      scroller.scrollTop = scroller.scrollHeight;
    } else if (anchor && anchor.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  function toEnd() {
    atEnd = true;
    show(current.length - STEP * 2, current.length);
  }

  scroller.addEventListener("scroll", () => {
    const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    atEnd = to === current.length && below < NEAR;
    if (atEnd) jump.hidden = true;
    if (scroller.scrollTop < CLOSE && from > 0) show(from - STEP, Math.min(to, from - STEP + MOST));
    else if (scroller.scrollTop < CLOSE) more?.();
    else if (below < CLOSE && to < current.length) show(Math.max(from, to + STEP - MOST), to + STEP);
  }, { passive: true });
  new ResizeObserver(() => {
    if (atEnd) scroller.scrollTop = scroller.scrollHeight;
  }).observe(list);

  return {
    /** @param {import("./store.js").Message[]} messages @param {boolean} isNewPlace */
    draw(messages, isNewPlace = false) {
      // The words "today" and "yesterday" stand in messages: after a jump of the clock they are drawn anew.
      if (jumps !== state.jumps) keyed(list, [], String, String);
      jumps = state.jumps;
      if (isNewPlace) atEnd = true;
      const [oldest, newest] = [current[0]?.ts, current.at(-1)?.ts];
      const older = oldest ? Math.max(0, messages.findIndex((message) => message.ts === oldest)) : 0;
      const wasLast = to === current.length;
      current = messages;
      if (atEnd) toEnd();
      else if (older) show(from + older - STEP, Math.min(to + older, from + older - STEP + MOST));
      else show(from, wasLast ? messages.length : to);
      if (!atEnd && newest && messages.at(-1)?.ts > newest) jump.hidden = false;
      if (messages.length && scroller.scrollHeight <= scroller.clientHeight) more?.();
    },
    clear() {
      current = [];
      from = to = 0;
      keyed(list, [], String, String);
    },
  };
}
