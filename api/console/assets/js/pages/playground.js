// The playground: one request, watched as text, as frames and as a picture of the pipeline.

import { get, open } from "../api.js";
import { span } from "../amounts.js";
import { h, put } from "../dom.js";
import { emptyNote, errorNote, fillWith } from "../messages.js";
import { segments } from "../parts/fields.js";
import { Answer } from "../playground/answer.js";
import { showCode } from "../playground/code_dialog.js";
import { Composer, forgetDraft } from "../playground/composer.js";
import { Framing, textOf } from "../playground/frames.js";
import { readLines } from "../playground/lines.js";
import { Picture } from "../playground/picture.js";
import { Raw } from "../playground/raw.js";
import { Replay } from "../playground/replay.js";
import { Summary } from "../playground/summary.js";
import { Timings } from "../playground/timings.js";
import { pageHead } from "./head.js";

export function playgroundPage() {
  const place = h("div");
  const page = h("div", null, pageHead("Playground", "Send a request as any client would, and watch what becomes of it."), place);
  /** @type {Bench | null} */
  let bench = null;
  let wanted = "";
  const load = async () => Promise.all([get("/models"), get("/workspaces")]);
  void fillWith(place, load, ([models, workspaces]) => {
    if (!workspaces.data.length) return emptyNote("There is no workspace yet", "A request is paid for by a workspace. Make one first.", h("a", { class: "button main", href: "#/keys" }, "Make a workspace"));
    bench = new Bench(models.data, workspaces.data);
    if (wanted) bench.composer.choose(wanted);
    return bench.element;
  });
  page.addEventListener("shown", (event) => {
    wanted = /** @type {CustomEvent<URLSearchParams>} */ (event).detail.get("model") ?? "";
    if (wanted) bench?.composer.choose(wanted);
    // Others may have been made on the page that the reader comes from.
    if (bench) void get("/workspaces").then((found) => bench?.composer.offer(found.data), () => undefined);
  });
  page.addEventListener("leaving", () => {
    bench?.stop();
    forgetDraft();
  });
  return page;
}

class Bench {
  /**
   * @param {any[]} models
   * @param {any[]} workspaces
   */
  constructor(models, workspaces) {
    this.composer = new Composer(models, workspaces);
    this.picture = new Picture();
    this.replay = new Replay(this.picture);
    this.answer = new Answer();
    this.raw = new Raw();
    this.timings = new Timings();
    this.summary = new Summary();
    this.status = h("p", { class: "quiet small", role: "status" }, "Ready.");
    this.sendButton = h("button", { type: "submit", class: "button main" }, "Send");
    this.stopButton = h("button", { type: "button", class: "button", hidden: true, onclick: () => this.stop() }, "Stop");
    this.stopBelow = h("button", { type: "button", class: "button little stop-below", hidden: true, onclick: () => this.stop() }, "Stop");
    this.output = h("div", { class: "output" }, this.answer.element);
    this.attempts = h("ul", { class: "tags attempts" });
    /** @type {AbortController | null} */
    this.running = null;
    /** @type {Record<string, HTMLElement>} */
    const views = { answer: this.answer.element, frames: this.raw.element, timings: this.timings.element };
    this.element = h("div", { class: "bench" },
      h("form", {
        class: "card composer",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          void this.send();
        },
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            if (!this.running) void this.send();
          }
        },
      },
      this.composer.element,
      h("div", { class: "row sending" }, this.sendButton, this.stopButton,
        h("button", { type: "button", class: "button light", onclick: () => this.code() }, "Copy as code"),
        h("span", { class: "small quiet hint-keys" }, "Ctrl + Enter sends"))),
      this.shown = h("div", { class: "stack shown" },
        h("section", { class: "card", "aria-label": "Pipeline" },
          h("header", null, h("h2", null, "Pipeline"), this.replay.element), this.picture.element, this.attempts),
        h("section", { class: "card", "aria-label": "Output" },
          h("header", null, segments("View", [["answer", "Answer"], ["frames", "Frames"], ["timings", "Timings"]], "answer", (view) => put(this.output, views[view] ?? null)), h("div", { class: "row-actions status" }, this.status, this.stopBelow)),
          this.output),
        this.summary.element));
  }

  code() {
    const body = this.composer.body();
    if (body) showCode(this.composer.format, body, this.composer.strict.box.checked);
  }

  stop() {
    this.running?.abort();
  }

  async send() {
    if (this.running || !this.composer.body()) return;
    for (const part of [this.picture, this.replay, this.raw, this.timings, this.summary]) part.clear();
    put(this.attempts);
    this.answer.begin();
    const running = new AbortController();
    this.running = running;
    this.busy(true);
    // Below the form on a narrow screen: to where something happens now.
    if (this.shown.getBoundingClientRect().top > innerHeight * 0.8) this.shown.scrollIntoView();
    this.status.textContent = "Sent; nothing has come yet.";
    const watch = new Watch(this, this.composer.format);
    try {
      const stream = await open("/playground", this.composer.asked(), running.signal);
      if (stream) await readLines(stream, (line) => watch.line(line));
      watch.over(null);
    } catch (error) {
      watch.over(running.signal.aborted ? "stopped" : error);
      running.abort(); // nobody reads it any more
    } finally {
      this.running = null;
      this.busy(false);
    }
  }

  /** @param {boolean} busy */
  busy(busy) {
    const had = document.activeElement;
    this.sendButton.hidden = busy;
    this.stopButton.hidden = !busy;
    this.stopBelow.hidden = !busy;
    // The pressed button is gone: the keyboard goes to the one in its place.
    if (busy && had === this.sendButton) this.stopButton.focus();
    if (!busy && had === this.stopButton) this.sendButton.focus();
  }
}

