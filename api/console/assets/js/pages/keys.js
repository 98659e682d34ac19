// Workspaces and their keys: who pays, and who may call.

import { get, post } from "../api.js";
import { count, exactUsd, microToUsd, moment, usd, utcDay } from "../amounts.js";
import { h, put } from "../dom.js";
import { emptyNote, fillWith, toast } from "../messages.js";
import { confirmDialog } from "../parts/dialogs.js";
import { field, select } from "../parts/fields.js";
import { tableOf } from "../parts/tables.js";
import { pageHead } from "./head.js";
import { createKeyDialog } from "./key_dialogs.js";
import { createWorkspaceDialog, topUpDialog } from "./workspace_dialogs.js";

/** @typedef {{ id: string, name: string, locked: boolean, balance: string, balance_micro_usd: string, created_at: string }} Workspace */

/** @param {import("../main.js").Address} address */
export function keysPage(address) {
  let chosen = address.query.get("workspace") ?? "";
  const content = h("div", { class: "stack" });
  const load = async () => {
    /** @type {Workspace[]} */
    const workspaces = (await get("/workspaces")).data;
    const workspace = workspaces.find(({ id }) => id === chosen) ?? workspaces[0];
    if (!workspace) return null;
    const today = utcDay(0);
    const query = { workspace: workspace.id };
    const [keys, month] = await Promise.all([get("/keys", query), get("/usage", { by: "key", ...query, since: `${today.slice(0, 8)}01`, until: today })]);
    const spent = new Map(month.data.map((/** @type {any} */ row) => [row.group, microToUsd(row.cost_micro_usd)]));
    return { workspaces, workspace, keys: keys.data, spent };
  };
  const draw = () => fillWith(content, load, (found) => {
    if (!found) return emptyNote("There is no workspace yet", "A workspace has the credits that its keys spend.", h("button", { type: "button", class: "button main", onclick: create }, "Make a workspace"));
    return [workspaceCard(found, choose, draw), keysCard(found, draw)];
  });
  const choose = (/** @type {string} */ id) => {
    chosen = id;
    history.replaceState(null, "", `#/keys?workspace=${encodeURIComponent(id)}`);
    void draw();
  };
  const create = () => createWorkspaceDialog((made) => choose(made.id));
  void draw();
  return h("div", null, pageHead("Keys", "Keys let clients in, and spend the credits of their workspace.",
    h("button", { type: "button", class: "button", onclick: create }, "New workspace")), content);
}

/**
 * @typedef {{ workspaces: Workspace[], workspace: Workspace, keys: any[], spent: Map<string, string> }} Found
 * @param {Found} found
 * @param {(id: string) => void} choose
 * @param {() => Promise<void>} changed
 */
function workspaceCard({ workspaces, workspace }, choose, changed) {
  const chooser = select(workspaces.map(({ id, name }) => [id, name]), { value: workspace.id, onchange: () => choose(chooser.value) });
  const balance = microToUsd(workspace.balance_micro_usd);
  const path = `/workspaces/${encodeURIComponent(workspace.id)}`;
  const lock = () => confirmDialog({
    title: `Lock ${workspace.name}?`, verb: "Lock", text: "From the next request none of its keys is let in. Requests that run are finished. It can be unlocked at any time.",
  }, async () => {
    await post(`${path}/lock`);
    toast("Locked.");
    await changed();
  });
  const unlock = async () => {
    await post(`${path}/unlock`);
    toast("Unlocked.");
    await changed();
  };
  return h("section", { class: "card workspace", "aria-label": "Workspace" },
    h("div", { class: "row spread" },
      field("Workspace", chooser),
      h("dl", { class: "figures" }, h("div", null, h("dt", null, "Credits left"), h("dd", { title: exactUsd(balance) }, usd(balance), workspace.locked ? h("span", { class: "tag warn" }, "locked") : null))),
      h("div", { class: "row-actions" },
        h("button", { type: "button", class: "button", onclick: () => topUpDialog(workspace, changed) }, "Top up"),
        workspace.locked
          ? h("button", { type: "button", class: "button", onclick: () => void unlock().catch((error) => toast(error.message)) }, "Unlock")
          : h("button", { type: "button", class: "button", onclick: lock }, "Lock"))));
}

/**
 * @param {Found} found
 * @param {() => Promise<void>} changed
 */
