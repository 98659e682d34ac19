// Spend and tokens by day, split by model or key: plots, the same as a table, and as a file.

import { get } from "../api.js";
import { brief, count, exactUsd, usd, usdText, utcDay } from "../amounts.js";
import { h, put } from "../dom.js";
import { emptyNote, fillWith } from "../messages.js";
import { field, segments, select } from "../parts/fields.js";
import { stackedBars } from "../parts/plot.js";
import { tableOf } from "../parts/tables.js";
import { figure } from "../playground/summary.js";
import { pageHead } from "./head.js";
import { costOf, csv, daysBetween, grouped, ofDay, seriesOf, tokensOf } from "./usage_sums.js";

/** @type {[string, string][]} */
const RANGES = [["0", "Today"], ["6", "7 days"], ["29", "30 days"], ["89", "90 days"], ["other", "Other days"]];

export function usagePage() {
  const state = { since: utcDay(29), until: utcDay(0), split: "model", workspace: "" };
  const content = h("div", { class: "stack" });
  const filters = h("div");
  const page = h("div", null, pageHead("Usage", "What was spent, on the UTC day on which each request came."), filters, content);

  const load = async () => {
    const query = { since: state.since, until: state.until, workspace: state.workspace };
    const [usage, keys] = await Promise.all([get("/usage", { by: `day_${state.split}`, ...query }), state.split === "key" ? get("/keys", { workspace: state.workspace }) : null]);
    return { rows: usage.data.map(ofDay), total: usage.total, names: new Map((keys?.data ?? []).map((/** @type {any} */ key) => [key.id, key.name || `${key.prefix}…${key.last4}`])) };
  };
  const draw = () => fillWith(content, load, (found) => report(found, state));

  void fillWith(filters, () => get("/workspaces"), (workspaces) => {
    const since = h("input", { type: "date", value: state.since, max: state.until, onchange: () => choose({ since: since.value }) });
    const until = h("input", { type: "date", value: state.until, max: utcDay(0), onchange: () => choose({ until: until.value }) });
    const dates = [field("From", since), field("To", until)];
    for (const each of dates) each.hidden = true;
    const range = select(RANGES, { value: "29", onchange: () => {
      const other = range.value === "other";
      for (const each of dates) each.hidden = !other;
      if (!other) choose({ since: utcDay(Number(range.value)), until: utcDay(0) });
    } });
    const workspace = select([["", "All"], ...workspaces.data.map((/** @type {any} */ each) => [each.id, each.name])], { onchange: () => choose({ workspace: workspace.value }) });
    const choose = (/** @type {Partial<typeof state>} */ change) => {
      Object.assign(state, change);
      since.value = state.since;
      until.value = state.until;
      if (state.since && state.until) void draw();
    };
    return h("div", { class: "filters" }, field("Days", range), ...dates, field("Workspace", workspace),
      segments("Split by", [["model", "Model"], ["key", "Key"]], state.split, (split) => choose({ split })));
  }).then(draw);
  return page;
}

/**
 * @param {{ rows: import("./usage_sums.js").UsageRow[], total: import("./usage_sums.js").UsageRow, names: Map<string, string> }} found
 * @param {{ since: string, until: string, split: string }} state
 */
function report({ rows, total, names }, { since, until, split }) {
  if (!rows.length) return emptyNote("Nothing was used in these days", "Send a request, here or with a key, or look at other days.", h("a", { class: "button main", href: "#/playground" }, "To the playground"));
  const days = daysBetween(since, until);
  const name = (/** @type {string} */ group) => names.get(group) ?? group;
  const perDay = new Map(grouped(rows, (row) => row.day ?? "").map((each) => [each.group, each]));
  const groups = grouped(rows, (row) => row.group).sort((one, other) => (one.cost < other.cost ? 1 : one.cost > other.cost ? -1 : other.prompt + other.completion - one.prompt - one.completion));
  const order = groups.map((each) => each.group);
  const spend = seriesOf(rows, days, order, costOf, name);
  const tokens = seriesOf(rows, days, order, tokensOf, name);
  const free = groups.every((each) => each.cost === 0n);
  const totals = { group: "Total", requests: total.requests, prompt: total.tokens_prompt, completion: total.tokens_completion, cost: costOf(total) };
  return [
    h("section", { class: "card", "aria-label": "In all" }, h("dl", { class: "figures" },
      figure("Spent", usd(usdText(totals.cost))), figure("Requests", count(totals.requests)), figure("Prompt tokens", count(totals.prompt)), figure("Completion tokens", count(totals.completion)))),
    h("section", { class: "card" }, h("header", null, h("h2", null, "Spend by day")),
      free ? h("p", { class: "quiet" }, "All of it was free of charge.") : stackedBars({
        label: `USD spent by day, by ${split}`, days, axis: axisUsd,
        series: spend.map((each) => ({ name: each.name, values: each.sums.map((sum) => Number(sum) / 1e12), texts: each.sums.map((sum) => usd(usdText(sum))) })),
        totals: days.map((day) => usd(usdText(perDay.get(day)?.cost ?? 0n))),
      })),
    h("section", { class: "card" }, h("header", null, h("h2", null, "Tokens by day")), stackedBars({
      label: `Tokens by day, by ${split}`, days, axis: brief,
      series: tokens.map((each) => ({ name: each.name, values: each.sums.map(Number), texts: each.sums.map((sum) => count(Number(sum))) })),
      totals: days.map((day) => `${count((perDay.get(day)?.prompt ?? 0) + (perDay.get(day)?.completion ?? 0))} tokens`),
    })),
    h("section", { class: "card" },
      h("header", null, h("h2", null, split === "key" ? "By key" : "By model"), h("button", { type: "button", class: "button little", onclick: () => download(rows, name, split, since, until) }, "Download as CSV")),
      sumsTable(split === "key" ? "Key" : "Model", groups.map((each) => ({ ...each, group: name(each.group) })), totals)),
    h("section", { class: "card" }, h("header", null, h("h2", null, "By day")),
      sumsTable("Day", [...perDay.values()].sort((one, other) => (one.group < other.group ? 1 : -1)), totals)),
  ];
}

/** @param {number} value */
function axisUsd(value) {
  return value === 0 || value >= 1000 ? `$${brief(value)}` : `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 6 })}`;
}

/**
 * @typedef {{ group: string, requests: number, prompt: number, completion: number, cost: bigint }} Sums
 * @param {string} head
 * @param {Sums[]} rows
 * @param {Sums} total
 */
function sumsTable(head, rows, total) {
  return tableOf({
    caption: `Usage by ${head.toLowerCase()}`, rows, total, dense: true,
    columns: [
      { name: head, heads: true, of: (row) => row.group },
      { name: "Requests", numeric: true, of: (row) => count(row.requests) },
      { name: "Prompt", numeric: true, of: (row) => count(row.prompt) },
      { name: "Completion", numeric: true, of: (row) => count(row.completion) },
      { name: "Cost", numeric: true, of: (row) => exactUsd(usdText(row.cost)) },
    ],
  });
}

/**
 * @param {import("./usage_sums.js").UsageRow[]} rows
 * @param {(group: string) => string} name
 * @param {string} split
 * @param {string} since
 * @param {string} until
 */
function download(rows, name, split, since, until) {
  const text = csv([["day", split, "requests", "tokens_prompt", "tokens_completion", "cost_usd"],
    ...rows.map((row) => [row.day ?? "", name(row.group), String(row.requests), String(row.tokens_prompt), String(row.tokens_completion), usdText(costOf(row))])]);
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = h("a", { href: address, download: `usage-${since}-${until}.csv` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
