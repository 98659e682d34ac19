// The form that makes a request: by fields, or as the raw body. What is in it is kept for this tab, so that a reload loses nothing.

import { h, put } from "../dom.js";
import { checkbox, field, segments, select } from "../parts/fields.js";
import { FORMATS, TOOLS, bodyOf } from "./bodies.js";

/** @typedef {import("./bodies.js").Wish} Wish */

const DRAFT = "hyperinfer-playground";
const EFFORTS = ["", "none", "minimal", "low", "medium", "high", "xhigh", "max"];

export class Composer {
  /**
   * @param {{ slug: string, name: string, available: boolean }[]} models
   * @param {{ id: string, name: string }[]} workspaces
   */
  constructor(models, workspaces) {
    const kept = draft();
    this.models = models;
    this.format = /** @type {import("./bodies.js").Format} */ (kept.format ?? "openai_chat");
    this.mode = kept.mode ?? "form";
    const first = models.find((model) => model.available) ?? models[0];
    const known = models.some((model) => model.slug === kept.model);
    this.workspace = select(workspaces.map(({ id, name }) => [id, name]), { name: "workspace" });
    if (workspaces.some(({ id }) => id === kept.workspace)) this.workspace.value = kept.workspace;
    this.model = h("select", { name: "model" },
      group("Can be called here", models.filter((model) => model.available)),
      group("No key of a provider here", models.filter((model) => !model.available)));
    this.model.value = known ? kept.model : first?.slug ?? "";
    this.message = h("textarea", { name: "message", rows: 4, value: kept.message ?? "Hello! What are you?" });
    this.system = h("textarea", { name: "system", rows: 2, value: kept.system ?? "" });
    this.maxTokens = h("input", { name: "max_tokens", type: "number", min: 1, step: 1, inputmode: "numeric", placeholder: "default", value: kept.maxTokens ?? "" });
    this.temperature = h("input", { name: "temperature", type: "number", min: 0, max: 2, step: 0.1, inputmode: "decimal", placeholder: "default", value: kept.temperature ?? "" });
    this.effort = select(EFFORTS.map((each) => [each, each || "default"]), { name: "effort", value: kept.effort ?? "" });
    this.stream = checkbox("Streamed", { name: "stream", checked: kept.stream ?? true });
    this.strict = checkbox("Strict: refuse rather than lose anything", { name: "strict", checked: kept.strict ?? false });
    this.tools = TOOLS.map((id) => ({ id, ...checkbox(id.replace("_", " "), { name: `tool-${id}`, checked: (kept.tools ?? []).includes(id) }) }));
    this.callable = checkbox("a function of yours (get_weather)", { name: "callable", checked: kept.callable ?? false });
    this.raw = h("textarea", { name: "raw", class: "code", rows: 18, spellcheck: "false", "aria-label": "Raw body, JSON", value: kept.raw ?? "" });
    this.wrong = h("p", { class: "wrong", role: "alert" });
    this.fields = h("div", { class: "stack tight" });
    this.element = h("div", { class: "stack tight", oninput: () => this.keep(), onchange: () => this.keep() });
    this.draw();
  }

  draw() {
    put(this.element,
      h("div", { class: "pair" }, field("Workspace", this.workspace), field("Model", this.model)),
      segments("The client's format", FORMATS.map(([value, label]) => [value, label]), this.format, (value) => {
        this.format = /** @type {import("./bodies.js").Format} */ (value);
        // A raw body is of one format: another one begins with what the form says.
        if (this.mode === "raw") this.raw.value = this.written();
        this.keep();
      }),
      segments("Written as", [["form", "Form"], ["raw", "Raw body"]], this.mode, (value) => this.turn(value)),
      this.fields);
    this.drawFields();
  }

  /** @param {string} mode */
  turn(mode) {
    if (mode === "raw") this.raw.value = this.written();
    this.mode = mode;
    this.drawFields();
    this.keep();
  }

