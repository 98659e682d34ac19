// What a request came to, once it is over: from the answer at once, from the gateway's record as soon as that is kept.

import { Refused, get } from "../api.js";
import { count, exactUsd, span } from "../amounts.js";
import { h, put } from "../dom.js";

const TRIES = 8;
const BETWEEN = 250;

export class Summary {
  constructor() {
    this.element = h("section", { class: "card", "aria-label": "Summary", hidden: true });
    this.turn = 0;
  }

  clear() {
    this.turn += 1;
    this.element.hidden = true;
    put(this.element);
  }

  /**
   * @param {import("./answer.js").Answer} answer
   * @param {{ request_id?: string, status?: string | number, seconds: number, first: number | null, recorded: boolean }} end
   */
  async show(answer, end) {
    this.turn += 1;
    const turn = this.turn;
    this.element.hidden = false;
    this.draw(answer, end, null);
    if (!end.request_id || !end.recorded) return;
    const record = await this.record(end.request_id, turn);
    if (record && turn === this.turn) this.draw(answer, end, record);
  }

  /**
   * The record is kept moments after the last byte.
   * @param {string} id
   * @param {number} turn
   */
  async record(id, turn) {
    for (let tried = 0; tried < TRIES && turn === this.turn; tried += 1) {
      try {
        const record = await get(`/requests/${encodeURIComponent(id)}`);
        if (record.status !== "pending") return record;
      } catch (error) {
        if (!(error instanceof Refused) || error.status !== 404) return null;
      }
      await new Promise((resolve) => setTimeout(resolve, BETWEEN));
    }
    return null;
  }

  /**
   * @param {import("./answer.js").Answer} answer
   * @param {{ request_id?: string, status?: string | number, seconds: number, first: number | null, recorded: boolean }} end
   * @param {any} record
   */
  draw(answer, end, record) {
    const usage = answer.usage;
    const first = record?.first_token_ms ?? (end.first === null ? null : end.first * 1000);
    const cost = record ? record.cost : usage?.cost ?? null;
    const input = record?.tokens_prompt ?? usage?.input;
    const output = record?.tokens_completion ?? usage?.output;
    const reasoning = record?.tokens_reasoning ?? usage?.reasoning ?? 0;
    const losses = record?.losses ?? null;
    put(this.element,
      h("header", null, h("h2", null, "What it came to"), end.request_id && record ? h("a", { href: `#/requests/${encodeURIComponent(end.request_id)}` }, "The whole record") : null),
      h("dl", { class: "figures" },
        figure("Outcome", record?.error_code ?? record?.status ?? (answer.failed || answer.reason || String(end.status ?? "–")), record?.finish_reason ?? answer.reason),
        figure("First token", span(first)),
        figure("In all", span(end.seconds * 1000)),
        figure("Tokens", input === undefined ? "–" : `${count(input)} + ${count(output ?? 0)}`, reasoning ? `${count(reasoning)} of them reasoning` : ""),
        figure("Cost", cost === null ? "–" : exactUsd(cost)),
        figure("Losses", losses ? count(losses.length) : "–"),
        figure("Provider calls", record ? count(record.attempts.length) : "–")),
      losses?.length ? h("ul", { class: "losses" }, losses.map((/** @type {{ path: string, reason: string }} */ loss) => h("li", null, h("code", null, loss.path), " ", loss.reason))) : null);
  }
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string} [more]
 */
export function figure(name, value, more = "") {
  return h("div", null, h("dt", null, name), h("dd", null, value, more && more !== value ? h("small", null, more) : null));
}
