// Labelled fields of forms.

import { freshId, h } from "../dom.js";

/**
 * A field with its label above and, maybe, a hint below.
 * @param {string} label
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control
 * @param {string} [hint]
 */
export function field(label, control, hint = "") {
  control.id ||= freshId("field");
  if (!hint) return h("div", { class: "field" }, h("label", { for: control.id }, label), control);
  const id = freshId("hint");
  control.setAttribute("aria-describedby", id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, h("span", { class: "hint", id }, hint));
}

/**
 * A box to tick.
 * @param {string} label
 * @param {import("../dom.js").Attributes} [attributes]
 * @returns {{ box: HTMLInputElement, element: HTMLLabelElement }}
 */
export function checkbox(label, attributes = {}) {
  const box = h("input", { type: "checkbox", ...attributes });
  return { box, element: h("label", { class: "check" }, box, label) };
}

/**
 * A choice of one among few, all in sight.
 * @param {string} legend
 * @param {[string, string][]} options value and label
 * @param {string} chosen
 * @param {(value: string) => void} changed
 */
export function segments(legend, options, chosen, changed) {
  const name = freshId("segments");
  return h("fieldset", { class: "field" },
    h("legend", null, legend),
    h("div", { class: "segments" }, options.map(([value, label]) => h("label", null,
      h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => changed(value) }),
      h("span", null, label)))));
}

/**
 * @param {[string, string][]} options value and label
 * @param {import("../dom.js").Attributes} [attributes]
 */
export function select(options, attributes = {}) {
  return h("select", attributes, options.map(([value, label]) => h("option", { value }, label)));
}
