/** @file The dialog before something that cannot be undone. */

import { button, el } from "./dom.js";
import { drawText, wordsOf } from "./mrkdwn.js";

/**
 * Shows a confirmation object of Block Kit.
 * @param {{title: any, text: any, confirm: any, deny: any, style?: string}} words
 * @returns {Promise<boolean>} whether the person agreed
 */
export function askFirst(words) {
  const dialog = document.getElementById("confirm");
  return new Promise((resolve) => {
    const answer = (isYes) => () => dialog.close(isYes ? "yes" : "no");
    dialog.setAttribute("aria-labelledby", "confirm-title");
    dialog.setAttribute("aria-describedby", "confirm-text");
    dialog.replaceChildren(
      el("h2", { id: "confirm-title" }, wordsOf(words.title)),
      el("div", { id: "confirm-text" }, drawText(words.text)),
      el("div", { class: "foot" },
        button({ class: "button", onclick: answer(false) }, wordsOf(words.deny)),
        button({ class: `button ${words.style ?? "primary"}`, onclick: answer(true) }, wordsOf(words.confirm))));
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}