function keysCard({ workspace, keys, spent }, changed) {
  const place = h("div");
  let gone = false;
  const kept = keys.filter((key) => key.status !== "revoked");
  const draw = () => {
    const rows = gone ? keys : kept;
    put(place, rows.length ? table(rows, spent, changed) : emptyNote("No key yet", "Make one, and give it to a client. It is shown once."));
  };
  const toggle = h("button", { type: "button", class: "button light little", hidden: kept.length === keys.length, "aria-pressed": "false", onclick: () => {
    gone = !gone;
    toggle.setAttribute("aria-pressed", String(gone));
    put(toggle, gone ? "Hide revoked keys" : `Show ${keys.length - kept.length} revoked`);
    draw();
  } }, `Show ${keys.length - kept.length} revoked`);
  draw();
  return h("section", { class: "card", "aria-label": `Keys of ${workspace.name}` },
    h("header", null, h("h2", null, "Keys"), h("div", { class: "row-actions" }, toggle,
      h("button", { type: "button", class: "button main", onclick: () => createKeyDialog(workspace, changed) }, "New key"))),
    place);
}

/**
 * @param {any[]} rows
 * @param {Map<string, string>} spent
 * @param {() => Promise<void>} changed
 */
function table(rows, spent, changed) {
  return tableOf({
    caption: "Keys of the workspace", rows,
    columns: [
      { name: "Key", heads: true, of: (key) => [key.name || "(no name)", h("span", { class: "sub mono" }, `${key.prefix}…${key.last4}`), h("span", { class: "sub" }, `made ${moment(key.created_at).text}`)] },
      { name: "Status", of: (key) => h("span", { class: `tag ${{ active: "good", revoked: "bad", expired: "bad", disabled: "warn" }[/** @type {string} */ (key.status)] ?? ""}` }, key.status) },
      { name: "This month", numeric: true, of: (key) => usd(spent.get(key.id) ?? "0") },
      { name: "Limits", of: (key) => list(limits(key)) },
      { name: "Models", of: (key) => (key.models === null ? "all" : h("span", null, key.models.map((/** @type {string} */ model) => h("span", { class: "sub mono" }, model)))) },
      { name: "", of: (key) => actions(key, changed) },
    ],
  });
}

/** @param {string[]} lines */
function list(lines) {
  return lines.length ? h("span", null, lines.map((line) => h("span", { class: "sub" }, line))) : "none of its own";
}

/** @param {any} key */
function limits(key) {
  return [
    key.limit_daily !== null && `${usd(key.limit_daily)} a day`,
    key.limit_monthly !== null && `${usd(key.limit_monthly)} a month`,
    key.limit_total !== null && `${usd(key.limit_total)} in all`,
    key.rate_per_minute !== null && `${count(key.rate_per_minute)} requests a minute`,
    key.burst !== null && `bursts of ${count(key.burst)}`,
    key.expires_at !== null && `until ${moment(key.expires_at).text}`,
  ].filter((line) => line !== false);
}

/**
 * @param {any} key
 * @param {() => Promise<void>} changed
 */
function actions(key, changed) {
  if (key.status === "revoked") return h("span", { class: "sub" }, key.revoked_at ? moment(key.revoked_at).text : "");
  const name = key.name || key.prefix;
  const path = `/keys/${encodeURIComponent(key.id)}`;
  const doing = (/** @type {string} */ verb, /** @type {string} */ done) => async () => {
    await post(`${path}/${verb}`);
    toast(done);
    await changed();
  };
  const disable = () => confirmDialog({ title: `Disable ${name}?`, verb: "Disable", text: "From the next request it is not let in. It can be enabled again." }, doing("disable", "Disabled."));
  const revoke = () => confirmDialog({ title: `Revoke ${name}?`, verb: "Revoke for good", text: "From the next request it is not let in, and that can never be undone. Whoever uses it needs another." }, doing("revoke", "Revoked."));
  return h("div", { class: "row-actions" },
    key.enabled
      ? h("button", { type: "button", class: "button little", "aria-label": `Disable ${name}`, onclick: disable }, "Disable")
      : h("button", { type: "button", class: "button little", "aria-label": `Enable ${name}`, onclick: () => void doing("enable", "Enabled.")().catch((error) => toast(error.message)) }, "Enable"),
    h("button", { type: "button", class: "button little bad", "aria-label": `Revoke ${name}`, onclick: revoke }, "Revoke"));
}
