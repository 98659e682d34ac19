// The form that asks for the token: as a page of its own, and as a dialog over a page whose session is over.

import { signIn } from "./api.js";
import { h, put } from "./dom.js";
import { mark } from "./icons.js";
import { explained } from "./messages.js";
import { showDialog } from "./parts/dialogs.js";
import { field } from "./parts/fields.js";
import { schemeButton } from "./scheme.js";

/**
 * The page that asks for the token.
 * @param {() => void} done
 * @param {string} [notice]
 */
export function gatePage(done, notice = "") {
  document.title = "Sign in · HyperInfer";
  return h("main", { class: "gate" },
    h("div", { class: "gate-card" },
      h("div", { class: "brand" }, mark(), h("h1", null, "HyperInfer")),
      notice ? h("p", { class: "note", role: "status" }, notice) : null,
      form(done),
      h("div", { class: "under" }, whereIsIt(), h("div", null, schemeButton()))));
}

/** Asks again, over the page, which stays as it is. Done once a session is there. */
export function askAgain() {
  return new Promise((/** @type {(value: void) => void} */ resolve) => {
    showDialog("Sign in again", (close) => [
      h("p", { class: "quiet" }, "Your session is over. What is on the page stays, and goes on once you are back."),
      h("div", { class: "gate-card" }, form(close), whereIsIt()),
    ], { stays: true, closed: resolve });
  });
}

/** @param {() => void} done */
function form(done) {
  const token = h("input", {
    type: "password", name: "token", required: true, autocomplete: "current-password", autocapitalize: "off", spellcheck: "false", autofocus: true,
  });
  const wrong = h("div", { role: "alert" });
  const send = h("button", { type: "submit", class: "button main" }, "Sign in");
  return h("form", {
    onsubmit: async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      send.disabled = true;
      put(wrong);
      try {
        await signIn(token.value.trim());
        done();
      } catch (error) {
        const { what, todo } = explained(error);
        token.setAttribute("aria-invalid", "true");
        put(wrong, h("p", { class: "note bad" }, `${what} ${todo}`));
        token.select();
      } finally {
        send.disabled = false;
      }
    },
  }, field("Console token", token), wrong, send);
}

function whereIsIt() {
  return h("details", null,
    h("summary", null, "Where is the token?"),
    h("p", null, "The gateway printed it once, at its first start, or it is what HYPERINFER_CONSOLE_TOKEN was set to."),
    h("p", null, "Lost it? ", h("code", null, "hyperinfer console token"), " makes a new one and ends every session."));
}
