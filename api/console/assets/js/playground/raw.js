// The frames as they came, each with its time; below the head of the response.

import { span } from "../amounts.js";
import { h, put } from "../dom.js";
import { copyButton } from "../parts/copying.js";

/** So many are drawn: a page of more is slow. */
const MOST = 2000;

export class Raw {
  head = h("pre", { class: "raw-head" });
  list = h("ol", { class: "raw-list" });
  more = h("p", { class: "quiet" }, `These are the first ${MOST}; “Copy all frames” has every one.`);
  element = h("div", { class: "stack" });
  bytes = "";
  last = 0;

  constructor() {
    this.clear();
  }

  clear() {
    this.bytes = "";
    this.last = 0;
    put(this.list);
    this.more.hidden = true;
    put(this.element, h("p", { class: "quiet" }, "Here stands what a client gets, byte for byte, and when."));
  }

  /** @param {{ status: number, headers: Record<string, string> | [string, string][] }} line */
  begin(line) {
    const headers = Array.isArray(line.headers) ? line.headers : Object.entries(line.headers ?? {});
    this.head.textContent = [`HTTP ${line.status}`, ...headers.map(([name, value]) => `${name}: ${value}`)].join("\n");
    put(this.element,
      h("div", { class: "raw-tools" }, h("h3", null, "Response"), copyButton(() => this.bytes, "Copy all frames")),
      this.head, this.list, this.more);
  }

  /** @param {string} text */
  add(text) {
    this.bytes += text;
  }

  /** @param {import("./frames.js").Frame} frame */
  frame(frame) {
    if (this.list.childElementCount >= MOST) {
      this.more.hidden = false;
      return;
    }
    const gap = frame.at - this.last;
    this.last = frame.at;
    this.list.append(h("li", null, h("span", { class: "when", title: `${span(gap * 1000)} after the one before` }, span(frame.at * 1000)), h("pre", null, frame.text)));
  }
}
