// One request: its arithmetic, what was lost on the way, what was tried, and what took how long.

import { get } from "../api.js";
import { count, exactUsd, microToUsd, moment, span } from "../amounts.js";
import { h } from "../dom.js";
import { fillWith } from "../messages.js";
import { copyButton } from "../parts/copying.js";
import { tableOf } from "../parts/tables.js";
import { waterfall } from "../parts/waterfall.js";
import { figure } from "../playground/summary.js";
import { pageHead } from "./head.js";
import { keyName, statusTag } from "./requests.js";

/** @type {Record<string, string>} */
const FORMATS = { chat_completions: "Chat Completions", responses: "Responses", anthropic_messages: "Messages" };

/** @param {string} id */
export function requestPage(id) {
  const content = h("div", { class: "stack" });
  void fillWith(content, () => get(`/requests/${encodeURIComponent(id)}`), whole);
  return h("div", null,
    h("p", { class: "small" }, h("a", { href: "#/requests" }, "← Requests")),
    pageHead("Request", "", copyButton(() => id, "Copy id")), content);
}

/** @param {any} record */
function whole(record) {
  const made = moment(record.created_at);
  return [
    h("section", { class: "card" },
      h("header", null, h("h2", { class: "mono" }, record.id), statusTag(record)),
      h("dl", { class: "figures" },
        figure("Came", made.text),
        figure("Model", record.model),
        figure("Answered by", record.provider || "–", record.upstream_model ?? ""),
        figure("Format", FORMATS[record.ingress_format] ?? record.ingress_format ?? "–", record.streamed ? "streamed" : "whole"),
        figure("Key", keyName(record), record.workspace.name ?? record.workspace.id),
        figure("Tokens", `${count(record.tokens_prompt)} + ${count(record.tokens_completion)}`, record.tokens_reasoning ? `${count(record.tokens_reasoning)} of them reasoning` : ""),
        figure("First token", span(record.first_token_ms)),
        figure("In all", span(record.latency_ms)),
        figure("Cost", exactUsd(record.cost)),
        figure("Ended", record.finish_reason ?? record.error_code ?? record.status))),
    h("section", { class: "card" }, h("header", null, h("h2", null, "What took how long")),
      record.waterfall?.length ? waterfall(record.waterfall, record.latency_ms) : h("p", { class: "quiet" }, "Nothing is known of it.")),
    h("section", { class: "card" }, h("header", null, h("h2", null, "Arithmetic"), record.estimated ? h("span", { class: "tag warn" }, "tokens estimated") : null), arithmetic(record)),
    h("section", { class: "card" }, h("header", null, h("h2", null, "Provider calls")), attempts(record.attempts)),
    h("section", { class: "card" }, h("header", null, h("h2", null, "Losses")), losses(record.losses)),
  ];
}

/** @param {any} record */
function arithmetic(record) {
  if (!record.lines.length) return h("p", { class: "quiet" }, "Nothing was billed.");
  const total = { bucket: "Total", tokens: null, price_micro_usd: null, cost_micro_usd: record.cost_micro_usd };
  return tableOf({
    caption: "What was billed", rows: record.lines, total,
    columns: [
      { name: "What", heads: true, of: (line) => line.bucket.replaceAll("_", " ") },
      { name: "Units", numeric: true, of: (line) => (line.tokens === null ? "" : count(line.tokens)) },
      { name: "Price of one", numeric: true, of: (line) => (line.price_micro_usd === null ? "" : exactUsd(microToUsd(line.price_micro_usd))) },
      { name: "Cost", numeric: true, of: (line) => exactUsd(microToUsd(line.cost_micro_usd)) },
    ],
  });
}

/** @param {any[]} rows */
function attempts(rows) {
  if (!rows.length) return h("p", { class: "quiet" }, "No provider was asked.");
  return tableOf({
    caption: "Calls of providers, in order", rows,
    columns: [
      { name: "Provider", heads: true, of: (row) => row.provider },
      { name: "Model there", of: (row) => row.model },
      { name: "Status", of: (row) => h("span", { class: row.code ? "tag bad" : "tag good" }, row.code ?? String(row.status ?? "–")) },
      { name: "Chosen by", of: (row) => row.chosen_by ?? "" },
      { name: "Took", numeric: true, of: (row) => span(row.ms) },
    ],
  });
}

/** @param {{ path: string, reason: string }[]} rows */
function losses(rows) {
  if (!rows.length) return h("p", { class: "quiet" }, "Nothing was lost: all of the request reached the provider.");
  return tableOf({
    caption: "What could not be carried", rows,
    columns: [{ name: "Field", heads: true, of: (row) => h("code", null, row.path) }, { name: "Why", wide: true, of: (row) => row.reason }],
  });
}
