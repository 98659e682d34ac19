// The switch between the system's scheme, light and dark. theme.js applies what is kept before anything is drawn.

import { h, put } from "./dom.js";
import { icon } from "./icons.js";

const NAME = "hyperinfer-theme";
const ORDER = ["auto", "light", "dark"];
/** @type {Record<string, string>} */
const LABELS = { auto: "Scheme: system", light: "Scheme: light", dark: "Scheme: dark" };

export function schemeButton() {
  const button = h("button", { type: "button", class: "plain-button", onclick: () => choose(next()) });
  const root = document.documentElement;
  const current = () => root.dataset.theme ?? "auto";
  const next = () => ORDER[(ORDER.indexOf(current()) + 1) % ORDER.length] ?? "auto";
  const draw = () => {
    const label = LABELS[current()] ?? "";
    put(button, icon(current()), h("span", null, label));
    button.title = `${label} (press for ${next()})`;
  };

  /** @param {string} scheme */
  const choose = (scheme) => {
    if (scheme === "auto") delete root.dataset.theme;
    else root.dataset.theme = scheme;
    try {
      localStorage.setItem(NAME, scheme);
    } catch {
      // Storage is switched off: it holds until the page is left.
    }
    draw();
  };

  draw();
  return button;
}
