// What took how long, one below the other: a bar from its start to its end, and the same in words.

import { span } from "../amounts.js";
import { h } from "../dom.js";

/** @typedef {{ name: string, start_ms: number, ms: number, kind: string, detail?: string | null }} Step */

/**
 * @param {Step[]} steps
 * @param {number} whole milliseconds that the width stands for
 */
export function waterfall(steps, whole) {
  const end = Math.max(whole, 0.001, ...steps.map((step) => step.start_ms + step.ms));
  return h("ol", { class: "waterfall" }, steps.map((step) => {
    const bar = h("span", { class: `bar ${step.kind}` });
    bar.style.insetInlineStart = `${(step.start_ms / end) * 100}%`;
    bar.style.inlineSize = `${(step.ms / end) * 100}%`;
    return h("li", null,
      h("span", { class: "step" }, step.name, step.detail ? h("span", { class: "sub" }, step.detail) : null),
      h("span", { class: "track", "aria-hidden": "true" }, bar),
      h("span", { class: "took" }, h("span", { class: "unseen" }, `from ${span(step.start_ms)}, `), span(step.ms)));
  }));
}
