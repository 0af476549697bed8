// Sending many photographs as one batch: portion by portion, again after a fault, nothing twice.

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

// Two requests keep the line busy while the server stores the photographs of one.
const AT_ONCE = 2;

// A portion is held in memory by the browser and on disk by the server.
const PORTION_BYTES = 24_000_000;

/** What a person stopped. */
export class Stopped extends Error {}

/** An answer after which trying again is of no use. */
export class Refused extends Error {
  constructor(status) {
    super(`the server answered ${status}`);
    this.status = status;
  }
}

/**
 * Make a batch and send photographs to it.
 *
 * photos: [{file, name}], address: of the batches of the API, size: most photographs of a request.
 * progress({bytes, sent}) is called while it goes on, made(id) once there is a batch, waiting(boolean) around pauses.
 * Returns {id, rejected: [{name, code}]}.
 */
export const sendBatch = async ({ photos, address, batchName, size, progress, made, waiting, stop }) => {
  const persist = (ask) => untilAnswered(ask, { waiting, stop });
  const batch = await persist(() =>
    request({ address, body: JSON.stringify({ name: batchName }), type: "application/json", key: randomKey(), stop }),
  );
  made(batch.id);
  const queue = portions(photos, size);
  const loaded = new Map();
  const rejected = [];
  let sent = 0;
  const tell = () => progress({ sent, bytes: [...loaded.values()].reduce((sum, bytes) => sum + bytes, 0) });
  const work = async () => {
    for (let portion = queue.shift(); portion; portion = queue.shift()) {
      const whole = portion.reduce((sum, { file }) => sum + file.size, 0);
      // A repetition under the same key makes nothing twice, whatever became of the first try.
      const key = randomKey();
      const answer = await persist(() =>
        request({
          address: `${address}/${batch.id}/images`,
          body: formOf(portion),
          key,
          stop,
          loaded: (bytes) => {
            loaded.set(key, Math.min(bytes, whole));
            tell();
          },
        }),
      );
      loaded.set(key, whole);
      sent += portion.length;
      rejected.push(...answer.rejected.map(({ filename, code }) => ({ name: filename, code })));
      tell();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { id: batch.id, rejected };
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
      await new Promise((resolve) => setTimeout(resolve, Math.max(pause, (fault.pauseSeconds ?? 0) * 1000)));
      if (stop.aborted) throw new Stopped();
    }
  }
};

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
      const fault = passes ? new Error(`answer ${xhr.status}`) : new Refused(xhr.status);
      fault.pauseSeconds = Number(xhr.getResponseHeader("Retry-After")) || 0;
      reject(fault);
    });
    stop.addEventListener("abort", () => xhr.abort());
    xhr.send(body);
  });
