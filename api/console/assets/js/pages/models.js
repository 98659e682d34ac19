// The catalogue: what can be called, for how much, and what it can do.

import { get } from "../api.js";
import { brief, exactUsd, usd } from "../amounts.js";
import { h, put } from "../dom.js";
import { emptyNote, fillWith } from "../messages.js";
import { checkbox, field, select } from "../parts/fields.js";
import { tableOf } from "../parts/tables.js";
import { pageHead } from "./head.js";

/**
 * @typedef {object} Model
 * @property {string} slug
 * @property {string} name
 * @property {string} description
 * @property {{ slug: string, name: string }} provider
 * @property {boolean} available
 * @property {string} release_date
 * @property {number} context_length
 * @property {number} max_output_tokens
 * @property {Record<string, number>} pricing USD for a million tokens
 * @property {string[]} features
 * @property {{ label: string, score: number, unit?: string, mode?: string, source_url?: string }[]} benchmarks
 */

/** @type {Record<string, (model: Model) => string | number>} */
const ORDERS = {
  name: (model) => model.name.toLowerCase(),
  prompt: (model) => model.pricing.prompt ?? 0,
  completion: (model) => model.pricing.completion ?? 0,
  context: (model) => model.context_length,
  released: (model) => model.release_date,
};

export function modelsPage() {
  const list = h("div");
  const page = h("div", null, pageHead("Models", "Everything in the catalogue. Prices are USD for a million tokens."), list);
  void fillWith(list, () => get("/models"), (found) => browser(found.data));
  return page;
}

/** @param {Model[]} models */
function browser(models) {
  const features = [...new Set(models.flatMap((model) => model.features))].sort();
  const order = { by: "name", down: false };
  const search = h("input", { type: "search", placeholder: "Name, maker or slug", oninput: () => draw() });
  const feature = select([["", "Any"], .../** @type {[string, string][]} */ (features.map((each) => [each, spoken(each)]))], { onchange: () => draw() });
  const sorting = select([["name", "Name"], ["prompt", "Prompt price"], ["completion", "Completion price"], ["context", "Context"], ["released", "Newest"]], { onchange: () => {
    choose(sorting.value, sorting.value === "context" || sorting.value === "released");
  } });
  const { box: available, element: availableLabel } = checkbox("Only what can be called here", { onchange: () => draw() });
  const count = h("p", { class: "small quiet", role: "status" });
  const list = h("div");

  /** @param {string} by @param {boolean} down */
  const choose = (by, down) => {
    order.by = by;
    order.down = down;
    sorting.value = by;
    draw();
  };

  const draw = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = models.filter((model) => {
      const text = `${model.slug} ${model.name} ${model.provider.name}`.toLowerCase();
      return words.every((word) => text.includes(word)) && (!feature.value || model.features.includes(feature.value)) && (!available.checked || model.available);
    });
    const key = ORDERS[order.by] ?? (() => 0);
    shown.sort((one, other) => {
      const [a, b] = [key(one), key(other)];
      return (a < b ? -1 : a > b ? 1 : 0) * (order.down ? -1 : 1);
    });
    put(count, `${shown.length} of ${models.length} models`);
    put(list, shown.length ? table(shown, { ...order, choose: (by) => choose(by, by === order.by ? !order.down : false) }) : emptyNote("No model matches", "Search for less, or take a filter away."));
  };

  draw();
  return h("div", { class: "stack" },
    h("div", null,
      h("div", { class: "filters" }, field("Search", search), field("Can do", feature), field("Sort by", sorting), availableLabel),
      count),
    list);
}

/**
 * @param {Model[]} models
 * @param {{ by: string, down: boolean, choose: (by: string) => void }} order
 */
function table(models, order) {
  return tableOf({
    caption: "Models of the catalogue",
    order,
    rows: models,
    columns: [
      { name: "Model", heads: true, sort: "name", of: named },
      { name: "Prompt", numeric: true, sort: "prompt", of: (model) => price(model.pricing.prompt) },
      { name: "Cached", numeric: true, of: (model) => price(model.pricing.cached_prompt) },
      { name: "Completion", numeric: true, sort: "completion", of: (model) => price(model.pricing.completion) },
      { name: "Context", numeric: true, sort: "context", of: context },
      { name: "Can do", of: (model) => h("span", null, model.features.filter((each) => each !== "streaming").map(spoken).join(", ") || "–", model.benchmarks.slice(0, 3).map(benchmark)) },
      { name: "", of: (model) => (model.available ? h("a", { class: "button little", href: `#/playground?model=${encodeURIComponent(model.slug)}`, "aria-label": `Try ${model.name}` }, "Try") : h("span", { class: "tag warn", title: "None of its providers has a key here: hyperinfer check says which variable is missing" }, "No key here")) },
    ],
  });
}

/** @param {Model} model */
function named(model) {
  return [
    h("span", { title: model.description }, model.name),
    h("span", { class: "sub mono" }, model.slug),
    model.release_date ? h("span", { class: "sub" }, `${model.provider.name}, ${model.release_date}`) : h("span", { class: "sub" }, model.provider.name),
  ];
}

/** @param {Model} model */
function context(model) {
  return h("span", null, brief(model.context_length), model.max_output_tokens ? h("span", { class: "sub" }, `${brief(model.max_output_tokens)} out`) : null);
}

/** @param {number | undefined} amount */
function price(amount) {
  if (amount === undefined) return "–";
  return amount === 0 ? "free" : h("span", { title: exactUsd(amount) }, usd(amount));
}

/** @param {Model["benchmarks"][number]} score */
function benchmark(score) {
  const text = `${score.label}${score.mode ? ` (${score.mode})` : ""} ${score.score}${score.unit ?? ""}`;
  return h("span", { class: "sub" }, score.source_url ? h("a", { href: score.source_url, rel: "noreferrer", target: "_blank" }, text) : text);
}

/** @param {string} feature */
function spoken(feature) {
  return feature.replaceAll("_", " ").replace("json mode", "JSON");
}
