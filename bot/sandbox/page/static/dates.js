/** @file Instants as the viewer reads them: in the person's own zone, on the sandbox's clock. */

import { now, state } from "./store.js";

/** Seconds; beyond it no date is a date to the browser. */
const LATEST = 8.64e12;
const formats = new Map();

/** Formatters are slow to make, so each is made once. */
function parts(stamp, options) {
  const key = state.tz + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-US", { timeZone: state.tz, ...options }));
  return Object.fromEntries(formats.get(key).formatToParts(stamp * 1000).map((part) => [part.type, part.value]));
}

function ordinal(day) {
  if (day > 10 && day < 14) return "th";
  return { 1: "st", 2: "nd", 3: "rd" }[day % 10] ?? "th";
}

const numeric = { year: "numeric", month: "2-digit", day: "2-digit" };

const days = new Map();

/** "2026-11-22" in the viewer's zone: the day that a message belongs to. @param {number} stamp */
export function dayOf(stamp) {
  // Asked for each of thousands of messages; every zone's days begin at a whole quarter of an hour.
  const key = `${state.tz} ${Math.floor(stamp / 900)}`;
  if (!days.has(key)) {
    const { year, month, day } = parts(stamp, numeric);
    days.set(key, `${year}-${month}-${day}`);
  }
  return days.get(key);
}

/** "today", "yesterday", "tomorrow" or "". */
function near(stamp) {
  const day = dayOf(stamp);
  const at = now();
  if (day === dayOf(at)) return "today";
  if (day === dayOf(at - 86400)) return "yesterday";
  return day === dayOf(at + 86400) ? "tomorrow" : "";
}

/** "10:05 AM" @param {number} stamp */
export function timeOf(stamp, seconds = false) {
  const { hour, minute, second, dayPeriod } = parts(stamp, { hour: "numeric", minute: "2-digit", second: "2-digit" });
  return `${hour}:${minute}${seconds ? `:${second}` : ""} ${dayPeriod}`;
}

/** "Sunday, November 22nd, 2026" or "Today". @param {number} stamp */
export function dayWords(stamp) {
  const word = near(stamp);
  return word ? word[0].toUpperCase() + word.slice(1) : dateShown(stamp, "{date_long}");
}

/**
 * Slack's date tokens (docs.slack.dev, "Formatting text for app surfaces").
 * @param {number} stamp
 * @param {string} form such as "{date_short_pretty} at {time}"
 * @param {string} [fallback] used where a token is not known
 */
export function dateShown(stamp, form, fallback = "") {
  if (!(Math.abs(stamp) <= LATEST)) return fallback;
  const { year, month, day } = parts(stamp, numeric);
  const words = parts(stamp, { month: "long", weekday: "long" });
  const short = `${parts(stamp, { month: "short" }).month} ${Number(day)}, ${year}`;
  const long = `${words.month} ${Number(day)}${ordinal(Number(day))}, ${year}`;
  const tokens = {
    date_num: `${year}-${month}-${day}`,
    date_slash: `${month}/${day}/${year}`,
    date: long,
    date_short: short,
    date_long: `${words.weekday}, ${long}`,
    date_pretty: near(stamp) || long,
    date_short_pretty: near(stamp) || short,
    date_long_pretty: near(stamp) || `${words.weekday}, ${long}`,
    time: timeOf(stamp),
    time_secs: timeOf(stamp, true),
  };
  let isKnown = true;
  const text = form.replace(/\{(\w+)\}/g, (_, name) => {
    if (!(name in tokens)) isKnown = false;
    return tokens[name] ?? "";
  });
  return isKnown ? text : fallback;
}
