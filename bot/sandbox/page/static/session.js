/** @file Who is acting, what is open, and what the server tells about it. */

import { ApiError, get, listen, post } from "./api.js";
import { announce, toast } from "./dom.js";
import { changed, merge, nameOf, state } from "./store.js";
import { wordsOf } from "./mrkdwn.js";

const PAGE = 50;
const CALLS_KEPT = 200;
const PAYLOADS_KEPT = 100;

let stopListening = () => {};
let turn = 0;
/** Where each person was last. */
const places = new Map();

/** Runs something that the server may refuse; the person reads why. @template T @param {Promise<T>} promise @returns {Promise<T | undefined>} */
export async function told(promise) {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(error.message, "bad");
    return undefined;
  }
}

/** The ack of an action; what the server itself refused looks like a failed one. @param {Promise<any>} promise @returns {Promise<import("./store.js").Ack>} */
export async function ackOf(promise) {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { ok: false, status: 0, ms: 0, error: "refused", sentence: error.message, errors: {} };
  }
}

/** Loads what belongs to no person in particular. */
export async function start() {
  const people = await get("/api/people");
  Object.assign(state, { people: people.people, bot: people.bot, team: people.team });
  const wish = new URLSearchParams(location.hash.slice(1));
  if (wish.get("in")) places.set(wish.get("as"), wish.get("in"));
  const known = state.people.some((person) => person.id === wish.get("as"));
  await actAs(known ? wish.get("as") : state.people[0].id);
  await Promise.all([loadMachine(), told(get("/api/tour").then((tour) => { state.tour = tour; changed("tour"); }))]);
}

/** Everything of the panel. */
export async function loadMachine() {
  const load = async (path, topic, take) => {
    const answer = await told(get(path));
    if (answer !== undefined) take(answer);
    changed(topic);
  };
  await Promise.all([
    load("/api/aws", "aws", takeAws),
    load("/api/switches", "switches", (switches) => { state.switches = switches; }),
    load("/api/bot", "bot", (process) => { state.process = process; }),
    load("/api/payloads?limit=50", "payloads", (list) => { state.payloads = [...list].sort((a, b) => b.id - a.id); }),
  ]);
}

function takeAws(aws) {
  state.aws = aws;
  for (const call of aws.calls?.last ?? []) takeCall(call);
  if (aws.clock) takeClock(aws.clock);
}

function takeCall(call) {
  if (state.calls.some((known) => known.n === call.n && known.side === call.side)) return;
  state.calls = [call, ...state.calls].sort((a, b) => b.at - a.at || b.n - a.n).slice(0, CALLS_KEPT);
}

function takeClock(at) {
  const ahead = at - Date.now() / 1000;
  const isJump = Math.abs(ahead - state.ahead) > 30;
  state.ahead = ahead;
  if (!isJump) return;
  state.jumps += 1;
  changed("clock", "messages", "thread");
}

/** Looks through another person's eyes. @param {string} id */
export async function actAs(id) {
  const mine = (turn += 1);
  stopListening();
  if (state.me) places.set(state.me, state.at);
  const workspace = await told(get("/api/workspace", { as: id }));
  // Somebody else was chosen meanwhile.
  if (!workspace || mine !== turn) return;
  Object.assign(state, {
    me: id, tz: workspace.tz, users: workspace.users, usergroups: workspace.usergroups ?? {},
    channels: new Map(workspace.channels.map((channel) => [channel.id, channel])),
    messages: new Map(), replies: [], thread: null, views: workspace.views ?? [], home: workspace.home,
  });
  state.ahead = workspace.now - Date.now() / 1000;
  stopListening = listen(id, workspace.seq, heard, (isUp) => {
    if (isUp !== state.connected) changed("connection");
    state.connected = isUp;
  });
  const before = places.get(id) ?? "";
  const first = [...state.channels.values()].find((channel) => !channel.is_im) ?? [...state.channels.values()][0];
  const next = before === "home" || state.channels.has(before) ? before : first?.id ?? "home";
  changed("person", "channels", "views", "home", "thread", "tour", "place");
  await go(next, { show: false });
}

/** Opens a channel, a direct message or the App Home. @param {string} place @param {{show?: boolean}} [how] show: on a narrow screen, bring it to the front */
export async function go(place, { show = true } = {}) {
  if (show) document.body.dataset.pane = "main";
  if (state.at !== place) state.thread = null;
  state.at = place;
  history.replaceState(null, "", `#${new URLSearchParams({ as: state.me, in: place })}`);
  changed("place", "messages", "thread");
  if (place === "home") {
    await ackOf(post("/api/home", { as: state.me })).then((ack) => !ack.ok && ack.sentence && toast(ack.sentence, "bad"));
    return;
  }
  if (!state.messages.has(place)) await older(place);
  read(place);
}

