// The picture once more, slowed down: most requests are over before an eye has followed them.

import { h } from "../dom.js";

/** Seconds that a replay takes at least. */
const LEAST = 6;

export class Replay {
  /** @param {import("./picture.js").Picture} picture */
  constructor(picture) {
    this.picture = picture;
    this.element = h("button", { type: "button", class: "button little", hidden: true, onclick: () => this.play() }, "Replay");
    /** @type {any[]} */
    this.lines = [];
    /** @type {ReturnType<typeof setTimeout>[]} */
    this.timers = [];
    this.slowness = 1;
  }

  clear() {
    this.halt();
    this.lines = [];
    this.element.hidden = true;
  }

  halt() {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = [];
  }

  /** @param {any} line */
  keep(line) {
    if (["graph", "node", "channel"].includes(line.kind)) this.lines.push(line);
  }

  /** @param {number} seconds that the request took */
  ready(seconds) {
    if (!this.lines.length) return;
    this.slowness = Math.max(1, Math.round(LEAST / Math.max(seconds, 0.001)));
    this.element.hidden = false;
    this.element.textContent = this.slowness > 1 ? `Replay, ${this.slowness} times slower` : "Replay";
  }

  play() {
    this.halt();
    this.picture.clear();
    for (const line of this.lines) {
      if (line.kind === "graph") this.picture.tell(line);
      else this.timers.push(setTimeout(() => this.picture.tell(line), (line.at ?? 0) * 1000 * this.slowness));
    }
  }
}
