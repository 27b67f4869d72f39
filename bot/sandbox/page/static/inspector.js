/** @file What went over the wire: calls to AWS and to the chat service, and every payload with the bot's answer. */

import { dateShown } from "./dates.js";
import { el, keyed } from "./dom.js";
import { nameOf, on, state } from "./store.js";

const json = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
const milliseconds = (value) => `${value < 10 ? Number(value).toFixed(1) : Math.round(value)} ms`;
const clock = (at) => el("time", {}, dateShown(at, "{time_secs}"));

function call(one) {
  const isOk = one.outcome === "ok";
  return el("li", { class: isOk ? "" : "bad" }, clock(one.at), el("span", { class: `side ${one.side}` }, one.side === "aws" ? one.service : "chat"),
    el("span", { class: "what" }, el("b", {}, one.operation), " ", one.brief),
    el("span", { class: isOk ? "mark good" : "mark bad" }, isOk ? "✓ ok" : `✕ ${one.outcome}`),
    el("small", {}, `${one.who} · ${milliseconds(one.ms)}`));
}

/** @param {HTMLElement} root */
export function mountCalls(root) {
  const rates = el("p", { class: "rates", data: { testid: "rates" } });
  const sides = [["", "AWS and chat"], ["aws", "AWS only"], ["slack", "chat only"]];
  const side = el("select", { "aria-label": "Show calls to", onchange: () => draw() },
    sides.map(([value, words]) => el("option", { value }, words)));
  const list = el("ol", { class: "log", data: { testid: "calls" } });
  root.append(el("h3", {}, "Calls"), rates, el("p", { class: "row" }, side), list);
  const draw = () => {
    const calls = state.aws?.calls;
    if (calls) rates.textContent = `AWS: ${calls.per_second} a second now, ${calls.peak} at the peak, ${calls.total.toLocaleString("en")} in all`;
    keyed(list, state.calls.filter((one) => !side.value || one.side === side.value), (one) => `${one.side}${one.n}`, call);
  };
  on("calls", draw);
}

function payload(one) {
  const status = one.answer?.status;
  const isOk = status === 200;
  const part = (words, value) => (value ?? null) !== null
    && [el("h5", {}, words), el("pre", { tabindex: "0", role: "region", "aria-label": words }, json(value))];
  return el("li", {}, el("details", { class: "card", data: { testid: "payload" } },
    el("summary", {}, clock(one.at), el("b", {}, one.kind),
      el("span", { class: isOk ? "mark good" : "mark bad" }, isOk ? "✓ 200" : `✕ ${status ?? "no answer"}`),
      el("small", {}, `${milliseconds(one.ms)} · ${nameOf(one.as)}${one.retry ? ` · retry ${one.retry}` : ""}`), el("span", { class: "what" }, one.summary)),
    part("Payload", one.body), part("Headers", one.headers), part("Answer", one.answer?.body || "(empty)")));
}

/** @param {HTMLElement} root */
export function mountInspector(root) {
  const list = el("ol", { class: "log payloads", data: { testid: "payloads" } });
  const empty = el("p", { class: "note" }, "Nothing was sent to the bot yet.");
  root.append(el("h3", {}, "Requests to the bot"),
    el("p", { class: "small" }, "What the chat service sends, signed, and how the bot answers. Slack gives up after 3,000 ms."), empty, list);
  on("payloads", () => {
    empty.hidden = state.payloads.length > 0;
    keyed(list, state.payloads, (one) => String(one.id), payload);
  });
}
