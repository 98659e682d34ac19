// Recent requests, newest first.

import { get } from "../api.js";
import { count, exactUsd, moment, span, usd } from "../amounts.js";
import { h, put } from "../dom.js";
import { emptyNote, errorNote, fillWith } from "../messages.js";
import { field, select } from "../parts/fields.js";
import { tableOf } from "../parts/tables.js";
import { pageHead } from "./head.js";

const PAGE = 50;
const FILTERS = ["workspace", "key", "model", "status"];
/** @type {[string, string][]} */
const STATUSES = [["", "Any"], ["completed", "Completed"], ["incomplete", "Incomplete"], ["failed,interrupted", "Errors"], ["cancelled", "Cancelled"], ["pending", "Pending"]];

/** @param {import("../main.js").Address} address */
export function requestsPage(address) {
  /** @type {Record<string, string>} */
  const asked = Object.fromEntries(FILTERS.map((name) => [name, address.query.get(name) ?? ""]));
  const list = h("div", { class: "stack" });
  const draw = () => fillWith(list, () => get("/requests", { ...asked, limit: PAGE }), (found) => (found.data.length || found.next ? pages(found, asked) : nothing(asked)));
  const filters = h("div");
  void fillWith(filters, () => Promise.all([get("/workspaces"), get("/keys"), get("/models")]), ([workspaces, keys, models]) => {
    const choice = (/** @type {string} */ name, /** @type {[string, string][]} */ options) => {
      const element = select(options, { name, value: asked[name], onchange: () => {
        asked[name] = element.value;
        remember(asked);
        void draw();
      } });
      return element;
    };
    return h("div", { class: "filters" },
      field("Workspace", choice("workspace", [["", "All"], ...workspaces.data.map((/** @type {any} */ each) => [each.id, each.name])])),
      field("Key", choice("key", [["", "All"], ...keys.data.map((/** @type {any} */ each) => [each.id, each.name || `${each.prefix}…${each.last4}`])])),
      field("Model", choice("model", [["", "All"], ...models.data.map((/** @type {any} */ each) => [each.slug, each.slug])])),
      field("Status", choice("status", STATUSES)));
  });
  void draw();
  return h("div", null, pageHead("Requests", "Newest first. Each opens to what it cost, what was tried and what took how long.",
    h("button", { type: "button", class: "button", onclick: () => void draw() }, "Refresh")), filters, list);
}

/**
 * The filters in the address, so that going back finds them again.
 * @param {Record<string, string>} asked
 */
function remember(asked) {
  const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value)).toString();
  history.replaceState(null, "", query ? `#/requests?${query}` : "#/requests");
}

/** @param {Record<string, string>} asked */
function nothing(asked) {
  if (Object.values(asked).some(Boolean)) return emptyNote("No request matches", "Take a filter away.");
  return emptyNote("No request yet", "Send one from the playground, or with a key from any client.", h("a", { class: "button main", href: "#/playground" }, "To the playground"));
}

/**
 * @param {{ data: any[], next?: string | null }} first
 * @param {Record<string, string>} asked
 */
function pages(first, asked) {
  const rows = [...first.data];
  let next = first.next;
  const place = h("div");
  const wrong = h("div");
  const more = h("button", { type: "button", class: "button", onclick: () => void older() }, "Older");
  const draw = () => {
    // What is rare is looked for a while at a time.
    put(place, rows.length ? table(rows) : emptyNote("None among the latest", "“Older” looks further back."));
    more.hidden = !next;
  };
  const older = async () => {
    more.disabled = true;
    put(wrong);
    try {
      const found = await get("/requests", { ...asked, limit: PAGE, before: next });
      const at = rows.length;
      rows.push(...found.data);
      next = found.next;
      draw();
      /** @type {HTMLElement | undefined} */ ([.../** @type {NodeListOf<HTMLElement>} */ (place.querySelectorAll("tbody a"))][at])?.focus();
    } catch (error) {
      put(wrong, errorNote(error));
    } finally {
      more.disabled = false;
    }
  };
  draw();
  return [place, wrong, h("div", { class: "row" }, more)];
}

/** @param {any[]} rows */
function table(rows) {
  return tableOf({
    caption: "Requests, newest first", rows, leads: true,
    columns: [
      { name: "Request", heads: true, of: (row) => {
        const { text, exact } = moment(row.created_at);
        return h("a", { class: "nowrap", href: `#/requests/${encodeURIComponent(row.id)}`, title: `${exact}, ${row.id}` }, text);
      } },
      { name: "Model", of: (row) => h("span", null, row.model, row.provider ? h("span", { class: "sub" }, `by ${row.provider}`) : null) },
      { name: "Key", of: (row) => h("span", null, keyName(row), h("span", { class: "sub" }, row.workspace.name ?? row.workspace.id)) },
      { name: "Status", of: (row) => statusTag(row) },
      { name: "Tokens", numeric: true, of: (row) => `${count(row.tokens_prompt ?? 0)} + ${count(row.tokens_completion ?? 0)}` },
      { name: "First token", numeric: true, of: (row) => span(row.first_token_ms) },
      { name: "In all", numeric: true, of: (row) => span(row.latency_ms) },
      { name: "Cost", numeric: true, of: (row) => h("span", { title: exactUsd(row.cost) }, usd(row.cost)) },
    ],
  });
}

/**
 * @param {{ source: string, key: { id: string, name: string | null, prefix: string | null, last4: string | null } }} row
 */
export function keyName({ source, key }) {
  if (source === "playground") return "playground";
  return key.name || (key.prefix ? `${key.prefix}…${key.last4}` : key.id);
}

/** @param {any} row */
export function statusTag(row) {
  const kind = { completed: "good", failed: "bad", cancelled: "warn", incomplete: "warn", interrupted: "warn", pending: "" }[/** @type {string} */ (row.status)] ?? "";
  return h("span", { class: `tag ${kind}` }, row.error_code ?? row.status);
}
