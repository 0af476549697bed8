// What every page does: tell that scripts run, keep a poll alive, announce what changes, ask before erasing.
(() => {
  "use strict";

  const FIRST_PAUSE_MS = 1000;
  const LONGEST_PAUSE_MS = 5000;

  document.documentElement.classList.add("scripted");

  // A result page asks through htmx and stops by itself when the job has ended. htmx gives up after an error, so the next
  // question is asked here, later each time, until the server answers again.
  let pause = FIRST_PAUSE_MS;

  const polls = (element) => element instanceof Element && element.matches("[data-poll]");

  const askAgain = (event) => {
    const element = event.detail.elt;
    if (!polls(element)) return;
    document.getElementById("connection").hidden = false;
    setTimeout(() => element.isConnected && htmx.trigger(element, "ask-again"), pause);
    pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5);
  };

  for (const fault of ["htmx:sendError", "htmx:timeout", "htmx:sendAbort"]) document.addEventListener(fault, askAgain);

  const corrects = (element) => (element instanceof Element ? element.closest("#correction") : null);

  const notSaved = (event) => {
    const message = corrects(event.detail.elt)?.querySelector(".unsaved");
    if (message) message.hidden = false;
  };

  for (const fault of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(fault, notSaved);

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig } = event.detail;
    // Refused, or erased meanwhile: the sentence that says so takes the place of the question.
    if (corrects(requestConfig.elt) && xhr.status >= 400) event.detail.shouldSwap = true;
    if (!polls(requestConfig.elt)) return;
    // Erased meanwhile: the sentence takes the place of the status, and with it the poll ends.
    if (xhr.status === 404) event.detail.shouldSwap = true;
    if (xhr.status >= 500 || xhr.status === 429) askAgain({ detail: { elt: requestConfig.elt } });
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const shown = document.querySelector("[data-announce]");
    if (polls(event.detail.requestConfig.elt)) {
      pause = FIRST_PAUSE_MS;
      document.getElementById("connection").hidden = true;
    } else if (event.detail.target.id === "correction") {
      // The button that was pressed is gone: readers by keyboard go on at the heading.
      document.querySelector("#correction h2")?.focus();
      return announce(document.querySelector("#correction[data-announce]"));
    } else if (event.detail.target.id === "main") {
      // A whole new content: readers by keyboard and ear go on at its heading.
      document.querySelector("#main h1")?.focus();
    }
    announce(shown);
  });

  // The status is replaced at each answer; only a change is worth being read out.
  const announce = (shown) => {
    const region = document.getElementById("announcer");
    const text = shown?.dataset.announce ?? "";
    if (text && region.textContent !== text) region.textContent = text;
  };

  // The preview of a picture that cannot be decoded: an empty frame would look like one that is still to come.
  const PICTURES = ".picture .photo, .tile img, .chosen img";
  const leaveOut = (picture) => {
    picture.hidden = true;
    picture.closest(".picture")?.classList.add("missing");
  };
  document.addEventListener("error", (event) => event.target.matches?.(PICTURES) && leaveOut(event.target), true);
  // Those that failed before this script ran.
  for (const picture of document.querySelectorAll(PICTURES)) {
    if (picture.getAttribute("src") && picture.complete && !picture.naturalWidth) leaveOut(picture);
  }

  document.addEventListener("submit", (event) => {
    const dialog = document.getElementById(event.target.dataset.confirm ?? "");
    if (!dialog || dialog.open) return;
    event.preventDefault();
    dialog.showModal();
  });
  document.addEventListener("click", (event) => {
    if (event.target.matches?.("dialog [data-close]")) event.target.closest("dialog").close();
  });
})();
