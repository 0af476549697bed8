// Sending many photographs as one batch: portion by portion, again after a fault, nothing twice.

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

// Two requests keep the line busy while the server stores the photographs of one.
const AT_ONCE = 2;

// A portion is held in memory by the browser and on disk by the server.
const PORTION_BYTES = 24_000_000;

/** What a person stopped. */
export class Stopped extends Error {}

/** An answer after which trying again is of no use; code and detail are those of the server's problem. */
export class Refused extends Error {
  constructor(status, problem) {
    super(`the server answered ${status}`);
    this.status = status;
    this.code = problem?.code ?? "";
    this.detail = problem?.detail ?? "";
  }
}

/**
 * Make a batch and send photographs to it.
 *
 * photos: [{file, name}], address: of the batches of the API, size: most photographs of a request.
 * progress({bytes, sent}) is called while it goes on, waiting(boolean) around pauses. stop, an AbortController, ends it;
 * a fault of one request ends the others by it.
 * Returns {id, rejected: [{name, code}], missing: [photos without an answer], taken: how many the server took,
 * fault: what ended it early, or null}. Throws what keeps the batch from being made.
 */
export const sendBatch = async ({ photos, address, batchName, size, progress, waiting, stop }) => {
  const persist = (ask) => untilAnswered(ask, { waiting, stop: stop.signal });
  const batch = await persist(() =>
    request({
      address,
      body: JSON.stringify({ name: batchName }),
      type: "application/json",
      key: randomKey(),
      stop: stop.signal,
    }),
  );
  const queue = portions(photos, size);
  const missing = new Set(photos);
  const loaded = new Map();
  const rejected = [];
  let taken = 0;
  let fault = null;
  const tell = () =>
    progress({ sent: photos.length - missing.size, bytes: [...loaded.values()].reduce((sum, bytes) => sum + bytes, 0) });
  const send = async (portion) => {
    const whole = portion.reduce((sum, { file }) => sum + file.size, 0);
    // A repetition under the same key makes nothing twice, whatever became of the first try.
    const key = randomKey();
    const { read, unreadable } = await readPortion(portion);
    rejected.push(...unreadable.map(({ name }) => ({ name, code: "unreadable" })));
    if (read.length) {
      const answer = await persist(() =>
        request({
          address: `${address}/${batch.id}/images`,
          body: formOf(read),
          key,
          stop: stop.signal,
          loaded: (bytes) => {
            loaded.set(key, Math.min(bytes, whole));
            tell();
          },
        }),
      );
      taken += read.length - answer.rejected.length;
      rejected.push(...answer.rejected.map(({ filename, code }) => ({ name: filename, code })));
    }
    loaded.set(key, whole);
    for (const photo of portion) missing.delete(photo);
    tell();
  };
  const work = async () => {
    try {
      for (let portion = queue.shift(); portion && !stop.signal.aborted; portion = queue.shift()) await send(portion);
    } catch (error) {
      fault ??= error;
      stop.abort();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (missing.size) fault ??= new Stopped();
  return { id: batch.id, rejected, missing: [...missing], taken, fault };
};

/** Whether the browser can still read a file, which may have been moved, changed or locked since it was chosen. */
export const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

// Read before it is sent: a browser reports a file that went away as it reports a lost connection, and a repetition
// must carry the same bytes.
const readPortion = async (portion) => {
  const read = [];
  const unreadable = [];
  for (const photo of portion) {
    try {
      const { file } = photo;
      read.push({ ...photo, file: new File([await file.arrayBuffer()], file.name, { type: file.type }) });
    } catch {
      unreadable.push(photo);
    }
  }
  return { read, unreadable };
};

const portions = (photos, size) => {
  const all = [];
  let bytes = 0;
  for (const photo of photos) {
    const last = all.at(-1);
    if (last && last.length < size && bytes + photo.file.size <= PORTION_BYTES) {
      last.push(photo);
      bytes += photo.file.size;
    } else {
      all.push([photo]);
      bytes = photo.file.size;
    }
  }
  return all;
};

const formOf = (portion) => {
  const form = new FormData();
  for (const { file, name } of portion) form.append("images", file, name);
  return form;
};

// crypto.randomUUID is missing over plain HTTP, as in a clinic's own network.
const randomKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join("-");

const untilAnswered = async (ask, { waiting, stop }) => {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
    try {
      const answer = await ask();
      waiting(false);
      return answer;
    } catch (fault) {
      if (fault instanceof Stopped || fault instanceof Refused) throw fault;
      waiting(true);
      await pauseUnless(stop, Math.max(pause, (fault.pauseSeconds ?? 0) * 1000));
    }
  }
};

const pauseUnless = (stop, milliseconds) =>
  new Promise((resolve, reject) => {
    if (stop.aborted) return reject(new Stopped());
    setTimeout(resolve, milliseconds);
    stop.addEventListener("abort", () => reject(new Stopped()));
  });

// XMLHttpRequest, for fetch does not tell how much has been sent.
const request = ({ address, body, type, key, stop, loaded }) =>
  new Promise((resolve, reject) => {
    if (stop.aborted) return reject(new Stopped());
    const xhr = new XMLHttpRequest();
    xhr.open("POST", address);
    xhr.responseType = "json";
    xhr.setRequestHeader("Accept", "application/json");
    xhr.setRequestHeader("Idempotency-Key", key);
    if (type) xhr.setRequestHeader("Content-Type", type);
    if (loaded) xhr.upload.addEventListener("progress", (event) => loaded(event.loaded));
    xhr.addEventListener("error", () => reject(new Error("no answer")));
    xhr.addEventListener("abort", () => reject(new Stopped()));
    xhr.addEventListener("load", () => {
      if (xhr.status < 300 && xhr.response) return resolve(xhr.response);
      const passes = xhr.status >= 500 || xhr.status === 429 || xhr.status === 408;
      const fault = passes ? new Error(`answer ${xhr.status}`) : new Refused(xhr.status, xhr.response);
      fault.pauseSeconds = Number(xhr.getResponseHeader("Retry-After")) || 0;
      reject(fault);
    });
    stop.addEventListener("abort", () => xhr.abort());
    xhr.send(body);
  });
