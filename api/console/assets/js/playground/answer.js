// The answer as it is read by a person: text, reasoning, calls of tools, errors, in the order in which they came.

import { h, put } from "../dom.js";
import { remedy } from "./remedies.js";
import { hear } from "./replies.js";

/** So many characters and parts are drawn: with more the page stands still. */
const CHARACTERS = 200_000;
const PARTS = 500;

export class Answer {
  element = h("div", { class: "answer", role: "log", "aria-label": "Answer", tabindex: "0" });
  /** @type {{ kind: string, text: Text } | null} */
  open = null;
  /** @type {Map<string, { name: Text, text: Text }>} */
  calls = new Map();
  /** @type {{ input: number, output: number, reasoning: number, cost: string | null } | null} */
  usage = null;
  reason = "";
  failed = "";
  said = false;
  /** characters that there is room for */
  room = CHARACTERS;
  cut = false;

  constructor() {
    this.clear();
  }

  clear() {
    this.open = null;
    this.calls.clear();
    this.usage = null;
    this.reason = "";
    this.failed = "";
    this.said = false;
    this.room = CHARACTERS;
    this.cut = false;
    put(this.element, h("p", { class: "quiet" }, "The answer will be here."));
  }

  begin() {
    this.clear();
    put(this.element);
    // Read aloud once it is whole, not letter by letter.
    this.element.setAttribute("aria-busy", "true");
  }

  /**
   * @param {import("./bodies.js").Format} format
   * @param {boolean} streamed
   * @param {import("./frames.js").Frame} frame
   */
  frame(format, streamed, frame) {
    hear(format, streamed, frame.data, this);
  }

  end() {
    this.element.removeAttribute("aria-busy");
    if (!this.said && !this.failed) this.element.append(h("p", { class: "quiet" }, "No text came."));
  }

  /** Says, once, that there is more than is drawn. */
  full() {
    if (this.cut) return;
    this.cut = true;
    this.room = 0;
    this.element.append(h("p", { class: "quiet" }, "There is more than a page can show: “Copy all frames”, under Frames, has all of it."));
  }

  /**
   * What there is room for.
   * @param {string} text
   */
  fitting(text) {
    const fits = text.slice(0, this.room);
    this.room -= fits.length;
    return fits;
  }

  /**
   * Another part, if there is room for it.
   * @param {Element} element
   */
  part(element) {
    if (this.cut || this.element.childElementCount >= PARTS) this.full();
    else this.element.append(element);
  }

  /**
   * @param {"text" | "reasoning"} kind
   * @param {string} text
   */
  say(kind, text) {
    this.said = true;
    if (this.cut) return;
    if (this.open?.kind !== kind) {
      const node = document.createTextNode("");
      this.open = { kind, text: node };
      this.part(kind === "text" ? h("div", { class: "said" }, node) : h("details", { class: "thought", open: true }, h("summary", null, "Reasoning"), h("div", null, node)));
    }
    const fits = this.fitting(text);
    this.open.text.appendData(fits);
    if (fits.length < text.length) this.full();
  }

  /**
   * @param {string} id
   * @param {string} name
   * @param {string} more
   */
  call(id, name, more) {
    this.said = true;
    if (this.cut) return;
    let call = this.calls.get(id);
    if (!call) {
      call = { name: document.createTextNode(name), text: document.createTextNode("") };
      this.calls.set(id, call);
      this.open = null;
      this.part(h("div", { class: "called" }, h("span", { class: "tag good" }, "tool call"), " ", h("code", null, call.name, "(", call.text, ")")));
    }
    if (name) call.name.data = name;
    const fits = this.fitting(more);
    call.text.appendData(fits);
    if (fits.length < more.length) this.full();
  }

  /**
   * @param {string} id
   * @param {string} name
   * @param {string} what
   */
  ran(id, name, what) {
    this.said = true;
    if (this.cut) return;
    const key = `run ${id}`;
    let run = this.calls.get(key);
    if (!run) {
      run = { name: document.createTextNode(name), text: document.createTextNode("…") };
      this.calls.set(key, run);
      this.open = null;
      this.part(h("div", { class: "called" }, h("span", { class: "tag" }, "gateway's tool"), " ", h("code", null, run.name), " ", h("span", { class: "quiet" }, run.text)));
    }
    if (!what) return;
    const fits = this.fitting(what);
    run.text.data = fits;
    if (fits.length < what.length) this.full();
  }

  /**
   * @param {string} message
   * @param {string} code
   */
  fail(message, code) {
    this.failed = code || "error";
    this.open = null;
    this.element.append(h("div", { class: "note bad", role: "alert" },
      h("div", null, h("p", null, h("strong", null, message)), h("p", null, remedy(code)), code ? h("p", { class: "mono small" }, code) : null)));
  }

  /** @param {string} source an image that a model or a tool made, as a data address */
  picture(source) {
    this.said = true;
    this.open = null;
    // Nothing is loaded from elsewhere: the page's policy would not let it.
    if (source.startsWith("data:image/")) this.part(h("img", { src: source, alt: "Made on request" }));
    else if (/^https?:/.test(source)) this.part(h("p", null, h("a", { href: source, rel: "noreferrer", target: "_blank" }, "An image, at another address")));
  }

  /** @param {NonNullable<Answer["usage"]>} usage */
  used(usage) {
    this.usage = usage;
  }

  /** @param {string} reason */
  ended(reason) {
    this.reason = reason;
  }
}
