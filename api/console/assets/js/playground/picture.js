// The pipeline of one request, drawn while it runs: nodes with what went through them, channels with how full they are.

import { brief, span } from "../amounts.js";
import { h, put, s } from "../dom.js";
import { layout } from "./layout.js";

/** @typedef {import("./layout.js").GraphNode} GraphNode */
/** @typedef {import("./layout.js").GraphEdge} GraphEdge */

const PULSE = 420;
const BETWEEN_PULSES = 70;
const TANK = 30;
/** Down to below the nodes on both sides. */
const OUTSIDE = 38;

/**
 * @typedef {object} DrawnNode
 * @property {SVGGElement} group
 * @property {SVGTextElement} count
 * @property {SVGTextElement} time
 * @property {SVGTitleElement} title
 * @property {{ what: string, items: number, events: number, from: number }} state
 */

/**
 * @typedef {object} DrawnEdge
 * @property {GraphEdge} edge
 * @property {string} path
 * @property {SVGRectElement | null} fill
 * @property {SVGTextElement | null} label
 * @property {SVGTextElement | null} most
 * @property {number} peak
 * @property {number} pulsed
 * @property {number} waited how often the writer had to wait
 */

export class Picture {
  constructor() {
    this.said = h("p", { class: "quiet small" }, "Send a request to see it run through the pipeline: what each node handled and when, and how full the channels between them are.");
    this.place = h("div", { class: "picture-place" });
    this.element = h("div", { class: "picture" }, this.said, this.place);
    /** @type {Map<string, DrawnNode>} */
    this.nodes = new Map();
    /** @type {DrawnEdge[]} */
    this.edges = [];
    this.svg = s("svg");
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    /** @type {{ nodes: GraphNode[], edges: GraphEdge[] } | null} */
    this.graph = null;
    this.width = 0;
    new ResizeObserver(() => this.refit()).observe(this.element);
  }

  /**
   * One line of the playground's stream.
   * @param {any} line
   */
  tell(line) {
    if (line.kind === "graph") this.draw(line);
    else if (line.kind === "node") this.node(line);
    else if (line.kind === "channel") this.channel(line);
  }

  /** Nothing more is told of it: what was at work is no more. */
  halt() {
    for (const [id, node] of this.nodes) {
      if (node.state.what === "item" || node.state.what === "started") node.state.what = "stopped";
      this.show(id, node);
    }
  }

  clear() {
    this.graph = null;
    this.nodes.clear();
    this.edges = [];
    put(this.place);
    this.said.hidden = false;
  }

  /** @param {{ nodes: GraphNode[], edges: GraphEdge[] }} graph */
  draw(graph) {
    this.graph = graph;
    this.width = this.element.clientWidth || 640;
    this.said.hidden = true;
    const where = layout(graph.nodes, graph.edges, this.width);
    this.svg = s("svg", { viewBox: `0 0 ${where.width} ${where.height}`, width: where.width, height: where.height, role: "group", "aria-label": "The pipeline: its nodes in order, with what each of them handled" });
    this.nodes.clear();
    this.edges = [];
    const under = s("g");
    this.pulses = s("g", { class: "pulses" });
    for (const { edge, path, middle } of where.edges) {
      const bounded = typeof edge.capacity === "number";
      under.append(s("path", { d: path, class: bounded ? "edge channel" : "edge" }));
      const drawn = { edge, path, fill: null, label: null, most: null, peak: 0, pulsed: 0, waited: 0 };
      this.edges.push(bounded ? this.tank(drawn, middle, where.width) : drawn);
    }
    this.svg.append(under, this.pulses);
    for (const node of graph.nodes) {
      const box = where.boxes.get(node.id);
      if (box) this.box(node, box);
    }
    for (const { tank } of /** @type {(DrawnEdge & { tank?: SVGGElement })[]} */ (this.edges)) if (tank) this.svg.append(tank);
    put(this.place, this.svg);
  }

  /**
   * @param {DrawnEdge} drawn
   * @param {{ x: number, y: number }} middle
   * @param {number} width of the whole picture
   */
  tank(drawn, middle, width) {
    const fill = s("rect", { x: middle.x - TANK / 2 + 2, y: middle.y - 5, width: 0, height: 10, rx: 2, class: "fill" });
    const { from, to, capacity } = drawn.edge;
    // Beside it where the channel runs down, on the side that has room; else above and below.
    const down = /L(\S+) /.exec(drawn.path)?.[1] === /M(\S+) /.exec(drawn.path)?.[1];
    const side = middle.x > width / 2 ? -1 : 1;
    const beside = { x: middle.x + side * (TANK / 2 + 6), "text-anchor": side < 0 ? "end" : "start" };
    const words = (/** @type {number} */ line) => (down ? { ...beside, y: middle.y + 4 + line * 6 } : { x: middle.x, y: middle.y + (line < 0 ? -12 : OUTSIDE), "text-anchor": "middle" });
    const label = s("text", { ...words(-1), class: "tank-label" }, capacity ? `0/${capacity}` : "");
    const most = s("text", { ...words(1), class: "tank-label" }, "");
    const tank = s("g", { class: "tank" },
      s("title", null, capacity ? `From ${from} to ${to}: a channel that holds ${capacity}` : `From ${from} to ${to}: handed over, nothing is kept in between. Filled while the writer waits`),
      s("rect", { x: middle.x - TANK / 2, y: middle.y - 7, width: TANK, height: 14, rx: 4, class: "wall" }), fill, label, most);
    return { ...drawn, fill, label, most, tank };
  }

