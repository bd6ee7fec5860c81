import { readFileSync } from "node:fs";
import { FileError, messageOf } from "../../errors.js";
import {
  ByteReader,
  bytesOf,
  count,
  findNumpyGlobal,
  isObject,
  kindOf,
  type PickleDict,
  type PickleValue,
  readPickle,
  textOf,
} from "../../pickle/index.js";
import { PLANE, type RawBatch } from "./cifar-batch.js";

/** CIFAR-100's training images in one file are 154 MB. */
const mostBytes = 256 * 2 ** 20;

/**
 * A batch of CIFAR's Python version: a pickled dict with `data`, an array of uint8 `[N, 3072]`, and a list of labels.
 *
 * @throws FileError when it is something else, or damaged
 */
export function readPythonBatch(path: string, name: "cifar10" | "cifar100", labels: "fine" | "coarse"): RawBatch {
  const dict = readDict(path);
  const key = name === "cifar10" ? "labels" : `${labels}_labels`;
  const list = entryOf(dict, key);
  const data = entryOf(dict, "data");
  if (!isObject(list, "list") || !isObject(data, "array")) {
    throw new FileError(path, `is no batch of CIFAR's: its ${key} are ${kindOf(list)}, its data ${kindOf(data)}`);
  }
  const own = list.items.map(count);
  const [images, values] = data.state.shape;
  if (data.state.shape.length !== 2 || values !== 3 * PLANE || images !== own.length || images === 0) {
    const shape = data.state.shape.join(", ");
    throw new FileError(path, `has ${own.length} ${key} and data of shape [${shape}], not [N, ${3 * PLANE}]`);
  }
  const wrong = own.findIndex((label) => label === undefined || label > 255);
  if (wrong >= 0) throw new FileError(path, `record ${wrong} has no label that is a small whole number`);
  return { labels: Uint8Array.from(own, (label) => label ?? 0), planes: bytesOf(data), start: 0, step: 3 * PLANE };
}

/** The names of the classes in `batches.meta` or `meta`. @throws FileError when they are not there */
export function readPythonNames(path: string, key: string): string[] {
  const list = entryOf(readDict(path), key);
  const names = isObject(list, "list") ? list.items.map(textOf) : [];
  if (names.length > 0 && names.every((name) => name !== undefined)) return names;
  throw new FileError(path, `has no list of texts named ${key}`);
}

function readDict(path: string): PickleDict {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new FileError(path, `could not be read (${messageOf(cause)})`, { cause });
  }
  const reader = new ByteReader(path, "the pickle", (at, n) => bytes.subarray(at, at + n), 0, bytes.length);
  const hint = "Take CIFAR's own files, or the binary version.";
  const value = readPickle(reader, { findGlobal: findNumpyGlobal, mostBytes, hint });
  if (isObject(value, "dict")) return value;
  throw new FileError(path, `is no batch of CIFAR's: it holds ${kindOf(value)}, not a dict`);
}

/** The entry of a key, whether it was pickled as a text or as bytes. */
function entryOf({ entries }: PickleDict, key: string): PickleValue | undefined {
  for (const [found, value] of entries) if (textOf(found) === key) return value;
  return undefined;
}
