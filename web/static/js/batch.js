// The page of a batch: shows new results while they come, and asks first once a reader has looked further down.
(() => {
  "use strict";

  const PAUSE_MS = 3000;

  let latest = 0;
  const photos = () => document.getElementById("photos");

  // Tiles beyond the first page, or a keyboard among them, would be lost by showing the first page anew.
  const inUse = () => photos().dataset.grown === "true" || photos().contains(document.activeElement);

  const refresh = () => {
    latest = Date.now();
    const address = photos().dataset.here;
    htmx.ajax("GET", address, { source: photos(), target: "#photos", select: "#photos", swap: "outerHTML" });
  };

  document.addEventListener("batch-moved", () => {
    if (inUse()) photos().querySelector(".fresh").hidden = false;
    else if (Date.now() - latest >= PAUSE_MS && document.visibilityState === "visible") refresh();
  });

  document.addEventListener("click", (event) => {
    if (event.target.matches?.("#photos .refresh")) refresh();
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.requestConfig.elt.matches?.(".further a")) photos().dataset.grown = "true";
  });
})();
