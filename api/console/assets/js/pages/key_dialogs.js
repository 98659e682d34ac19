// Making a key: its limits, and the one moment in which it is shown.

import { get, post } from "../api.js";
import { h } from "../dom.js";
import { fillWith } from "../messages.js";
import { copyButton } from "../parts/copying.js";
import { formParts, showDialog } from "../parts/dialogs.js";
import { checkbox, field } from "../parts/fields.js";

/**
 * @param {{ id: string, name: string }} workspace
 * @param {() => Promise<void>} changed
 */
export function createKeyDialog(workspace, changed) {
  const name = h("input", { name: "name", maxlength: 200, autocomplete: "off" });
  const daily = money("daily");
  const monthly = money("monthly");
  const total = money("total");
  const rate = whole("rate");
  const burst = whole("burst");
  const expires = h("input", { name: "expires", type: "datetime-local" });
  const models = modelChoice();
  showDialog(`New key of ${workspace.name}`, (close) => formParts([
    field("Name", name, "Where it is used: a person, a program."),
    h("fieldset", { class: "field" }, h("legend", null, "Spending limits, USD"), h("div", { class: "trio" }, field("A day", daily), field("A month", monthly), field("In all", total)),
      h("span", { class: "hint" }, "Empty: only the workspace's credits limit it.")),
    h("div", { class: "pair" }, field("Requests a minute", rate), field("Burst", burst, "Requests at once.")),
    field("Expires", expires, "In your own time zone. Empty: never."),
    models.element,
  ], { verb: "Make the key", close }, async () => {
    const made = await post("/keys", {
      workspace: workspace.id,
      name: name.value.trim(),
      models: models.chosen(),
      limit_daily: daily.value.trim() || null,
      limit_monthly: monthly.value.trim() || null,
      limit_total: total.value.trim() || null,
      rate_per_minute: rate.value === "" ? null : Number(rate.value),
      burst: burst.value === "" ? null : Number(burst.value),
      expires_at: expires.value === "" ? null : new Date(expires.value).toISOString(),
    });
    close();
    void changed();
    showSecret(made);
  }));
}

/** @param {{ key: string, name: string }} made */
function showSecret(made) {
  showDialog("The new key", (close) => [
    h("p", null, "Copy it now. It is kept nowhere and cannot be shown again."),
    h("div", { class: "secret" }, h("code", { tabindex: "0", "aria-label": "The key" }, made.key), copyButton(() => made.key)),
    h("div", { class: "buttons" }, h("button", { type: "button", class: "button main", onclick: close }, "I have it")),
  ], { stays: true });
}

/** All models, or those that are ticked. */
function modelChoice() {
  const all = checkbox("All models", { checked: true, onchange: () => void draw() });
  const place = h("div", { class: "checks models-choice" });
  /** @type {{ slug: string, box: HTMLInputElement, element: HTMLElement }[] | null} */
  let boxes = null;
  const draw = async () => {
    place.hidden = all.box.checked;
    if (all.box.checked || boxes) return;
    await fillWith(place, () => get("/models"), (found) => {
      boxes = found.data.map((/** @type {any} */ model) => ({ slug: model.slug, ...checkbox(model.slug) }));
      return (boxes ?? []).map(({ element }) => element);
    });
  };
  place.hidden = true;
  return {
    element: h("fieldset", { class: "field" }, h("legend", null, "What it may call"), all.element, place),
    chosen: () => (all.box.checked ? null : (boxes ?? []).filter(({ box }) => box.checked).map(({ slug }) => slug)),
  };
}

/** @param {string} name */
function money(name) {
  return h("input", { name, inputmode: "decimal", pattern: "\\d+(\\.\\d{1,12})?", title: "USD, such as 12.50", autocomplete: "off" });
}

/** @param {string} name */
function whole(name) {
  return h("input", { name, type: "number", min: 1, step: 1, inputmode: "numeric", placeholder: "default" });
}
