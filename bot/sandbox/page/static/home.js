/** @file The app's Home tab. */

import { el } from "./dom.js";
import { viewBody } from "./modal.js";
import { on, state } from "./store.js";

/** @param {HTMLElement} root */
export function homeTab(root) {
  const empty = el("p", { class: "empty" }, "The app has not published a Home tab for this person yet.");
  let blocks;
  let body;
  let shown = "";
  root.append(empty);
  on("home person", () => {
    empty.hidden = Boolean(state.home);
    const id = `${state.me} ${state.home?.id ?? ""}`;
    if (shown !== id || !state.home) {
      blocks?.remove();
      blocks = el("div", { class: "blocks" });
      body = viewBody(blocks, "home");
      root.append(blocks);
      shown = id;
    }
    if (state.home) body.draw(state.home);
  });
}
