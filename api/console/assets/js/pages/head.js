// The head of a page: its title, a line on what it shows, and what can be done.

import { h } from "../dom.js";

/**
 * @param {string} title
 * @param {string} about
 * @param {...(Node | null)} actions
 */
export function pageHead(title, about, ...actions) {
  return h("div", { class: "head" },
    h("div", null, h("h1", null, title), about ? h("p", null, about) : null),
    actions.length ? h("div", { class: "actions" }, ...actions) : null);
}
