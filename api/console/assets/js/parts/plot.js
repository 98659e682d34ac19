// Stacked bars, one for each day. One stop of the Tab key; the arrows go from day to day, and each is told as the pointer is.

import { freshId, h, put, s } from "../dom.js";

const HEIGHT = 220;
const LEFT = 58;
const BOTTOM = 24;
const TOP = 8;

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {number[]} values one for each day
 * @property {string[]} texts the same, as they are told
 */

/**
 * @param {object} plot
 * @param {string} plot.label what is shown
 * @param {string[]} plot.days YYYY-MM-DD
 * @param {Series[]} plot.series at most seven, the first at the bottom
 * @param {string[]} plot.totals of each day, as they are told
 * @param {(value: number) => string} plot.axis
 */
export function stackedBars({ label, days, series, totals, axis }) {
  const about = freshId("plot");
  const tip = h("div", { class: "tip", hidden: true });
  const spoken = h("p", { class: "unseen", "aria-live": "polite" });
  const place = h("div");
  const element = h("figure", { class: "plot" },
    place, tip, spoken,
    h("ul", { class: "legend" }, series.map((each, at) => h("li", null, s("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, s("rect", { width: 10, height: 10, rx: 2, class: `plot-${at + 1}` })), each.name))),
    h("figcaption", { class: "unseen", id: about }, `${label}. The table below has the same figures.`));
  let chosen = days.length - 1;

  const draw = () => {
    const width = Math.max(280, element.clientWidth || 640);
    const ticks = niceTicks(Math.max(...days.map((_, day) => sum(series, day)), 0));
    const top = ticks[ticks.length - 1] ?? 1;
    const step = (width - LEFT) / days.length;
    const bar = Math.max(2, Math.min(44, step * 0.68));
    const y = (/** @type {number} */ value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
    const svg = s("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "group", "aria-labelledby": about });
    for (const tick of ticks) {
      svg.append(s("line", { x1: LEFT, x2: width, y1: y(tick), y2: y(tick), class: tick ? "grid" : "base" }),
        s("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, axis(tick)));
    }
    const every = Math.ceil(days.length / Math.max(2, Math.floor((width - LEFT) / 70)));
    days.forEach((day, at) => {
      const x = LEFT + at * step;
      const group = s("g", { class: "day", role: "img", tabindex: at === chosen ? 0 : -1, "aria-label": inWords(day, at) });
      let base = 0;
      group.append(s("rect", { x, y: TOP, width: step, height: HEIGHT - TOP - BOTTOM, class: "hit" }));
      series.forEach((each, place) => {
        const value = each.values[at] ?? 0;
        if (value <= 0) return;
        group.append(s("rect", { x: x + (step - bar) / 2, y: y(base + value), width: bar, height: Math.max(0.75, y(base) - y(base + value)), class: `plot-${place + 1}` }));
        base += value;
      });
      group.addEventListener("pointerenter", () => show(at, x + step / 2, width));
      group.addEventListener("pointerleave", hide);
      group.addEventListener("focus", () => show(at, x + step / 2, width));
      group.addEventListener("blur", hide);
      svg.append(group);
      // From the last day back, so that today is always named.
      if ((days.length - 1 - at) % every === 0) svg.append(s("text", { x: x + step / 2, y: HEIGHT - 6, "text-anchor": at === days.length - 1 && step < 44 ? "end" : "middle" }, shortDay(day)));
    });
    svg.addEventListener("keydown", (event) => move(event, svg));
    put(place, svg);
  };

  const inWords = (/** @type {string} */ day, /** @type {number} */ at) => {
    const parts = series.filter((each) => (each.values[at] ?? 0) > 0).map((each) => `${each.name} ${each.texts[at]}`);
    return `${day}: ${totals[at]}${parts.length > 1 ? ` (${parts.join(", ")})` : ""}`;
  };

  const show = (/** @type {number} */ at, /** @type {number} */ x, /** @type {number} */ width) => {
    put(tip, h("strong", null, `${days[at]} · ${totals[at]}`), series.map((each) => ((each.values[at] ?? 0) > 0 ? h("div", null, h("span", null, each.name), h("span", null, each.texts[at] ?? "")) : null)).reverse());
    tip.hidden = false;
    tip.style.insetBlockStart = "0";
    const scaled = (x / width) * element.clientWidth;
    tip.style.insetInlineStart = `${Math.max(0, Math.min(element.clientWidth - tip.offsetWidth, scaled > element.clientWidth / 2 ? scaled - tip.offsetWidth - 24 : scaled + 24))}px`;
  };
  const hide = () => {
    tip.hidden = true;
  };

  /** @param {KeyboardEvent} event @param {SVGSVGElement} svg */
  const move = (event, svg) => {
    const groups = /** @type {SVGGElement[]} */ ([...svg.querySelectorAll(".day")]);
    const to = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1, Home: 0, End: days.length - 1 }[event.key];
    if (event.key === "Escape") hide();
    if (to === undefined || !groups[to]) return;
    event.preventDefault();
    groups[chosen]?.setAttribute("tabindex", "-1");
    chosen = to;
    groups[to].setAttribute("tabindex", "0");
    groups[to].focus();
  };

  new ResizeObserver(() => {
    if (!place.contains(document.activeElement)) draw();
  }).observe(element);
  draw();
  return element;
}

/**
 * @param {Series[]} series
 * @param {number} day
 */
function sum(series, day) {
  return series.reduce((found, each) => found + (each.values[day] ?? 0), 0);
}

/**
 * From 0 on, in round steps, to what is enough for the largest.
 * @param {number} most
 */
function niceTicks(most) {
  if (most <= 0) return [0, 1];
  const power = 10 ** Math.floor(Math.log10(most / 4));
  const step = ([1, 2, 2.5, 5, 10].find((each) => each * power * 4.5 >= most) ?? 10) * power;
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, at) => at * step);
}

/** @param {string} day */
function shortDay(day) {
  return new Date(`${day}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
}
