// The upload page: drop, choose, paste or take photos. One is sent at once and answered in place; several become a batch.

import { chosenFiles, droppedFiles, isSilent, mayBePhoto, pastedFiles } from "./chosen_files.js";
import { isReadable, Refused, sendBatch, Stopped } from "./send_batch.js";

const NAMES_SHOWN = 50;

const form = document.getElementById("upload");
const input = form.querySelector("input[name=image]");
const error = document.getElementById("upload-error");
const chosen = form.querySelector(".chosen");
const picture = chosen.querySelector("img");
const progress = chosen.querySelector("progress");
const sending = document.getElementById("sending");
const reasons = document.getElementById("reasons");
const maxBytes = Number(form.dataset.maxBytes);

// Without scripts the form carries one photo; with them, several become a batch.
input.multiple = true;

const busy = () => form.classList.contains("sending") || !form.isConnected;

const take = (files, unreadable = []) => {
  if (!(files.length || unreadable.length) || busy()) return;
  error.textContent = "";
  const wanted = files.filter((entry) => !isSilent(entry));
  const photos = wanted.filter(mayBePhoto);
  if (!unreadable.length) {
    if (files.length === 1) return sendOne(files[0].file);
    if (photos.length === 1 && wanted.length === 1) return sendOne(photos[0].file);
  }
  if (!photos.length) return refuse(unreadable.length ? reason("unreadable") : form.dataset.noPhotos);
  return sendMany(photos, [
    ...unreadable.map(({ name }) => ({ name, code: "unreadable" })),
    ...wanted.filter((entry) => !mayBePhoto(entry)).map(({ name }) => ({ name, code: "no_photo" })),
  ]);
};

// What an error code means, in the reader's language.
const reason = (code) => reasons.querySelector(`[data-code="${CSS.escape(code)}"]`)?.textContent;

// One photo

const sendOne = async (file) => {
  if (file.size > maxBytes) return refuse(form.dataset.tooLarge);
  form.classList.add("sending");
  // Of a file that went away the browser would say that the server does not answer.
  if (!(await isReadable(file))) return refuse(reason("unreadable"));
  const only = new DataTransfer();
  only.items.add(file);
  input.files = only.files;
  URL.revokeObjectURL(picture.src);
  picture.hidden = false;
  picture.src = URL.createObjectURL(file);
  chosen.querySelector(".name").textContent = file.name;
  progress.removeAttribute("value");
  chosen.hidden = false;
  form.requestSubmit();
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
  for (const field of form.querySelectorAll("input[type=file]")) field.value = "";
};

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

// Many photos

const sendMany = async (photos, others) => {
  const small = photos.filter(({ file }) => file.size <= maxBytes);
  const leftOut = [
    ...others,
    ...photos.filter(({ file }) => file.size > maxBytes).map(({ name }) => ({ name, code: "image_too_large" })),
  ];
  if (!small.length) return refuse(form.dataset.tooLarge);
  const stop = new AbortController();
  sending.querySelector(".stop").onclick = () => stop.abort();
  showSending(small);
  try {
    const { id, rejected, missing, taken, fault } = await sendBatch({
      photos: small,
      address: form.dataset.batches,
      batchName: nameOf(photos),
      size: Number(form.dataset.portion),
      progress: (state) => showProgress(small, state),
      waiting: (waits) => { sending.querySelector(".waiting").hidden = !waits; },
      stop,
    });
    if (fault instanceof Stopped) return leave(form.dataset.pages + id);
    const unconfirmed = missing.map(({ name }) => ({ name, code: "unconfirmed" }));
    finish(id, { leftOut: [...unconfirmed, ...leftOut, ...rejected], taken, fault });
  } catch (fault) {
    // A server that wants a key shows its form to whoever comes without one.
    if (fault instanceof Refused && fault.status === 401) return leave(location.href);
    endSending();
    if (fault instanceof Stopped) return ready();
    refuse(whyNot(fault));
    if (!(fault instanceof Refused)) throw fault;
  }
};

