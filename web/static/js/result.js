// The page of a result: the heat map over the photo, its link, and printing. It may have come without a reload.
(() => {
  "use strict";

  const RETRIES = 6;
  const PAUSE_MS = 1500;

  const show = async (box) => {
    const figure = document.querySelector(".picture");
    const photo = figure.querySelector(".photo");
    const heat = figure.querySelector(".heat");
    const part = (name) => box.querySelector(name);
    part(".show").hidden = true;
    part(".drawing").hidden = false;
    const drawn = await load(box.dataset.explanation);
    part(".drawing").hidden = true;
    if (!drawn || photo.hidden) {
      part(".unavailable").hidden = false;
      return;
    }
    heat.src = drawn;
    heat.hidden = false;
    part(".overlay-control").hidden = false;
    const slider = part("input[type=range]");
    const fade = () => { heat.style.opacity = slider.value / 100; };
    slider.addEventListener("input", fade);
    fade();
    slider.focus();
  };

  // A worker draws it on first request; 202 says that it is still at it, 503 that Redis is away for a moment.
  const load = async (address) => {
    for (let turn = 0; turn < RETRIES; turn++) {
      try {
        const answer = await fetch(address, { headers: { Accept: "image/jpeg" } });
        if (answer.status === 200) return URL.createObjectURL(await answer.blob());
        if (answer.status !== 202 && answer.status !== 503) return null;
      } catch {
        // No answer: the next turn asks again.
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return null;
  };

  const copy = async (button) => {
    const address = location.origin + location.pathname;
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      // Over plain HTTP there is no clipboard of this kind.
      const field = document.createElement("textarea");
      field.value = address;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    button.textContent = button.dataset.done;
    document.getElementById("announcer").textContent = button.dataset.done;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button");
    if (!button) return;
    if (button.matches(".explanation .show")) show(button.closest(".explanation"));
    if (button.matches(".copy-link")) copy(button);
    if (button.matches(".print")) print();
  });
})();
