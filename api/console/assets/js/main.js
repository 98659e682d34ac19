// The start: a session or the page that asks for one, then the shell and the page that the address names.

import { currentSession, findSession, signOut, whenSessionEnds } from "./api.js";
import { h, put } from "./dom.js";
import { askAgain, gatePage } from "./gate.js";
import { icon, mark } from "./icons.js";
import { errorNote } from "./messages.js";
import { keysPage } from "./pages/keys.js";
import { modelsPage } from "./pages/models.js";
import { playgroundPage } from "./pages/playground.js";
import { requestPage } from "./pages/request.js";
import { requestsPage } from "./pages/requests.js";
import { usagePage } from "./pages/usage.js";
import { schemeButton } from "./scheme.js";

/**
 * @typedef {object} Address
 * @property {string} page
 * @property {string} rest what stands after the page's name
 * @property {URLSearchParams} query
 */

/** @type {[string, string][]} */
const NAMES = [["playground", "Playground"], ["models", "Models"], ["usage", "Usage"], ["requests", "Requests"], ["keys", "Keys"]];

/** @type {Map<string, (address: Address) => HTMLElement>} */
const PAGES = new Map([
  ["models", modelsPage],
  ["usage", usagePage],
  ["requests", (/** @type {Address} */ address) => (address.rest ? requestPage(address.rest) : requestsPage(address))],
  ["keys", keysPage],
]);

const app = /** @type {HTMLElement} */ (document.getElementById("app"));

/** @type {HTMLElement | null} made once, so that a stream goes on while another page is looked at */
let playground = null;
/** @type {Promise<void> | null} */
let asking = null;

whenSessionEnds(() => {
  asking ??= askAgain().finally(() => {
    asking = null;
  });
  return asking;
});
addEventListener("hashchange", () => {
  if (document.getElementById("main")) open(true);
});
void begin();

async function begin() {
  try {
    if (await findSession()) enter();
    else put(app, gatePage(enter));
  } catch (error) {
    put(app, h("main", { class: "gate" }, errorNote(error, () => void begin())));
  }
}

function enter() {
  const main = h("main", { id: "main", tabindex: "-1" });
  put(app,
    h("a", { class: "skip", href: "#main", onclick: (/** @type {Event} */ event) => {
      event.preventDefault(); // the part after # names the page
      main.focus();
    } }, "Skip to the content"),
    h("div", { class: "shell" },
      h("header", { class: "side" },
        h("div", { class: "brand" }, mark(), "HyperInfer"),
        h("nav", { class: "nav", "aria-label": "Console" },
          h("ul", null, NAMES.map(([page, name]) => h("li", null, h("a", { href: `#/${page}`, "data-page": page }, icon(page), name))))),
        h("div", { class: "foot" },
          schemeButton(),
          h("button", { type: "button", class: "plain-button", title: "Sign out", onclick: () => void leave() }, icon("leave"), h("span", null, "Sign out")),
          h("p", { class: "version" }, `Version ${currentSession()?.version ?? "unknown"}`))),
      main));
  open(false);
}

async function leave() {
  playground?.dispatchEvent(new CustomEvent("leaving"));
  playground = null;
  try {
    await signOut();
    put(app, gatePage(enter, "You are signed out."));
  } catch (error) {
    put(app, h("main", { class: "gate" }, h("h1", null, "You may still be signed in"), errorNote(error, () => void begin())));
  }
}

function addressed() {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", ...rest] = path.split("/");
  return { page: page || "playground", rest: decoded(rest.join("/")), query: new URLSearchParams(query) };
}

/**
 * What stands in an address, which anybody may have typed.
 * @param {string} text
 */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {boolean} moved whether the reader came from another page, and the keyboard has to follow */
function open(moved) {
  const main = /** @type {HTMLElement} */ (document.getElementById("main"));
  const address = addressed();
  const known = NAMES.find(([page]) => page === address.page);
  for (const link of document.querySelectorAll("[data-page]")) {
    if (link.getAttribute("data-page") === address.page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${known ? known[1] : "Not found"} · HyperInfer`;
  put(main, content(address));
  if (moved) {
    scrollTo(0, 0);
    const title = main.querySelector("h1");
    title?.setAttribute("tabindex", "-1");
    title?.focus();
  }
}

/** @param {Address} address */
function content(address) {
  if (address.page === "playground") {
    playground ??= playgroundPage();
    playground.dispatchEvent(new CustomEvent("shown", { detail: address.query }));
    return playground;
  }
  const page = PAGES.get(address.page);
  if (page) return page(address);
  return h("div", null, h("h1", null, "There is no such page"), h("p", null, h("a", { href: "#/playground" }, "To the playground")));
}
