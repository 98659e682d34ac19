// What is said to the person in front: errors with what to do, empty lists, short notices.

import { Refused } from "./api.js";
import { h, put } from "./dom.js";

/**
 * What went wrong, and what can be done about it.
 * @param {unknown} error
 * @returns {{ what: string, todo: string }}
 */
export function explained(error) {
  if (!(error instanceof Refused)) {
    console.error(error);
    return { what: "The console made a mistake.", todo: "Reload the page. If it happens again, the browser's console says more." };
  }
  const seconds = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : " Wait a moment, then try again.";
  /** @type {Record<number, string>} */
  const todo = {
    0: "Is it still running? Look at the terminal or the service's log, then try again.",
    403: "Reload the page: the session may have been renewed in another tab.",
    404: "It may be gone meanwhile. Refresh the list.",
    413: "Send less.",
    429: `Too many tries.${seconds}`,
    500: "The gateway's log says more, under the request's id.",
    503: `The store is away.${seconds}`,
  };
  return { what: error.message, todo: todo[error.status] ?? "" };
}

/**
 * An error where the content would be.
 * @param {unknown} error
 * @param {(() => void) | null} [again]
 */
export function errorNote(error, again = null) {
  const { what, todo } = explained(error);
  return h("div", { class: "note bad", role: "alert" },
    h("div", null, h("p", null, h("strong", null, what)), todo ? h("p", null, todo) : null),
    again ? h("button", { type: "button", class: "button little", onclick: again }, "Try again") : null);
}

/**
 * An empty list, and what fills it.
 * @param {string} title
 * @param {string} todo
 * @param {...(Node | null)} actions
 */
export function emptyNote(title, todo, ...actions) {
  return h("div", { class: "empty" }, h("strong", null, title), h("p", null, todo), ...actions);
}

/** @param {string} [text] */
export function loadingNote(text = "Loading…") {
  return h("p", { class: "loading", role: "status" }, text);
}

/** @param {string} text */
export function toast(text) {
  const box = document.getElementById("toasts");
  const line = h("div", { class: "toast" }, text);
  box?.append(line);
  setTimeout(() => line.remove(), 4000);
}

/** @type {WeakMap<Element, object>} what was asked for last, for each place: an older answer that comes later is not shown */
const latest = new WeakMap();

/**
 * Fills a place with what is loaded: a word while it loads, the error if it fails.
 * @template T
 * @param {Element} place
 * @param {() => Promise<T>} load
 * @param {(found: T) => Node | (Node | null)[]} draw
 */
export async function fillWith(place, load, draw) {
  const turn = {};
  latest.set(place, turn);
  const over = () => latest.get(place) !== turn;
  // What is there stays until the new is: only an empty place says that it waits.
  if (!place.hasChildNodes()) put(place, loadingNote());
  place.setAttribute("aria-busy", "true");
  try {
    const found = await load();
    if (!over()) put(place, draw(found));
  } catch (error) {
    if (over() || (error instanceof DOMException && error.name === "AbortError")) return;
    put(place, errorNote(error, () => void fillWith(place, load, draw)));
  } finally {
    if (!over()) place.removeAttribute("aria-busy");
  }
}