  /**
   * @param {GraphNode} node
   * @param {import("./layout.js").Box} box
   */
  box(node, box) {
    const count = s("text", { x: box.x + 10, y: box.y + 38, class: "node-count" }, "");
    const time = s("text", { x: box.x + box.width - 10, y: box.y + 38, class: "node-time", "text-anchor": "end" }, "");
    const title = s("title", null, node.name);
    const group = s("g", { class: "node", "data-node": node.id, "data-state": "idle", role: "img" },
      title,
      s("rect", { x: box.x, y: box.y, width: box.width, height: box.height, rx: 8 }),
      s("text", { x: box.x + 10, y: box.y + 20, class: "node-name" }, node.name.length > 13 ? `${node.name.slice(0, 12)}…` : node.name),
      count, time);
    group.setAttribute("aria-label", `${node.name}: waiting`);
    this.svg.append(group);
    this.nodes.set(node.id, { group, count, time, title, state: { what: "idle", items: 0, events: 0, from: -1 } });
  }

  /** @param {{ id: string, what: string, items: number, events?: number, at: number }} line */
  node(line) {
    const node = this.nodes.get(line.id);
    if (!node) return;
    const { items, events } = node.state;
    Object.assign(node.state, { what: line.what, items: line.items, events: line.events ?? 0 });
    if (node.state.from < 0 && line.items > 0) node.state.from = line.at;
    this.show(line.id, node);
    if (line.items === items) return;
    for (const edge of this.edges) if (edge.edge.to === line.id) this.pulse(edge, Math.max(line.items - items, node.state.events - events));
  }

  /**
   * @param {string} id
   * @param {DrawnNode} node
   */
  show(id, node) {
    const { what, items, events, from } = node.state;
    node.group.setAttribute("data-state", what);
    node.count.textContent = items ? `× ${brief(items)}` : "";
    node.time.textContent = from >= 0 ? span(from * 1000) : "";
    const name = this.graph?.nodes.find((each) => each.id === id)?.name ?? id;
    const words = { idle: "waiting", started: "waiting", item: "at work", ended: "done", failed: "failed", stopped: "stopped" }[what] ?? what;
    const held = `${items} ${items === 1 ? "item" : "items"}${events > items ? ` of ${events} events` : ""}`;
    const text = `${name}: ${words}, ${held}${from >= 0 ? `, the first after ${span(from * 1000)}` : ""}`;
    node.group.setAttribute("aria-label", text);
    node.title.textContent = text;
  }

  /**
   * A channel without room hands over: it is full while its writer waits for the reader.
   * @param {{ from: string, to: string, fill: number, most?: number, capacity: number, waiting?: boolean, waited?: number }} line
   */
  channel(line) {
    const drawn = this.edges.find(({ edge }) => edge.from === line.from && edge.to === line.to);
    if (!drawn?.fill || !drawn.label) return;
    drawn.peak = Math.max(drawn.peak, line.fill, line.most ?? 0);
    const part = line.capacity > 0 ? Math.min(1, line.fill / line.capacity) : line.waiting ? 1 : 0;
    drawn.fill.setAttribute("width", String((TANK - 4) * part));
    drawn.fill.setAttribute("class", line.waiting ? "fill full" : "fill");
    drawn.label.textContent = line.capacity > 0 ? `${line.fill}/${line.capacity}` : line.waiting ? "waits" : "";
    if (line.waited) drawn.waited = line.waited;
    if (drawn.most) drawn.most.textContent = drawn.waited ? `waited × ${brief(drawn.waited)}` : drawn.peak ? `max ${drawn.peak}` : "";
  }

  /**
   * A dot on its way, larger for a burst.
   * @param {DrawnEdge} drawn
   * @param {number} items
   */
  pulse(drawn, items) {
    const now = performance.now();
    if (this.still.matches || document.hidden || now - drawn.pulsed < BETWEEN_PULSES) return;
    drawn.pulsed = now;
    const dot = s("circle", { r: Math.min(7, 3 + Math.log2(items)), class: "pulse" });
    dot.style.offsetPath = `path("${drawn.path}")`;
    this.pulses?.append(dot);
    dot.animate([{ offsetDistance: "0%", opacity: 1 }, { offsetDistance: "100%", opacity: 0.35 }], { duration: PULSE, easing: "ease-in-out" }).finished.then(() => dot.remove(), () => dot.remove());
  }

  /** Draws anew for another width, with what was known. */
  refit() {
    if (!this.graph || Math.abs(this.element.clientWidth - this.width) < 24) return;
    const kept = [...this.nodes].map(([id, node]) => /** @type {[string, DrawnNode["state"]]} */ ([id, node.state]));
    const fills = this.edges.map(({ edge, peak, waited, fill }) => ({ waited, from: edge.from, to: edge.to, capacity: edge.capacity ?? 0, most: peak, fill: Math.round(((fill?.width.baseVal.value ?? 0) / (TANK - 4)) * (edge.capacity ?? 0))}));
    this.draw(this.graph);
    for (const [id, state] of kept) {
      const node = this.nodes.get(id);
      if (node) this.show(id, Object.assign(node, { state }));
    }
    for (const each of fills) this.channel(each);
  }
}
