// The upload page: drop or choose a photo, see it at once, send it, and read in place why it was refused.
(() => {
  "use strict";

  const form = document.getElementById("upload");
  const input = form.querySelector("input[type=file]");
  const error = document.getElementById("upload-error");
  const chosen = form.querySelector(".chosen");
  const picture = chosen.querySelector("img");
  const progress = chosen.querySelector("progress");
  const maxBytes = Number(form.dataset.maxBytes);

  const show = (file) => {
    URL.revokeObjectURL(picture.src);
    picture.hidden = false;
    picture.src = URL.createObjectURL(file);
    chosen.querySelector(".name").textContent = file.name;
    progress.removeAttribute("value");
    chosen.hidden = false;
    form.classList.add("sending");
  };

  const refuse = (sentence) => {
    error.textContent = "";
    const paragraph = document.createElement("p");
    paragraph.className = "notice alert";
    paragraph.textContent = sentence;
    error.append(paragraph);
    ready();
  };

  // The same file can be chosen again only from an empty input.
  const ready = () => {
    form.classList.remove("sending");
    chosen.hidden = true;
    input.value = "";
  };

  input.addEventListener("change", () => {
    const file = input.files[0];
    if (!file) return;
    error.textContent = "";
    if (file.size > maxBytes) return refuse(form.dataset.tooLarge);
    show(file);
    form.requestSubmit();
  });

  // A photo dropped beside the zone would replace the page, so the whole page takes it.
  let depth = 0;
  const hasFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => {
    if (hasFile(event) && form.isConnected) document.body.classList.toggle("dragging", ++depth > 0);
  });
  document.addEventListener("dragleave", (event) => {
    if (hasFile(event) && form.isConnected) document.body.classList.toggle("dragging", --depth > 0);
  });
  document.addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    depth = 0;
    document.body.classList.remove("dragging");
    if (!form.isConnected || form.classList.contains("sending")) return;
    const only = new DataTransfer();
    only.items.add(event.dataTransfer.files[0]);
    input.files = only.files;
    input.dispatchEvent(new Event("change"));
  });

  form.addEventListener("htmx:xhr:progress", (event) => {
    const { loaded, total, lengthComputable } = event.detail;
    // Once all is sent the server checks the image: an unknown rest.
    if (lengthComputable && loaded < total) progress.value = loaded / total;
    else progress.removeAttribute("value");
  });
  // htmx sends this event to the element that it would fill, which is not the form.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.requestConfig.elt !== form || event.detail.xhr.status < 400) return;
    event.detail.shouldSwap = true;
    event.detail.target = error;
    ready();
  });
  form.addEventListener("htmx:sendError", () => refuse(form.dataset.unreachable));
  form.addEventListener("htmx:timeout", () => refuse(form.dataset.unreachable));
})();
