/** @file What a newcomer may break, move and stop: switches of both doubles, the clock, the bot's process. */

import { post } from "./api.js";
import { dateShown } from "./dates.js";
import { button, el, icon, keyed, toast } from "./dom.js";
import { told } from "./session.js";
import { changed, now, on, state } from "./store.js";

const HOUR = 3600;
const LEAPS = [["15 minutes", HOUR / 4], ["1 hour", HOUR], ["1 day", 24 * HOUR], ["7 days", 7 * 24 * HOUR]];
const SPOKEN = { running: ["✓", "good"], starting: ["…", "busy"], stopped: ["■", "plain"], crashed: ["✕", "bad"] };

/** Shows that the button’s work is still going on. */
async function busy(pressed, promise) {
  pressed.setAttribute("aria-busy", "true");
  const answer = await promise;
  pressed.removeAttribute("aria-busy");
  return answer;
}

async function flip(body) {
  const answer = await told(post("/api/switch", body));
  if (!answer) return;
  state.switches = answer.switches;
  changed("switches");
}

function toggle({ id, label, isOn, body }) {
  return el("li", {}, button({
    role: "switch", class: "toggle", "aria-checked": String(isOn), data: { switch: id, focus: id },
    onclick: () => flip({ ...body, value: !isOn }),
  }, el("span", { class: "knob", "aria-hidden": "true" }), el("span", {}, label), el("small", {}, isOn ? "on" : "off")));
}

const wholeSwitches = (switches) => [
  { id: "slow_provisioning", label: "Slow provisioning (20 seconds)", isOn: switches.slow_provisioning, body: { name: "slow_provisioning" } },
  { id: "throttle", label: "AWS throttles every second call", isOn: switches.throttle, body: { name: "throttle" } },
  { id: "slack_down", label: "The chat service answers 500 to the bot", isOn: switches.slack_down, body: { name: "slack_down" } },
];

const isOn = (value) => (Array.isArray(value) ? value.length > 0 : Boolean(value));

function accountSwitches(account, switches) {
  const id = account.id;
  const one = (name, label, on, more = {}) => (
    { id: [name, id, ...Object.values(more)].join(":"), label, isOn: on, body: { name, account: id, ...more } });
  const isDeleted = (role) => (switches.deleted_roles?.[id] ?? []).includes(role);
  return [
    one("wrong_trust", "Roles trust the wrong permission set", isOn(switches.wrong_trust?.[id])),
    one("scp_deny", "An SCP denies AssumeRole", isOn(switches.scp_deny?.[id])),
    one("member_role", "The bot’s read-only role is there", isOn(switches.member_role?.[id])),
    ...account.roles.map((role) => one("delete_role", `${role.name} is deleted`, isDeleted(role.name), { role: role.name })),
  ];
}

/** What somebody does past the bot; each press does it once more. */
const inConsole = (name, set, words) =>
  button({ class: "button small", data: { switch: `${name}:${set}` }, onclick: () => flip({ name, set }) }, words);

function breakIt(root) {
  const whole = el("ul", { class: "toggles" });
  const failing = el("select", {
    id: "fail-account", data: { switch: "fail_account" },
    onchange: () => flip({ name: "fail_account", value: failing.value || null }),
  });
  const console_ = el("div", { class: "pairs" });
  const accounts = el("div", {});
  root.append(
    el("h3", { data: { part: "break" } }, "Break it"), whole,
    el("p", { class: "row" }, el("label", { for: "fail-account" }, "Provisioning fails in"), failing),
    el("h4", {}, "In the AWS console"), console_,
    el("h4", {}, "In one account"), accounts);

  on("switches aws", () => {
    if (!state.aws || !state.switches) return;
    const { switches, aws } = state;
    keyed(whole, wholeSwitches(switches), (item) => item.id, toggle);
    const choices = [["", "no account"], ...aws.accounts.map((account) => [account.id, account.name])];
    keyed(failing, choices, ([id]) => id, ([id, name]) => el("option", { value: id }, name));
    failing.value = switches.fail_account ?? "";
    keyed(console_, aws.sets.map((set) => set.name), String, (set) => el("p", { class: "row" }, el("b", {}, set),
      inConsole("console_edit", set, "Edit the policy"), inConsole("remove_ours", set, "Delete the bot’s statements")));
    keyed(accounts, aws.accounts.map((account) => ({ id: account.id, name: account.name })), (one) => one.id,
      (one) => el("details", { class: "card" }, el("summary", {}, one.name), el("ul", { class: "toggles", data: { account: one.id } })));
    for (const account of aws.accounts) {
      const list = accounts.querySelector(`[data-account="${CSS.escape(account.id)}"]`);
      keyed(list, accountSwitches(account, switches), (item) => item.id, toggle);
    }
  });
}

