// The frames as they came, each with its time; below the head of the response.

import { span } from "../amounts.js";
import { h, put } from "../dom.js";
import { copyButton } from "../parts/copying.js";

export class Raw {
  head = h("pre", { class: "raw-head" });
  list = h("ol", { class: "raw-list" });
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
    put(this.element, h("p", { class: "quiet" }, "Here stands what a client gets, byte for byte, and when."));
  }

  /** @param {{ status: number, headers: Record<string, string> | [string, string][] }} line */
  begin(line) {
    const headers = Array.isArray(line.headers) ? line.headers : Object.entries(line.headers ?? {});
    this.head.textContent = [`HTTP ${line.status}`, ...headers.map(([name, value]) => `${name}: ${value}`)].join("\n");
    put(this.element,
      h("div", { class: "raw-tools" }, h("h3", null, "Response"), copyButton(() => this.bytes, "Copy all frames")),
      this.head, this.list);
  }

  /** @param {string} text */
  add(text) {
    this.bytes += text;
  }

  /** @param {import("./frames.js").Frame} frame */
  frame(frame) {
    const gap = frame.at - this.last;
    this.last = frame.at;
    this.list.append(h("li", null, h("span", { class: "when", title: `${span(gap * 1000)} after the one before` }, span(frame.at * 1000)), h("pre", null, frame.text)));
  }
}
