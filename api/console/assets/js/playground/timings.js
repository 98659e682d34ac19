// When each node worked and each try at a provider ran, and when the frames came: bursts are ticks close together.

import { span } from "../amounts.js";
import { h, put, s } from "../dom.js";
import { waterfall } from "../parts/waterfall.js";

export class Timings {
  element = h("div", { class: "stack" });
  /** @type {Map<string, string>} */
  names = new Map();
  /** @type {Map<string, { from: number, to: number, items: number }>} */
  nodes = new Map();
  /** @type {Map<string, { name: string, kind: string, detail: string, from: number, to: number }>} */
  steps = new Map();
  /** @type {number[]} */
  frames = [];

  constructor() {
    this.clear();
  }

  clear() {
    this.names.clear();
    this.nodes.clear();
    this.steps.clear();
    this.frames = [];
    put(this.element, h("p", { class: "quiet" }, "Here stands when each part of the request worked."));
  }

  /** @param {any} line */
  tell(line) {
    if (line.kind === "graph") for (const node of line.nodes) this.names.set(node.id, node.name);
    else if (line.kind === "node") {
      // A node stands ready from the start to the end: it works from its first item to its last.
      const known = this.nodes.get(line.id);
      if (!known && line.items) this.nodes.set(line.id, { from: line.at, to: line.at, items: line.items });
      else if (known && (line.what === "item" || line.items > known.items)) Object.assign(known, { to: line.at, items: line.items });
    } else if (line.kind === "attempt") {
      this.step(`attempt ${line.number}`, `${line.provider} / ${line.model}${line.round ? `, round ${line.round + 1}` : ""}`, "attempt", line.what === "failed" ? line.code : line.what.replace("_", " "), line.at);
    } else if (line.kind === "tool") {
      this.step(`tool ${line.id}`, line.name, "tool", line.what.replace("_", " "), line.at);
    }
  }

  /**
   * What began, or went on: from the first line that tells of it to the last.
   * @param {string} key
   * @param {string} name
   * @param {string} kind
   * @param {string} detail
   * @param {number} at
   */
  step(key, name, kind, detail, at) {
    const known = this.steps.get(key);
    if (known) Object.assign(known, { to: at, detail });
    else this.steps.set(key, { name, kind, detail, from: at, to: at });
  }

  /** @param {number} at */
  frame(at) {
    this.frames.push(at);
  }

  /** @param {number} whole seconds of the whole request */
  draw(whole) {
    const rows = [
      ...[...this.nodes].map(([id, { from, to, items }]) => ({ name: this.names.get(id) ?? id, start_ms: from * 1000, ms: (to - from) * 1000, kind: "node", detail: `${items} ${items === 1 ? "item" : "items"}` })),
      ...[...this.steps.values()].map(({ name, kind, detail, from, to }) => ({ name, start_ms: from * 1000, ms: (to - from) * 1000, kind, detail })),
    ].sort((one, other) => one.start_ms - other.start_ms);
    put(this.element,
      h("section", null, h("h3", null, "Frames as they came"), this.ticks(whole)),
      h("section", null, h("h3", null, "Nodes, from their first item to their last; calls of providers and tools"), waterfall(rows, whole * 1000)));
  }

  /** @param {number} whole */
  ticks(whole) {
    const at = (/** @type {number} */ seconds) => (whole > 0 ? (seconds / whole) * 1000 : 0);
    const longest = this.frames.reduce((found, each, place) => Math.max(found, each - (this.frames[place - 1] ?? each)), 0);
    return h("div", null,
      s("svg", { class: "ticks", viewBox: "0 0 1000 28", preserveAspectRatio: "none", role: "img", "aria-label": `${this.frames.length} frames in ${span(whole * 1000)}` },
        s("path", { d: "M0 27.5H1000", class: "axis" }),
        s("path", { class: "tick", d: this.frames.map((seconds) => `M${at(seconds).toFixed(1)} 4V26`).join("") })),
      h("p", { class: "small quiet" }, `${this.frames.length} frames in ${span(whole * 1000)}; the longest gap was ${span(longest * 1000)}.`));
  }
}
