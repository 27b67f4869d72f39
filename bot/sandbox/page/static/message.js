/** @file One message, in a channel or in a thread. */

import { post } from "./api.js";
import { drawBlocks } from "./blocks.js";
import { dateShown, timeOf } from "./dates.js";
import { button, el, icon } from "./dom.js";
import { drawText } from "./mrkdwn.js";
import { ackOf, openThread } from "./session.js";
import { nameOf, state } from "./store.js";

/** One of eight tones, the same for a person everywhere. */
const toneOf = (id) => Math.max(0, state.people.findIndex((one) => one.id === id)) % 8;

/**
 * Initials on a coloured ground.
 * @param {string} id
 * @param {string} [name]
 */
export function avatar(id, name = nameOf(id)) {
  const initials = name.split(/[\s-]+/).filter(Boolean).slice(0, 2).map((word) => word[0].toUpperCase()).join("");
  const isBot = id === state.bot.user || state.users[id]?.is_bot;
  return el("span", { class: isBot ? "avatar bot" : "avatar", "aria-hidden": "true", data: { tone: toneOf(id) } }, initials || "?");
}

function surfaceOf(message) {
  const where = { as: state.me, message: { channel: message.channel, ts: message.ts, ephemeral: message.ephemeral }, version: message.version };
  const named = (block, element) => ({ ...where, block_id: block.block_id, action_id: element.action_id });
  return {
    kind: "message",
    held: () => undefined,
    change() {},
    act: (block, element, extra) => ackOf(post("/api/click", { ...named(block, element), ...extra })),
    options: (block, element, query) => post("/api/options", { ...named(block, element), query }),
  };
}

function summary(message) {
  const count = `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`;
  const last = message.latest_reply ? ` · last ${dateShown(Number(message.latest_reply), "{date_short_pretty} at {time}")}` : "";
  return button({
    class: "replies", data: { testid: "thread-summary", focus: "replies" },
    onclick: () => openThread({ channel: message.channel, ts: message.ts }),
  }, (message.reply_users ?? []).slice(0, 3).map((user) => avatar(user)), el("b", {}, count), el("small", {}, last));
}

function file(one) {
  const size = one.size < 1024 ? `${one.size} bytes` : `${(one.size / 1024).toFixed(1)} kB`;
  return el("a", { class: "file", href: one.url, download: one.name }, icon("file"), el("span", {}, one.name), el("small", {}, size));
}

/**
 * @param {import("./store.js").Message} message
 * @param {{inThread: boolean}} place
 * @returns {HTMLElement}
 */
export function drawMessage(message, { inThread }) {
  const name = nameOf(message.user);
  const at = Number(message.ts);
  const hasBlocks = message.blocks?.length > 0;
  const body = hasBlocks ? drawBlocks(message.blocks, surfaceOf(message)) : [drawText({ type: "mrkdwn", text: message.text, verbatim: false })];
  const canReply = !inThread && !message.ephemeral;
  return el("article", {
    class: message.ephemeral ? "message ephemeral" : "message",
    tabindex: "-1",
    "aria-label": `${name}, ${timeOf(at)}${message.ephemeral ? ", only visible to you" : ""}`,
    data: { ts: message.ts, testid: "message" },
  },
  avatar(message.user),
  el("div", { class: "content" },
    message.ephemeral && el("p", { class: "only" }, icon("eye"), "Only visible to you"),
    el("p", { class: "by" },
      el("b", {}, name),
      message.is_bot && el("span", { class: "badge" }, "APP"),
      el("time", { datetime: new Date(at * 1000).toISOString(), title: dateShown(at, "{date_long} at {time_secs}") }, timeOf(at))),
    body,
    message.edited && el("small", { class: "edited" }, "(edited)"),
    (message.files ?? []).map(file),
    !inThread && message.reply_count > 0 && summary(message)),
  canReply && button({
    class: "quiet reply", title: "Reply in thread", data: { focus: "reply" },
    "aria-label": `Reply in thread to ${name}`,
    onclick: () => openThread({ channel: message.channel, ts: message.ts }),
  }, icon("reply")));
}
