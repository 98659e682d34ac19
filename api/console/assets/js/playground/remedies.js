// What the operator can do about an error of a request, by its code.

import { h } from "../dom.js";

/** @type {Record<string, () => (string | Node)[]>} */
const REMEDIES = {
  insufficient_credits: () => ["Top the workspace up under ", h("a", { href: "#/keys" }, "Keys"), "."],
  workspace_locked: () => ["Unlock the workspace under ", h("a", { href: "#/keys" }, "Keys"), "."],
  provider_unavailable: () => ["Is there a key for a provider of this model? ", h("code", null, "hyperinfer check"), " says what is missing, ", h("code", null, "hyperinfer doctor"), " what cannot be reached."],
  provider_auth: () => ["The provider refused the gateway's own key or account: look at its variable, and at the account there."],
  provider_rate_limit: () => ["The provider lets in no more for now: wait, or give the model another route."],
  provider_overloaded: () => ["The provider has too much to do: try again, or give the model another route."],
  provider_timeout: () => ["The provider took too long: the tries of the request's record say which deadline ended it."],
  context_length_exceeded: () => ["Send less, or choose a model with a larger context under ", h("a", { href: "#/models" }, "Models"), "."],
  internal_error: () => ["The gateway's log says more under the id of the request (x-request-id, among the frames)."],
};

/**
 * @param {string} code
 * @returns {(string | Node)[]}
 */
export function remedy(code) {
  return Object.hasOwn(REMEDIES, code) ? REMEDIES[code]?.() ?? [] : [];
}