/** Hands each line of one request to whoever shows it. */
class Watch {
  /**
   * @param {Bench} bench
   * @param {import("../playground/bodies.js").Format} format
   */
  constructor(bench, format) {
    this.bench = bench;
    this.format = format;
    this.decoder = new TextDecoder();
    /** @type {Framing | null} */
    this.framing = null;
    /** @type {number | null} */
    this.first = null;
    this.at = 0;
    this.ended = false;
    /** Whether it was let in: else there is no record of it. */
    this.admitted = false;
    /** @type {string | undefined} */
    this.id = undefined;
  }

  /** @param {any} line */
  line(line) {
    const { picture, replay, timings, raw, answer, status, attempts } = this.bench;
    this.at = Math.max(this.at, line.at ?? 0);
    picture.tell(line);
    replay.keep(line);
    timings.tell(line);
    if (line.kind === "head") {
      const headers = Object.fromEntries((Array.isArray(line.headers) ? line.headers : Object.entries(line.headers ?? {})).map((/** @type {[string, string]} */ [name, value]) => [name.toLowerCase(), value]));
      this.id = headers["x-request-id"];
      const streamed = String(headers["content-type"] ?? "").startsWith("text/event-stream");
      this.framing = new Framing(streamed, (frame) => {
        raw.frame(frame);
        timings.frame(frame.at);
        const said = answer.said;
        answer.frame(this.format, streamed, frame);
        if (!said && answer.said) {
          this.first = frame.at;
          status.textContent = `First token after ${span(frame.at * 1000)}.`;
        }
      });
      raw.begin(line);
    } else if (line.kind === "bytes") {
      const text = textOf(line, this.decoder);
      raw.add(text);
      this.framing?.add(text, line.at);
    } else if (line.kind === "attempt") {
      const chip = attempts.children[line.number - 1] ?? attempts.appendChild(h("li", { class: "tag" }));
      const what = line.what === "failed" ? line.code : line.what.replace("_", " ");
      chip.className = { failed: "tag bad", completed: "tag good" }[/** @type {string} */ (line.what)] ?? "tag";
      put(chip, `${line.provider} / ${line.model}${line.round ? `, round ${line.round + 1}` : ""} · ${what}${line.ms ? ` · ${span(line.ms)}` : ""}`);
    } else if (line.kind === "admit") {
      this.admitted ||= line.what === "admitted";
    } else if (line.kind === "wait") {
      if (line.what !== "over") status.textContent = `Waits: ${String(line.what).replaceAll("_", " ")}.`;
    } else if (line.kind === "end") {
      this.finish(line);
    }
  }

  /** @param {{ request_id?: string, status?: string | number, seconds?: number }} line */
  finish(line) {
    this.ended = true;
    this.framing?.end();
    const seconds = line.seconds ?? this.at;
    const { answer, status, timings, summary, replay } = this.bench;
    answer.end();
    status.textContent = answer.failed ? `Ended with an error after ${span(seconds * 1000)}.` : `Done after ${span(seconds * 1000)}.`;
    timings.draw(seconds);
    replay.ready(seconds);
    void summary.show(answer, { ...line, seconds, first: this.first, recorded: this.admitted });
  }

  /** @param {unknown} error null: the stream ended by itself */
  over(error) {
    if (this.ended) return;
    const { answer, status } = this.bench;
    this.framing?.end();
    if (error === "stopped") {
      status.textContent = "Stopped. What was made by then is billed.";
      answer.element.append(h("p", { class: "quiet" }, "Stopped here."));
    } else if (error) {
      status.textContent = "It could not be sent.";
      answer.element.append(errorNote(error));
      answer.failed = "error";
    } else {
      status.textContent = "The connection broke off before the end.";
      answer.element.append(h("p", { class: "note bad" }, "The connection to the gateway broke off before the end."));
    }
    answer.said = true;
    answer.end();
    this.bench.picture.halt();
    this.bench.timings.draw(this.at);
    void this.bench.summary.show(answer, { ...(this.id && { request_id: this.id }), seconds: this.at, first: this.first, recorded: this.admitted });
    this.bench.replay.ready(this.at);
  }
}
