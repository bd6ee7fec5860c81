import { FileError, messageOf } from "../errors.js";
import { isCount } from "./safetensors-format.js";

/** A tensor as the header describes it; nothing is checked against the data yet. */
export interface HeaderEntry {
  name: string;
  /** The format's name of the dtype, e.g. `"F32"`. */
  typeName: string;
  shape: number[];
  /** First byte, from the beginning of the data. */
  from: number;
  /** One after the last byte. */
  to: number;
}

/**
 * The header of a safetensors file: tensors in the order of their data, and metadata.
 *
 * @throws FileError when it is no JSON of the right form, or a name stands in it twice
 */
export function parseHeader(
  bytes: Uint8Array,
  path: string,
): { entries: HeaderEntry[]; metadata: Record<string, string> } {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw new FileError(path, `has a header that is not JSON (${messageOf(cause)})`, { cause });
  }
  if (!isObject(header) || !text.startsWith("{")) throw new FileError(path, "has a header that is not a JSON object");
  // JSON.parse keeps the last of two equal keys without a word: the file would mean different things to different readers.
  const twice = repeatedKey(text);
  if (twice !== undefined) throw new FileError(path, `has the name ${JSON.stringify(twice)} twice in its header`);

  const entries: HeaderEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (/\p{Surrogate}/u.test(name)) throw new FileError(path, `name ${JSON.stringify(name)} is not valid Unicode`);
    if (name === "__metadata__") metadata = readMetadata(value, path);
    else entries.push(readEntry(name, value, path));
  }
  entries.sort((a, b) => a.from - b.from || a.to - b.to);
  return { entries, metadata };
}

function readMetadata(value: unknown, path: string): Record<string, string> {
  if (!isObject(value)) throw new FileError(path, "__metadata__ is not an object of strings");
  const notes: [string, string][] = [];
  for (const [key, note] of Object.entries(value)) {
    if (typeof note !== "string") throw new FileError(path, `__metadata__ ${JSON.stringify(key)} is not a string`);
    notes.push([key, note]);
  }
  // fromEntries makes own properties of all keys, "__proto__" among them.
  return Object.fromEntries(notes);
}

function readEntry(name: string, value: unknown, path: string): HeaderEntry {
  const where = `tensor ${JSON.stringify(name)}`;
  if (!isObject(value)) throw new FileError(path, `${where} is described by something other than an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string") throw new FileError(path, `${where} has no dtype`);
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw new FileError(path, `${where} has a shape that is not a list of whole numbers`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw new FileError(path, `${where} has data_offsets that are not two whole numbers`);
  }
  const [from = 0, to = 0] = offsets;
  return { name, typeName: dtype, shape, from, to };
}

/** A key that occurs twice in one object of `json`, which is known to be valid. */
function repeatedKey(json: string): string | undefined {
  const objects: Set<string>[] = [];
  let last = "";
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === '"') {
      const end = stringEnd(json, i);
      last = json.slice(i, end);
      i = end - 1;
    } else if (c === "{") {
      objects.push(new Set());
    } else if (c === "}") {
      objects.pop();
    } else if (c === ":") {
      // Two spellings, such as "a" and "\u0061", are one key.
      const key = String(JSON.parse(last));
      const keys = objects.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

/** The index after the closing quote of the string that opens at `start`. */
function stringEnd(json: string, start: number): number {
  let i = start + 1;
  while (i < json.length && json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i + 1;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
