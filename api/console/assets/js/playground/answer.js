// The answer as it is read by a person: text, reasoning, calls of tools, errors, in the order in which they came.

import { h, put } from "../dom.js";
import { remedy } from "./remedies.js";
import { hear } from "./replies.js";

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

  /**
   * @param {"text" | "reasoning"} kind
   * @param {string} text
   */
  say(kind, text) {
    this.said = true;
    if (this.open?.kind !== kind) {
      const node = document.createTextNode("");
      this.open = { kind, text: node };
      this.element.append(kind === "text" ? h("div", { class: "said" }, node) : h("details", { class: "thought", open: true }, h("summary", null, "Reasoning"), h("div", null, node)));
    }
    this.open.text.appendData(text);
  }

  /**
   * @param {string} id
   * @param {string} name
   * @param {string} more
   */
  call(id, name, more) {
    this.said = true;
    let call = this.calls.get(id);
    if (!call) {
      call = { name: document.createTextNode(name), text: document.createTextNode("") };
      this.calls.set(id, call);
      this.open = null;
      this.element.append(h("div", { class: "called" }, h("span", { class: "tag good" }, "tool call"), " ", h("code", null, call.name, "(", call.text, ")")));
    }
    if (name) call.name.data = name;
    call.text.appendData(more);
  }

  /**
   * @param {string} id
   * @param {string} name
   * @param {string} what
   */
  ran(id, name, what) {
    this.said = true;
    const key = `run ${id}`;
    let run = this.calls.get(key);
    if (!run) {
      run = { name: document.createTextNode(name), text: document.createTextNode("…") };
      this.calls.set(key, run);
      this.open = null;
      this.element.append(h("div", { class: "called" }, h("span", { class: "tag" }, "gateway's tool"), " ", h("code", null, run.name), " ", h("span", { class: "quiet" }, run.text)));
    }
    if (what) run.text.data = what;
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
    if (source.startsWith("data:image/")) this.element.append(h("img", { src: source, alt: "Made on request" }));
    else if (/^https?:/.test(source)) this.element.append(h("p", null, h("a", { href: source, rel: "noreferrer", target: "_blank" }, "An image, at another address")));
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
