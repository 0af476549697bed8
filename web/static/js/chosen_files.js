// Files as a person gives them: chosen, pasted, or dropped, with all that lies in dropped folders.

const PICTURE_NAMES = /\.(jpe?g|jfif|png|webp|heic|heif|bmp|tiff?|gif)$/i;

// What systems leave in folders of photographs; nobody wants to hear of it.
const SILENT_NAMES = /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini|__MACOSX\/.*)$/i;

/** Whether a file may be a photograph, by what the browser says of it; the server looks at its bytes. */
export const mayBePhoto = ({ file, name }) => file.type.startsWith("image/") || PICTURE_NAMES.test(name);

/** Whether a file is left out without a word. */
export const isSilent = ({ name }) => SILENT_NAMES.test(name);

/** The files of an input, with their path in a chosen folder. */
export const chosenFiles = (input) =>
  [...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

/** The files of a paste. */
export const pastedFiles = (event) => [...(event.clipboardData?.files ?? [])].map((file) => ({ file, name: file.name }));

/**
 * The files of a drop, those in folders too, in the order of their names.
 *
 * Returns {files: [{file, name}], unreadable: [{name}]}: one file that cannot be read keeps no other back.
 */
export const droppedFiles = async (transfer) => {
  // The entries must be taken before the first wait: the browser empties the transfer then.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) {
    return { files: [...transfer.files].map((file) => ({ file, name: file.name })), unreadable: [] };
  }
  const files = [];
  const unreadable = [];
  const folders = [];
  const take = async (entry) => {
    if (entry.isDirectory) return folders.push(entry);
    const name = nameIn(entry);
    try {
      files.push({ file: await fileOf(entry), name });
    } catch {
      unreadable.push({ name });
    }
  };
  for (const entry of entries) await take(entry);
  while (folders.length) {
    const folder = folders.shift();
    const { inside, whole } = await entriesOf(folder);
    if (!whole) unreadable.push({ name: nameIn(folder) });
    for (const entry of inside) await take(entry);
  }
  const wellOrdered = new Intl.Collator(undefined, { numeric: true });
  files.sort((one, other) => wellOrdered.compare(one.name, other.name));
  return { files, unreadable };
};

const nameIn = (entry) => entry.fullPath.replace(/^\//, "");

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

// A reader gives about a hundred entries at a time, and none at the end.
const entriesOf = async (folder) => {
  const reader = folder.createReader();
  const inside = [];
  try {
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return { inside, whole: true };
      inside.push(...some);
    }
  } catch {
    return { inside, whole: false };
  }
};