function clock(root) {
  const shown = el("time", { class: "clock", data: { testid: "clock" } });
  const leap = async (seconds, words, pressed) => {
    const answer = await busy(pressed, told(post("/api/clock", { advance_seconds: seconds })));
    if (answer) toast(`The clock went forward by ${words}.`);
  };
  const hours = el("input", { type: "number", min: "1", step: "1", value: "36", "aria-label": "Hours to go forward" });
  const onsubmit = (event) => {
    event.preventDefault();
    leap(Math.max(1, Number(hours.value) || 1) * HOUR, `${hours.value} hours`, event.submitter);
  };
  root.append(el("h3", { data: { part: "clock" } }, "Clock"), el("p", {}, shown),
    el("p", { class: "row" }, LEAPS.map(([words, seconds]) => button({
      class: "button small", data: { leap: seconds }, onclick: (event) => leap(seconds, words, event.currentTarget),
    }, `+ ${words}`))),
    el("form", { class: "row", onsubmit }, hours, button({ type: "submit", class: "button small" }, "hours forward")));
  const tick = () => { shown.textContent = dateShown(now(), "{date_short}, {time_secs}"); };
  on("clock person", tick);
  setInterval(() => !document.hidden && shown.offsetParent && tick(), 1000);
}

/** "2 min", for how long a process has been up. */
const lasting = (seconds) => (seconds < 90 ? `${Math.max(0, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`);

function process(root) {
  const status = el("p", { class: "row", data: { testid: "bot-state" } });
  const note = el("p", { class: "small" });
  const ready = el("ul", { class: "rows" });
  const log = el("pre", { tabindex: "0", "aria-label": "The bot’s log" });
  const tell = (what) => async (event) => {
    const answer = await busy(event.currentTarget, told(post("/api/bot", { do: what })));
    if (answer?.state) { state.process = answer; changed("bot"); }
  };
  const order = (what, words, style = "") =>
    button({ class: `button small ${style}`, data: { bot: what }, onclick: tell(what) }, words);
  root.append(el("h3", {}, "The bot’s process"), status,
    el("p", { class: "row" }, order("start", "Start"), order("stop", "Stop (SIGTERM)"),
      order("kill", "Kill (SIGKILL)", "danger"), order("restart", "Restart")),
    note, ready, el("details", { class: "card" }, el("summary", {}, "Log"), log));
  on("bot", () => {
    const bot = state.process;
    if (!bot) return;
    const [symbol, kind] = SPOKEN[bot.state] ?? ["?", "plain"];
    const facts = [
      bot.pid && `pid ${bot.pid}`,
      bot.since && `for ${lasting(Date.now() / 1000 - bot.since)}`,
      bot.restarts > 0 && `${bot.restarts} restarts`,
    ];
    status.replaceChildren(el("span", { class: `mark ${kind}` }, `${symbol} ${bot.state}`),
      el("small", {}, facts.filter(Boolean).join(" · ")));
    note.textContent = bot.note ?? "";
    const checks = Object.entries(bot.ready?.checks ?? bot.ready ?? {}).filter(([, value]) => typeof value !== "object" || value === null);
    keyed(ready, checks, ([name]) => name, ([name, value]) => el("li", {}, el("span", {}, name), el("span", {}, String(value))));
    log.textContent = (bot.log_tail ?? []).join("\n");
  });
}

/** @param {HTMLElement} root */
export function mountControls(root) {
  breakIt(root);
  clock(root);
  process(root);
  root.append(el("h3", {}, "Start over"), el("p", { class: "row" }, button({
    class: "button small danger", data: { testid: "reset" },
    onclick: (event) => busy(event.currentTarget, told(post("/api/reset", {}))),
  }, icon("back"), "Reset everything")));
}