  drawFields() {
    put(this.wrong);
    if (this.mode === "raw") {
      put(this.fields, h("div", { class: "field" }, this.raw, h("p", { class: "hint" }, "Sent as it stands here, under the chosen format. The form keeps what it said."), this.wrong), this.strict.element);
      return;
    }
    put(this.fields,
      field("Message", this.message),
      field("System prompt", this.system),
      h("div", { class: "trio" }, field("Max tokens", this.maxTokens), field("Temperature", this.temperature), field("Reasoning", this.effort)),
      h("fieldset", { class: "field" }, h("legend", null, "Tools"), h("div", { class: "checks" }, this.tools.map(({ element }) => element), this.callable.element)),
      h("div", { class: "checks" }, this.stream.element, this.strict.element),
      this.wrong);
  }

  /** @returns {Wish} */
  wish() {
    return {
      format: this.format,
      model: this.model.value,
      stream: this.stream.box.checked,
      system: this.system.value,
      message: this.message.value,
      maxTokens: numeral(this.maxTokens),
      temperature: numeral(this.temperature),
      effort: this.effort.value,
      tools: this.tools.filter(({ box }) => box.checked).map(({ id }) => id),
      toolEvents: true,
      callable: this.callable.box.checked,
    };
  }

  written() {
    return JSON.stringify(bodyOf(this.wish()), null, 2);
  }

  /** The body to send, or null where the raw one is not JSON, which is then said below it. */
  body() {
    put(this.wrong);
    this.raw.removeAttribute("aria-invalid");
    if (this.mode !== "raw") return bodyOf(this.wish());
    try {
      const body = JSON.parse(this.raw.value);
      if (body && typeof body === "object" && !Array.isArray(body)) return body;
      throw new SyntaxError("the body is to be an object");
    } catch (error) {
      this.raw.setAttribute("aria-invalid", "true");
      put(this.wrong, `This is not a JSON object: ${error instanceof Error ? error.message : error}`);
      this.raw.focus();
      return null;
    }
  }

  /** What the gateway is sent, once there is a body. A raw one stays as it is written: numbers keep all their digits. */
  asked() {
    const { workspace, format, strict, mode, raw } = this;
    const asked = { workspace: workspace.value, format, ...(strict.box.checked ? { headers: { "x-hyperinfer-strict": "true" } } : {}) };
    return `${JSON.stringify(asked).slice(0, -1)},"body":${mode === "raw" ? raw.value : JSON.stringify(bodyOf(this.wish()))}}`;
  }

  /** @param {{ id: string, name: string }[]} workspaces */
  offer(workspaces) {
    const chosen = this.workspace.value;
    put(this.workspace, workspaces.map(({ id, name }) => h("option", { value: id }, name)));
    if (workspaces.some(({ id }) => id === chosen)) this.workspace.value = chosen;
  }

  /** @param {string} slug */
  choose(slug) {
    if (this.models.some((model) => model.slug === slug)) {
      this.model.value = slug;
      if (this.mode === "raw") this.raw.value = this.written();
      this.keep();
    }
  }

  keep() {
    const { model, stream, system, message, effort, tools, callable } = this.wish();
    store(JSON.stringify({
      model, stream, system, message, effort, tools, callable, format: this.format, mode: this.mode, raw: this.raw.value,
      maxTokens: this.maxTokens.value, temperature: this.temperature.value, strict: this.strict.box.checked, workspace: this.workspace.value,
    }));
  }
}

/** Forgets what was written, as somebody else may sign in. */
export function forgetDraft() {
  store(null);
}

/**
 * @param {string} label
 * @param {{ slug: string }[]} models
 */
function group(label, models) {
  return models.length ? h("optgroup", { label }, models.map(({ slug }) => h("option", { value: slug }, slug))) : null;
}

/** @param {HTMLInputElement} input */
function numeral(input) {
  return input.value === "" || Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber;
}

/** @returns {Record<string, any>} */
function draft() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {string | null} text */
function store(text) {
  try {
    if (text === null) sessionStorage.removeItem(DRAFT);
    else sessionStorage.setItem(DRAFT, text);
  } catch {
    // Storage is switched off: it holds as long as the page does.
  }
}
