/** @file Five steps for somebody who has never seen it. The server judges what is done; this says what comes next. */

import { post } from "./api.js";
import { button, el, icon } from "./dom.js";
import { actAs, go, told } from "./session.js";
import { changed, nameOf, on, showTab, state } from "./store.js";

/** The step for which the panel is needed. */
const BREAKING = 4;

/** @param {"start" | "skip" | "restart"} what */
export async function tell(what) {
  const tour = await told(post("/api/tour", { do: what }));
  if (tour?.steps) { state.tour = tour; changed("tour"); }
}

/** The id of the place where a step happens, for the person who acts. */
function placeOf(step) {
  if (step.where === "dm") return [...state.channels.values()].find((channel) => channel.is_im)?.id;
  return step.where;
}

function steps(tour) {
  return el("ol", {}, tour.steps.map((step) => {
    const isNow = step.n === tour.step;
    return el("li", { class: step.done ? "done" : isNow ? "now" : "", "aria-current": isNow ? "step" : null },
      el("span", { class: "dot", "aria-hidden": "true" }, step.done ? "✓" : step.n), el("span", {}, step.title, step.done && el("span", { class: "unseen" }, " (done)")));
  }));
}

/** What has to be done first to be where the step happens: be the person, be in the place, see the switches. */
function ways(step) {
  const found = [];
  const place = placeOf(step);
  if (step.as && step.as !== state.me) found.push(actAsButton(step));
  else if (place && place !== state.at && (place === "home" || state.channels.has(place))) found.push(goButton(place));
  if (step.n >= BREAKING) {
    const [part, words] = step.n === BREAKING ? ["break", "Show the switches"] : ["clock", "Show the clock"];
    found.push(button({ class: "button small", data: { testid: "tour-switches" }, onclick: () => showTab("controls", part) }, words));
  }
  return found;
}

function actAsButton(step) {
  const onclick = async () => {
    await actAs(step.as);
    const place = placeOf(step);
    if (place && place !== state.at) await go(place);
  };
  return button({ class: "button primary small", data: { testid: "tour-act", focus: "tour-act" }, onclick }, `Act as ${nameOf(step.as)}`);
}

function goButton(place) {
  const channel = state.channels.get(place);
  const words = place === "home" ? "App Home" : channel.is_im ? "the direct message" : `#${channel.name}`;
  const onclick = () => go(place);
  return button({ class: "button primary small", data: { testid: "tour-go", focus: "tour-act" }, onclick }, `Go to ${words}`);
}

/** Before it has begun. @param {() => void} decline */
function invitation(decline) {
  return el("div", { class: "row invitation" }, icon("compass"),
    el("p", {}, el("b", {}, "New here? "), "Five short steps show the whole of it: ask as Alice, approve as Ben, and see AWS change beside it."),
    button({ class: "button primary small", data: { testid: "tour-begin" }, onclick: () => tell("start") }, "Take the tour"),
    button({ class: "quiet", onclick: decline }, "Not now"));
}

/** @param {HTMLElement} root */
export function mountTour(root) {
  let isDeclined = false;
  on("tour person place channels", () => {
    const tour = state.tour;
    const step = tour?.steps?.find((one) => one.n === tour.step);
    if (tour?.step === 0 && !tour.finished && !isDeclined) {
      root.hidden = false;
      root.replaceChildren(invitation(() => { isDeclined = true; changed("tour"); }));
      return;
    }
    const isOver = tour?.steps?.length > 0 && tour.steps.every((one) => one.done);
    root.hidden = !step && !(isOver && tour.step);
    if (root.hidden) return;
    const hadFocus = root.contains(document.activeElement);
    root.replaceChildren(steps(tour), el("div", { class: "now", role: "status", data: { testid: "tour", step: String(tour.step) } },
      step && !isOver
        ? el("p", {}, el("b", {}, `${step.n} of ${tour.steps.length} · ${step.title}. `),
          el("span", { class: "more" }, step.text, " "), el("span", { class: "hint" }, step.hint))
        : el("p", {}, el("b", {}, "That was the tour. "), "Everything here is yours now: break things in the panel, and ask the bot what it sees.")),
    el("div", { class: "row" }, step && !isOver && ways(step),
      button({ class: "quiet", "aria-label": isOver ? "Close the tour" : "Skip the tour", onclick: () => tell("skip") },
        isOver ? icon("close") : "Skip")));
    if (hadFocus) root.querySelector("button")?.focus();
  });
}