// What ended the sending. A fault of this script is no fault of the server's.
const whyNot = (fault) =>
  fault instanceof Refused ? reason(fault.code) ?? (fault.detail || reason("")) : reason("internal_error");

// The folder that all lie in, or the time.
const nameOf = (photos) => {
  const folder = photos[0].name.includes("/") ? photos[0].name.split("/")[0] : "";
  if (folder && photos.every(({ name }) => name.startsWith(`${folder}/`))) return folder.slice(0, 200);
  const language = document.documentElement.lang;
  const time = new Date().toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  return form.dataset.batchName.replace("{time}", time);
};

const showSending = (photos) => {
  form.classList.add("sending");
  form.hidden = true;
  sending.hidden = false;
  showProgress(photos, { sent: 0, bytes: 0 });
  document.getElementById("sending-title").focus();
  addEventListener("beforeunload", askBeforeLeaving);
};

const endSending = () => {
  removeEventListener("beforeunload", askBeforeLeaving);
  form.hidden = false;
  sending.hidden = true;
};

const askBeforeLeaving = (event) => event.preventDefault();

const showProgress = (photos, { sent, bytes }) => {
  const number = new Intl.NumberFormat(document.documentElement.lang);
  const whole = photos.reduce((sum, { file }) => sum + file.size, 0);
  sending.querySelector("progress").value = whole ? bytes / whole : 0;
  sending.querySelector(".count").textContent = form.dataset.progress
    .replace("{sent}", number.format(sent))
    .replace("{total}", number.format(photos.length));
};

const leave = (address) => {
  removeEventListener("beforeunload", askBeforeLeaving);
  location.assign(address);
};

const finish = (id, { leftOut, taken, fault }) => {
  const address = form.dataset.pages + id;
  if (!leftOut.length) return leave(address);
  removeEventListener("beforeunload", askBeforeLeaving);
  sending.hidden = true;
  const panel = document.getElementById("left-out");
  // One name more takes no more room than the line that counts it.
  const shown = leftOut.length === NAMES_SHOWN + 1 ? leftOut.length : NAMES_SHOWN;
  panel.querySelector("ul").replaceChildren(...leftOut.slice(0, shown).map(itemOf));
  const more = panel.querySelector(".more");
  more.hidden = leftOut.length <= shown;
  more.textContent = more.dataset.text.replace("{count}", leftOut.length - shown);
  // What becomes of the others after a fault, the batch tells.
  panel.querySelector(".others").hidden = fault || !taken;
  panel.querySelector(".fault").hidden = !fault;
  const title = document.getElementById("left-out-title");
  if (fault) {
    title.textContent = title.dataset.broken;
    panel.querySelector(".fault").textContent = whyNot(fault);
  }
  panel.querySelector(".go").href = address;
  panel.hidden = false;
  title.focus();
  if (fault && !(fault instanceof Refused)) throw fault;
};

const itemOf = ({ name, code }) => {
  const item = document.createElement("li");
  const file = document.createElement("strong");
  file.textContent = name;
  item.append(file, " ", reason(code) ?? reason(""));
  return item;
};

// Ways in

for (const field of form.querySelectorAll("input[type=file]")) {
  field.addEventListener("change", () => take(chosenFiles(field)));
}

document.addEventListener("paste", (event) => {
  const files = pastedFiles(event);
  if (files.length) event.preventDefault();
  take(files);
});

// A photo dropped beside the zone would replace the page, so the whole page takes it.
let depth = 0;
const hasFile = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragenter", (event) => {
  if (hasFile(event) && !busy()) document.body.classList.toggle("dragging", ++depth > 0);
});
document.addEventListener("dragleave", (event) => {
  if (hasFile(event) && !busy()) document.body.classList.toggle("dragging", --depth > 0);
});
document.addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
document.addEventListener("drop", async (event) => {
  if (!hasFile(event)) return;
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("dragging");
  const { files, unreadable } = await droppedFiles(event.dataTransfer);
  take(files, unreadable);
});
