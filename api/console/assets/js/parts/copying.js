// Text to the clipboard, also where the page came over plain HTTP and the browser's clipboard is not to be had.

import { h } from "../dom.js";
import { toast } from "../messages.js";

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    // Inside an open dialog: what is outside of it cannot be selected.
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) {
      toast("The browser did not let it be copied: select the text and copy it yourself.");
      return;
    }
  }
  toast("Copied.");
}

/**
 * @param {() => string} text
 * @param {string} [label]
 */
export function copyButton(text, label = "Copy") {
  return h("button", { type: "button", class: "button little", onclick: () => void copy(text()) }, label);
}
