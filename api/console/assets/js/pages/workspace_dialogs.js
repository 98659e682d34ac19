// Making a workspace, and giving one credits.

import { post } from "../api.js";
import { exactUsd, microToUsd } from "../amounts.js";
import { h } from "../dom.js";
import { toast } from "../messages.js";
import { formParts, showDialog } from "../parts/dialogs.js";
import { field } from "../parts/fields.js";

/** @param {(made: { id: string }) => void} done */
export function createWorkspaceDialog(done) {
  const name = h("input", { name: "name", required: true, maxlength: 200, autocomplete: "off" });
  const credits = h("input", { name: "credits", value: "0", inputmode: "decimal", pattern: "\\d+(\\.\\d{1,12})?", title: "USD, such as 12.50", autocomplete: "off" });
  showDialog("New workspace", (close) => formParts([
    field("Name", name),
    field("Credits, USD", credits, "What its keys may spend in all. More can be added later."),
  ], { verb: "Make the workspace", close }, async () => {
    const made = await post("/workspaces", { name: name.value.trim(), credits: credits.value.trim() || "0" });
    close();
    toast("Made.");
    done(made);
  }));
}

/**
 * @param {{ id: string, name: string, balance_micro_usd: string }} workspace
 * @param {() => Promise<void>} changed
 */
export function topUpDialog(workspace, changed) {
  const amount = h("input", { name: "amount", required: true, inputmode: "decimal", pattern: "-?\\d+(\\.\\d{1,12})?", title: "USD, such as 12.50", autocomplete: "off" });
  showDialog(`Top up ${workspace.name}`, (close) => formParts([
    h("p", null, `It has ${exactUsd(microToUsd(workspace.balance_micro_usd))}.`),
    field("Amount, USD", amount, "A negative one takes credits away, at most what there is."),
  ], { verb: "Top up", close }, async () => {
    const now = await post(`/workspaces/${encodeURIComponent(workspace.id)}/topup`, { amount: amount.value.trim() });
    close();
    toast(`It has ${exactUsd(microToUsd(now.balance_micro_usd))} now.`);
    await changed();
  }));
}
