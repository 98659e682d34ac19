// The frames as they came, each with its time; below the head of the response.

import { span } from "../amounts.js";
import { h, put } from "../dom.js";
import { copyButton } from "../parts/copying.js";

/** So many are drawn, and so many characters of them: with more the page is slow, or stands still. */
const MOST = 2000;
const CHARACTERS = 500_000;

export class Raw {
  head = h("pre", { class: "raw-head" });
  list = h("ol", { class: "raw-list" });
  more = h("p", { class: "quiet" }, "Not all is drawn: “Copy all frames” has everything.");
  element = h("div", { class: "stack" });
  bytes = "";
  last = 0;
  room = CHARACTERS;
  drawn = 0;

  constructor() {
    this.clear();
  }

  clear() {
    this.bytes = "";
    this.last = 0;
    this.room = CHARACTERS;
    this.drawn = 0;
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
    const text = frame.text.slice(0, this.room);
    if (text.length < frame.text.length || this.drawn >= MOST) this.more.hidden = false;
    if (!text || this.drawn >= MOST) return;
    this.room -= text.length;
    this.drawn += 1; // the list would count itself anew each time
    const gap = frame.at - this.last;
    this.last = frame.at;
    this.list.append(h("li", null, h("span", { class: "when", title: `${span(gap * 1000)} after the one before` }, span(frame.at * 1000)), h("pre", null, text)));
  }
}
