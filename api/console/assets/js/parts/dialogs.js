// Dialogs: the browser's own, which keep the keyboard inside and give it back.

import { freshId, h, put } from "../dom.js";
import { explained } from "../messages.js";

/**
 * A dialog with a title. It is gone from the page once it is closed.
 * @param {string} title
 * @param {(close: () => void) => Node | Node[]} content
 * @param {{ wide?: boolean, closed?: () => void, stays?: boolean }} [options] stays: Escape does not close it
 */
export function showDialog(title, content, { wide = false, closed = () => undefined, stays = false } = {}) {
  const id = freshId("dialog");
  const dialog = h("dialog", { class: wide && "wide", "aria-labelledby": id });
  const close = () => dialog.close();
  dialog.append(h("div", { class: "stack" }, h("h2", { id, tabindex: "-1" }, title), content(close)));
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed();
    // What had opened it may be gone: the keyboard goes on from the content, not from the top of the page.
    if (document.activeElement === document.body) document.getElementById("main")?.focus();
  });
  if (stays) {
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    // Chromium closes it at the second Escape, whatever is said to its `cancel`.
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "Escape") event.preventDefault();
    });
  }
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Asks before something is done. What the deed answers with an error is shown in the dialog, which stays.
 * @param {{ title: string, text: string, verb: string, bad?: boolean }} question
 * @param {() => Promise<void>} deed
 */
export function confirmDialog({ title, text, verb, bad = true }, deed) {
  showDialog(title, (close) => formParts(
    [h("p", null, text)],
    { verb, bad, close },
    async () => {
      await deed();
      close();
    },
  ));
}

/**
 * A form in a dialog: its fields, where an error is told, and its two buttons.
 * @param {Node[]} fields
 * @param {{ verb: string, bad?: boolean, close: () => void }} how
 * @param {() => Promise<void>} submit
 */
export function formParts(fields, { verb, bad = false, close }, submit) {
  const wrong = h("div", { role: "alert" });
  const send = h("button", { type: "submit", class: bad ? "button main bad" : "button main" }, verb);
  return h("form", {
    class: "stack",
    onsubmit: async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      if (send.disabled) return; // once is enough
      send.disabled = true;
      put(wrong);
      try {
        await submit();
      } catch (error) {
        const { what, todo } = explained(error);
        put(wrong, h("div", { class: "note bad" }, h("p", null, `${what} ${todo}`)));
      } finally {
        send.disabled = false;
      }
    },
  },
  fields,
  wrong,
  h("div", { class: "buttons" }, h("button", { type: "button", class: "button", onclick: close }, "Cancel"), send));
}
