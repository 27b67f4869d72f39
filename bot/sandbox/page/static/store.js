/** @file What the page knows, in one place; whoever draws a part of it asks to be told when that part changes. */

/**
 * @typedef {{channel: string, ts: string, user: string, text: string, blocks: object[], thread_ts: string|null,
 *   reply_count: number, reply_users: string[], latest_reply: string|null, edited: boolean, ephemeral: boolean,
 *   files: {id: string, name: string, size: number, url: string}[], is_bot: boolean, deleted: boolean}} Message
 * @typedef {{id: string, type: string, title: string, submit: string, close: string, blocks: object[],
 *   values: object, errors: Record<string, string>, hash: string}} View
 * @typedef {{ok: boolean, status: number, ms: number, error: string|null, sentence: string,
 *   errors: Record<string, string>}} Ack
 */

export const state = {
  people: [],
  bot: { user: "", name: "Workbench Access" },
  team: { name: "" },
  me: "",
  tz: "UTC",
  users: {},
  usergroups: {},
  /** @type {Map<string, any>} */
  channels: new Map(),
  /** The open channel's id, or "home". */
  at: "",
  /** @type {{channel: string, ts: string} | null} */
  thread: null,
  /** @type {Map<string, {list: Message[], more: boolean}>} top-level messages by channel */
  messages: new Map(),
  /** @type {Message[]} parent and replies of the open thread */
  replies: [],
  /** @type {View[]} */
  views: [],
  /** @type {View | null} */
  home: null,
  aws: null,
  switches: null,
  calls: [],
  payloads: [],
  process: null,
  tour: null,
  connected: false,
  /** The panel's tab. */
  tab: "aws",
  part: "",
  /** Seconds that the sandbox's clock is ahead of this machine's. */
  ahead: 0,
  /** How often that clock was moved. */
  jumps: 0,
};

/** Brings a tab of the panel to the front, and a part of it into view. @param {string} name @param {string} [part] */
export function showTab(name, part = "") {
  state.tab = name;
  state.part = part;
  document.body.dataset.pane = "panel";
  document.body.classList.remove("no-panel");
  changed("tab");
}

const readers = new Map();
const changedTopics = new Set();

/** @param {string} topics one or more, with spaces between @param {() => void} draw */
export function on(topics, draw) {
  for (const topic of topics.split(" ")) readers.set(topic, [...(readers.get(topic) ?? []), draw]);
}

/** Draws what depends on this topic, once, after everything that is happening now. @param {...string} topics */
export function changed(...topics) {
  if (changedTopics.size === 0) queueMicrotask(flush);
  for (const topic of topics) changedTopics.add(topic);
}

function flush() {
  const draws = new Set([...changedTopics].flatMap((topic) => readers.get(topic) ?? []));
  changedTopics.clear();
  for (const draw of draws) draw();
}

/** Seconds since 1970 on the sandbox's clock. */
export const now = () => Date.now() / 1000 + state.ahead;

/** A name to show for a person, a group or a channel. @param {string} id */
export function nameOf(id) {
  const user = state.users[id];
  if (user) return user.real_name || user.name;
  const group = state.usergroups[id];
  if (group) return group.handle;
  return state.channels.get(id)?.name ?? id;
}

/** Puts a message into a list that is sorted by time, in the place of its older version. */
export function merge(list, message) {
  let at = list.length;
  while (at > 0 && list[at - 1].ts > message.ts) at -= 1;
  const next = [...list];
  if (at > 0 && list[at - 1].ts === message.ts) next[at - 1] = message;
  else next.splice(at, 0, message);
  return next;
}
