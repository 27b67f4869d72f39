/** @file The page: puts the parts in place and starts them. */

import { mountAws } from "./aws.js";
import { mountControls } from "./controls.js";
import { mountConversation, mountThread } from "./conversation.js";
import { button, el, icon, roving, toast } from "./dom.js";
import { mountCalls, mountInspector } from "./inspector.js";
import { mountModal } from "./modal.js";
import { start } from "./session.js";
import { mountSidebar } from "./sidebar.js";
import { changed, on, state } from "./store.js";
import { mountTour, tell } from "./tour.js";

const byId = (id) => document.getElementById(id);
const THEMES = ["auto", "light", "dark"];
/** On narrow screens one panel is shown at a time. */
const PANES = [["rail", "Workspace", "list"], ["main", "Chat", "reply"], ["panel", "AWS", "panel"]];
const TABS = [
  ["aws", "AWS", mountAws],
  ["controls", "Break & clock", mountControls],
  ["calls", "Calls", mountCalls],
  ["inspector", "Requests", mountInspector],
];

function remembered(name, fallback) {
  try {
    return localStorage.getItem(name) ?? fallback;
  } catch {
    return fallback;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // A browser without storage forgets it with the page, which is all that is lost.
  }
}

function themeButton() {
  const toggle = button({ class: "quiet", data: { testid: "theme" } });
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    toggle.replaceChildren(icon("theme"), el("span", {}, theme[0].toUpperCase() + theme.slice(1)));
    toggle.setAttribute("aria-label", `Colours: ${theme}. Change`);
  };
  toggle.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
    remember("theme", next);
    show(next);
  });
  show(remembered("theme", "auto"));
  return toggle;
}

function panelButton() {
  const toggle = button({ class: "quiet wide-only", "aria-controls": "panel", "aria-label": "Panel" }, icon("panel"), el("span", {}, "Panel"));
  const show = (isShown) => {
    document.body.classList.toggle("no-panel", !isShown);
    toggle.setAttribute("aria-expanded", String(isShown));
  };
  toggle.addEventListener("click", () => {
    const isShown = document.body.classList.contains("no-panel");
    remember("panel", isShown ? "shown" : "hidden");
    show(isShown);
  });
  show(remembered("panel", "shown") === "shown");
  return toggle;
}

function mountTop(root) {
  const connection = el("span", { class: "connection", role: "status", data: { testid: "connection" } });
  root.append(
    el("span", { class: "brand" },
      el("img", { src: "/assets/icon.svg", alt: "", width: "24", height: "24" }),
      el("b", {}, "Workbench Access"), el("span", { class: "badge" }, "sandbox")),
    connection,
    button({ class: "quiet", "aria-label": "Tour", data: { testid: "tour-start" }, onclick: () => tell("restart") },
      icon("compass"), el("span", {}, "Tour")),
    panelButton(), themeButton());
  on("connection bot", () => {
    const bot = state.process?.state ?? "running";
    connection.textContent = !state.connected ? "Connecting again…" : bot === "running" ? "" : `The bot is ${bot}`;
  });
}

function mountPanes(root) {
  const open = (pane) => () => { document.body.dataset.pane = pane; };
  const buttons = PANES.map(([pane, words, symbol]) =>
    button({ data: { pane }, onclick: open(pane) }, icon(symbol), el("span", {}, words)));
  root.append(...buttons);
  const show = () => buttons.forEach((button) => button.setAttribute("aria-current", String(button.dataset.pane === document.body.dataset.pane)));
  new MutationObserver(show).observe(document.body, { attributeFilter: ["data-pane"] });
  show();
  on("channels", () => buttons[0].classList.toggle("unread", [...state.channels.values()].some((channel) => channel.unread > 0)));
}

function mountPanel(root) {
  const list = el("div", { class: "tabs", role: "tablist", "aria-label": "Panel" });
  const tabs = TABS.map(([name, words, mount]) => {
    const page = el("div", { id: `page-${name}`, role: "tabpanel", "aria-labelledby": `tab-${name}`, class: "page", tabindex: "0", hidden: true });
    const open = () => { state.tab = name; changed("tab"); };
    const tab = button({ id: `tab-${name}`, role: "tab", "aria-controls": page.id, onclick: open, onfocus: open }, words);
    mount(page);
    list.append(tab);
    return { name, tab, page };
  });
  const show = () => {
    for (const { name, tab, page } of tabs) {
      page.hidden = name !== state.tab;
      tab.setAttribute("aria-selected", String(name === state.tab));
      tab.tabIndex = name === state.tab ? 0 : -1;
    }
    if (state.part) root.querySelector(`[data-part="${state.part}"]`)?.scrollIntoView();
    state.part = "";
  };
  on("tab", show);
  roving(list, "[role=tab]");
  root.append(list, ...tabs.map(({ page }) => page));
  show();
}

mountTop(byId("top"));
mountTour(byId("tour"));
mountSidebar(byId("rail"));
mountConversation(byId("conversation"));
mountThread(byId("thread"));
mountPanel(byId("panel"));
mountPanes(byId("panes"));
mountModal();
start().catch((error) => toast(error.message, "bad"));
