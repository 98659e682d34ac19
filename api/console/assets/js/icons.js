// The console's icons: paths on a grid of 24.

import { s } from "./dom.js";

/** @type {Record<string, string>} */
const PATHS = {
  playground: "M5 4v16l14-8z",
  models: "M4 7l8-4 8 4-8 4zM4 12l8 4 8-4M4 17l8 4 8-4",
  usage: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  requests: "M4 6h16M4 12h10M4 18h13",
  keys: "M14 10a4 4 0 1 0-3.5 4L13 16.5h2.5V19H18v2h3v-3.5L14 10M9 9.5h.01",
  light: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6L7 7M17 17l1.4 1.4M18.4 5.6L17 7M7 17l-1.4 1.4",
  dark: "M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5",
  auto: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  leave: "M14 4h5v16h-5M4 12h10M10 8l4 4-4 4",
};

/** @param {string} name */
export function icon(name) {
  return s("svg", { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": 1.75, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" },
    s("path", { d: PATHS[name] ?? "" }));
}

export function mark() {
  return s("svg", { viewBox: "0 0 32 32", "aria-hidden": "true" },
    s("rect", { width: 32, height: 32, rx: 7, fill: "var(--accent)" }),
    s("g", { fill: "none", stroke: "var(--accent-ink)", "stroke-width": 2.5, "stroke-linecap": "round" },
      s("path", { d: "M8 8v16M24 8v16" }),
      s("path", { d: "M8 16h16", "stroke-dasharray": "1 4.3" })));
}
