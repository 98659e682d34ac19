// Tables with headers; on a phone each row becomes a card, and stays a row for screen readers.

import { h } from "../dom.js";

/**
 * @template T
 * @typedef {object} Column
 * @property {string} name
 * @property {(row: T) => import("../dom.js").Child | import("../dom.js").Child[]} of
 * @property {boolean} [numeric]
 * @property {boolean} [heads] whether it names the row
 * @property {boolean} [wide] on a card, without its name, over the whole width
 * @property {string} [sort] what is told to `sorted` when its header is pressed
 */

/**
 * @template T
 * @param {object} table
 * @param {string} table.caption
 * @param {Column<T>[]} table.columns
 * @param {T[]} table.rows
 * @param {T} [table.total]
 * @param {{ by: string, down: boolean, choose: (by: string) => void }} [table.order]
 * @param {boolean} [table.leads] whether rows lead somewhere
 * @param {boolean} [table.dense] many short rows: they stay rows on a phone, and the box scrolls
 */
export function tableOf({ caption, columns, rows, total, order, leads = false, dense = false }) {
  return h("div", dense ? { class: "table-box", tabindex: 0, role: "group", "aria-label": caption } : { class: "table-box cards" },
    h("table", { role: "table" },
      h("caption", null, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((column) => header(column, order)))),
      h("tbody", { role: "rowgroup" }, rows.map((row) => h("tr", { role: "row", class: leads && "leads" }, columns.map((column) => cell(column, row))))),
      total === undefined ? null : h("tfoot", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((column) => cell(column, total))))));
}

/**
 * @template T
 * @param {Column<T>} column
 * @param {{ by: string, down: boolean, choose: (by: string) => void } | undefined} order
 */
function header(column, order) {
  const by = column.sort;
  const sorted = order && by === order.by ? (order.down ? "descending" : "ascending") : null;
  const name = by && order ? h("button", { type: "button", onclick: () => order.choose(by) }, column.name) : column.name || h("span", { class: "unseen" }, "Actions");
  return h("th", { role: "columnheader", scope: "col", class: column.numeric && "num", "aria-sort": sorted }, name);
}

/**
 * @template T
 * @param {Column<T>} column
 * @param {T} row
 */
function cell(column, row) {
  const content = column.of(row);
  if (column.heads) return h("th", { role: "rowheader", scope: "row" }, content);
  const bare = content === null || content === undefined || content === "";
  const names = [column.numeric && "num", column.wide && "wide", bare && "bare"].filter(Boolean).join(" ");
  return h("td", { role: "cell", class: names || null, "data-label": column.wide ? null : column.name }, content);
}