const loading = new Set();

/** Loads a page of older messages. @param {string} channel */
export async function older(channel) {
  const known = state.messages.get(channel);
  const me = state.me;
  if (loading.has(channel) || (known && !known.more)) return;
  loading.add(channel);
  const first = known?.list.find((message) => !message.ephemeral) ?? known?.list[0];
  const page = await told(get("/api/channel", { as: me, channel, before: first?.ts, limit: PAGE }));
  loading.delete(channel);
  if (!page || me !== state.me) return;
  const now = state.messages.get(channel) ?? { list: [] };
  const list = now.list.length ? now.list.reduceRight((all, message) => merge(all, message), page.messages) : page.messages;
  state.messages.set(channel, { list, more: page.more });
  changed("messages");
}

/** @param {string} channel */
export function read(channel) {
  const known = state.channels.get(channel);
  if (!known || document.hidden || !known.unread) return;
  known.unread = 0;
  changed("channels");
  ackOf(post("/api/read", { as: state.me, channel }));
}

/** @param {{channel: string, ts: string} | null} thread */
export async function openThread(thread) {
  state.thread = thread;
  state.replies = [];
  changed("thread");
  if (!thread) return;
  const page = await told(get("/api/thread", { as: state.me, ...thread }));
  if (!page || state.thread !== thread) return;
  state.replies = page.messages;
  changed("thread");
}

/** Everything again, as after a reset or a gap in the events. */
export async function reload() {
  const { thread } = state;
  state.calls = [];
  await actAs(state.me);
  if (thread) openThread(thread);
  await loadMachine();
  const tour = await told(get("/api/tour"));
  if (tour) state.tour = tour;
  changed("tour", "calls");
}

function heard(name, data) {
  switch (name) {
    case "message":
      return takeMessage(data);
    case "gone":
      return dropMessage(data);
    case "views":
      state.views = data.views ?? [];
      return changed("views");
    case "home":
      state.home = data && data.blocks ? data : data?.home ?? null;
      return changed("home");
    case "unread":
      return takeUnread(data);
    case "aws":
      takeAws(data);
      return changed("aws", "calls");
    case "call":
      takeCall(data);
      return changed("calls");
    case "payload":
      state.payloads = [data, ...state.payloads.filter((known) => known.id !== data.id)].slice(0, PAYLOADS_KEPT);
      return changed("payloads");
    case "bot":
      return takeProcess(data);
    case "clock":
      takeClock(data.now);
      return changed("clock");
    case "tour":
      state.tour = data;
      return changed("tour");
    default:
      return reload();
  }
}

function takeMessage(message) {
  if (message.deleted) return dropMessage(message);
  const isReply = message.thread_ts && message.thread_ts !== message.ts;
  const channel = state.messages.get(message.channel);
  let isNew = false;
  if (!isReply && channel) {
    const [oldest] = channel.list;
    isNew = !channel.list.some((known) => known.ts === message.ts);
    if (!isNew || !oldest || message.ts > oldest.ts || !channel.more) channel.list = merge(channel.list, message);
    changed("messages");
  }
  const { thread } = state;
  if (thread && thread.channel === message.channel && (message.ts === thread.ts || message.thread_ts === thread.ts)) {
    isNew = isNew || !state.replies.some((known) => known.ts === message.ts);
    state.replies = merge(state.replies, message);
    changed("thread");
  }
  if (isNew && message.channel === state.at && message.user !== state.me) announce(`${nameOf(message.user)}: ${wordsOf(message.text)}`);
}

function dropMessage({ channel, ts }) {
  const known = state.messages.get(channel);
  if (known) known.list = known.list.filter((message) => message.ts !== ts);
  state.replies = state.replies.filter((message) => message.ts !== ts);
  changed("messages", "thread");
}

function takeProcess(data) {
  const wasRunning = state.process?.state === "running";
  state.process = data;
  changed("bot");
  if (data.state !== "running" || wasRunning) return;
  // Events do not say whether it is ready; it takes a moment, and the bot's answer tells.
  setTimeout(async () => {
    const process = await told(get("/api/bot"));
    if (process) state.process = process;
    changed("bot");
  }, 1500);
}

function takeUnread({ channel, unread }) {
  const known = state.channels.get(channel);
  // A channel that was not there before: a first direct message.
  if (!known) return void told(get("/api/workspace", { as: state.me }).then((workspace) => {
    state.channels = new Map(workspace.channels.map((one) => [one.id, one]));
    changed("channels");
  }));
  known.unread = unread;
  changed("channels");
  if (channel === state.at) read(channel);
}
