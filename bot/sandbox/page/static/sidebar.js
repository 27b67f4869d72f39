/** @file The left rail: channels, direct messages, the app, and whose eyes one looks through. */

import { button, el, icon, keyed, roving } from "./dom.js";
import { avatar } from "./message.js";
import { actAs, go } from "./session.js";
import { nameOf, on, state } from "./store.js";

function entry(item) {
  const { place, label, symbol, unread, isOpen } = item;
  return el("li", {}, button({
    class: unread ? "entry unread" : "entry", tabindex: isOpen ? "0" : "-1",
    "aria-current": isOpen ? "page" : null, data: { place, focus: place },
    onclick: () => go(place),
  }, icon(symbol), el("span", {}, label),
  unread > 0 && el("span", { class: "count" }, unread > 99 ? "99+" : unread, el("span", { class: "unseen" }, " unread"))));
}

function person(item) {
  const { one, isMe } = item;
  return el("li", { role: "none" }, button({
    class: "entry person", role: "radio", "aria-checked": String(isMe), tabindex: isMe ? "0" : "-1",
    data: { person: one.id, focus: one.id },
    onclick: () => actAs(one.id),
  }, avatar(one.id, one.real_name), el("span", {}, one.real_name, el("small", {}, one.role)), isMe && el("span", { class: "badge" }, "you")));
}

/** @param {HTMLElement} root */
export function mountSidebar(root) {
  const group = (words) => [el("h2", { id: `rail-${words[0]}` }, words), el("ul", { "aria-labelledby": `rail-${words[0]}` })];
  const [channelsTitle, channels] = group("Channels");
  const [directTitle, direct] = group("Direct messages");
  const [appTitle, app] = group("App");
  const people = el("ul", { role: "radiogroup", "aria-label": "Act as", data: { testid: "act-as" } });
  const places = el("div", { class: "places" }, channelsTitle, channels, directTitle, direct, appTitle, app);
  root.append(places, el("div", { class: "people" }, el("h2", {}, "Act as"), people));
  roving(places, "button");
  roving(people, "button");

  on("channels place person", () => {
    const all = [...state.channels.values()];
    const item = (channel) => ({
      place: channel.id, unread: channel.unread, isOpen: channel.id === state.at,
      label: channel.is_im ? nameOf(channel.with ?? state.bot.user) : channel.name,
      symbol: channel.is_im ? "bolt" : channel.is_private ? "lock" : "hash",
    });
    const key = (one) => one.place;
    const ims = all.filter((channel) => channel.is_im);
    directTitle.hidden = ims.length === 0;
    keyed(channels, all.filter((channel) => !channel.is_im).map(item), key, entry);
    keyed(direct, ims.map(item), key, entry);
    keyed(app, [{ place: "home", label: "App Home", symbol: "home", unread: 0, isOpen: state.at === "home" }], key, entry);
    if (!places.querySelector("[tabindex='0']")) places.querySelector("button").tabIndex = 0;
  });
  on("person", () => {
    const actors = state.people.filter((one) => one.can_act !== false).map((one) => ({ one, isMe: one.id === state.me }));
    keyed(people, actors, (item) => item.one.id, person);
  });
}
