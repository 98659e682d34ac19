// Rows of usage put together for plots and tables, in exact units.

import { microToUsd, pico } from "../amounts.js";

/**
 * @typedef {object} UsageRow
 * @property {string} group
 * @property {string} [day]
 * @property {number} requests
 * @property {number} tokens_prompt
 * @property {number} tokens_completion
 * @property {string} cost_micro_usd
 */

const SERIES = 6;
const DAY = 86_400_000;

/**
 * A sum of a day: its group is the day, a space, and of what.
 * @param {UsageRow} row
 * @returns {UsageRow}
 */
export function ofDay(row) {
  const [day = "", ...rest] = row.group.split(" ");
  return { ...row, day, group: rest.join(" ") };
}

/**
 * All days from one to another, both included.
 * @param {string} since
 * @param {string} until
 */
export function daysBetween(since, until) {
  const days = [];
  for (let at = Date.parse(`${since}T00:00:00Z`); at <= Date.parse(`${until}T00:00:00Z`) && days.length < 800; at += DAY) days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

/**
 * What each group came to on each day; those beyond the first six together. Plots of one order have one colour for each group.
 * @param {UsageRow[]} rows with their days
 * @param {string[]} days
 * @param {string[]} order the groups, the largest first
 * @param {(row: UsageRow) => bigint} size
 * @param {(group: string) => string} name
 * @returns {{ name: string, sums: bigint[] }[]}
 */
export function seriesOf(rows, days, order, size, name) {
  const place = new Map(days.map((day, at) => [day, at]));
  /** @type {Map<string, bigint[]>} */
  const found = new Map();
  for (const row of rows) {
    const at = place.get(row.day ?? row.group);
    if (at === undefined) continue;
    const sums = found.get(row.group) ?? days.map(() => 0n);
    sums[at] = (sums[at] ?? 0n) + size(row);
    found.set(row.group, sums);
  }
  const sorted = [...found].sort(([one], [other]) => order.indexOf(one) - order.indexOf(other));
  const series = sorted.slice(0, SERIES).map(([group, sums]) => ({ name: name(group), sums }));
  const rest = sorted.slice(SERIES);
  if (rest.length) series.push({ name: `${rest.length} others`, sums: days.map((_, at) => rest.reduce((one, [, sums]) => one + (sums[at] ?? 0n), 0n)) });
  return series;
}

/**
 * Rows with the same group put together, the dearest first.
 * @param {UsageRow[]} rows
 * @param {(row: UsageRow) => string} group
 */
export function grouped(rows, group) {
  /** @type {Map<string, { group: string, requests: number, prompt: number, completion: number, cost: bigint }>} */
  const found = new Map();
  for (const row of rows) {
    const key = group(row);
    const sums = found.get(key) ?? { group: key, requests: 0, prompt: 0, completion: 0, cost: 0n };
    sums.requests += row.requests;
    sums.prompt += row.tokens_prompt;
    sums.completion += row.tokens_completion;
    sums.cost += costOf(row);
    found.set(key, sums);
  }
  return [...found.values()];
}

/** @param {UsageRow} row */
export function costOf(row) {
  return pico(microToUsd(row.cost_micro_usd));
}

/** @param {UsageRow} row */
export function tokensOf(row) {
  return BigInt(row.tokens_prompt + row.tokens_completion);
}

/**
 * Text with commas, for spreadsheets. What would be taken for a formula there begins with an apostrophe.
 * @param {string[][]} rows
 */
export function csv(rows) {
  const safe = (/** @type {string} */ cell) => (/^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(cell) && Number.isNaN(Number(cell)) ? `'${cell}` : cell);
  return rows.map((row) => row.map((cell) => (/[",;\t\r\n]/.test(safe(cell)) ? `"${safe(cell).replaceAll('"', '""')}"` : safe(cell))).join(",")).join("\r\n") + "\r\n";
}
