// The request as code, to copy.

import { h, put } from "../dom.js";
import { copyButton } from "../parts/copying.js";
import { showDialog } from "../parts/dialogs.js";
import { segments } from "../parts/fields.js";
import { LANGUAGES, snippet } from "./snippets.js";

/**
 * @param {import("./bodies.js").Format} format
 * @param {Record<string, any>} body
 * @param {boolean} strict
 */
export function showCode(format, body, strict) {
  const code = h("code");
  const text = (/** @type {string} */ language) => snippet(language, format, body, strict, location.origin);
  const draw = (/** @type {string} */ language) => put(code, text(language));
  draw("curl");
  showDialog("The request as code", (close) => [
    segments("Language", LANGUAGES, "curl", draw),
    h("div", { class: "code-block" }, h("pre", { tabindex: "0", "aria-label": "Code" }, code)),
    h("p", { class: "small quiet" }, "The key is read from the variable HYPERINFER_API_KEY. ", h("a", { href: "#/keys", onclick: close }, "Make a key"), " if you have none."),
    h("div", { class: "buttons" }, copyButton(() => code.textContent ?? ""), h("button", { type: "button", class: "button main little", onclick: close }, "Done")),
  ], { wide: true });
}
