// Loaded before the page is drawn, so that a chosen scheme does not flash. "auto" is the system's.
(() => {
  "use strict";
  const name = "hyperinfer-theme";
  let kept = null;
  try {
    kept = localStorage.getItem(name);
  } catch {
    // Storage is switched off: the system's scheme.
  }
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
})();
