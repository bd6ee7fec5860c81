import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { ArgumentError, FileError, messageOf } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import type { DType } from "../tensor/dtype.js";
import { byteLength, maxHeaderLength, nameOf, typeByName } from "./safetensors-format.js";
import { parseHeader } from "./safetensors-header.js";

/** A tensor as it lies in a file. */
export interface SafetensorsEntry {
  dtype: DType;
  /** Whole numbers ≥ 0; `[]` is a scalar. */
  shape: readonly number[];
  /** The elements in row-major order, little-endian. Not necessarily aligned to the size of an element. */
  data: Uint8Array;
}

/** What a safetensors file holds. */
export interface SafetensorsFile {
  /** By name, in the order of the file. */
  tensors: Map<string, SafetensorsEntry>;
  /** Free text by key, e.g. `format: "pt"`. */
  metadata: Record<string, string>;
}

/**
 * The bytes of a safetensors file (https://huggingface.co/docs/safetensors): the length of the header as 8 bytes
 * little-endian, the header as JSON, the data. Laid out as the reference implementation does it: tensors by falling
 * alignment of their dtype, then by name, so that every tensor is aligned; the header padded with spaces so that the
 * data begins at a multiple of 8. Equal content gives equal bytes.
 *
 * @throws ArgumentError naming the tensor when its data does not fit its shape or its name cannot be written
 */
export function encodeSafetensors(
  entries: ReadonlyMap<string, SafetensorsEntry>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const ordered = [...entries]
    .map(([name, tensor]) => ({ name, ...tensor, ...nameOf(tensor.dtype) }))
    .sort((a, b) => a.rank - b.rank || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));

  const fields: string[] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (notes.length > 0) {
    for (const text of notes.flat()) requireUnicode(text, "the metadata");
    const pairs = notes.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    fields.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let end = 0;
  for (const { name, dtype, typeName, shape, data } of ordered) {
    requireFit(name, dtype, shape, data);
    const info = JSON.stringify({ dtype: typeName, shape, data_offsets: [end, end + data.length] });
    // Written field by field: a tensor may have a name, such as "__proto__", that an object takes for something else.
    fields.push(`${JSON.stringify(name)}:${info}`);
    end += data.length;
  }

  const header = Buffer.from(`{${fields.join(",")}}`);
  const length = Math.ceil(header.length / 8) * 8;
  if (length > maxHeaderLength) {
    throw new ArgumentError(`a header of ${length} bytes is over the format's limit of ${maxHeaderLength}`);
  }
  const bytes = new Uint8Array(8 + length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.fill(0x20, 8, 8 + length);
  bytes.set(header, 8);
  let at = 8 + length;
  for (const { data } of ordered) {
    bytes.set(data, at);
    at += data.length;
  }
  return bytes;
}

/**
 * The tensors of a safetensors file. As strict as the reference implementation: every byte of the data belongs to
 * exactly one tensor. Each tensor's `data` is a view into `bytes`, not a copy.
 *
 * @param path what to call the file in errors
 * @throws FileError saying what is wrong, and with which tensor
 */
export function decodeSafetensors(bytes: Uint8Array, path: string): SafetensorsFile {
  if (bytes.length < 8) throw bad(path, `holds ${bytes.length} bytes, too few for the length of a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const announced = view.getBigUint64(0, true);
  if (announced > BigInt(maxHeaderLength)) {
    throw bad(path, `announces a header of ${announced} bytes, over the format's limit of ${maxHeaderLength}`);
  }
  const start = 8 + Number(announced);
  if (start > bytes.length) {
    throw bad(path, `is cut off: its header should end at byte ${start}, the file at byte ${bytes.length}`);
  }
  const { entries, metadata } = parseHeader(bytes.subarray(8, start), path);

  const tensors = new Map<string, SafetensorsEntry>();
  let end = 0;
  for (const { name, typeName, shape, from, to } of entries) {
    const where = `tensor ${JSON.stringify(name)}`;
    const dtype = typeByName.get(typeName);
    if (dtype === undefined) {
      throw bad(
        path,
        `${where} is of type ${JSON.stringify(typeName)}; known are ${[...typeByName.keys()].join(", ")}`,
      );
    }
    if (from !== end || to < from) {
      throw bad(path, `${where} lies at bytes ${from} to ${to} of the data, where it should begin at ${end}`);
    }
    const size = byteLength(dtype, shape);
    if (size !== to - from) {
      const needs = size === undefined ? "more bytes than can be counted" : `${size} bytes`;
      throw bad(path, `${where}, ${typeName} of shape [${shape}], needs ${needs}, but is given ${to - from}`);
    }
    if (start + to > bytes.length) {
      throw bad(path, `is cut off: ${where} should end at byte ${start + to}, the file ends at byte ${bytes.length}`);
    }
    // A plain Uint8Array also where `bytes` is a Buffer, whose `slice` would not copy.
    const data = new Uint8Array(bytes.buffer, bytes.byteOffset + start + from, to - from);
    tensors.set(name, { dtype, shape, data });
    end = to;
  }
  if (start + end !== bytes.length) {
    throw bad(path, `has ${bytes.length - start - end} bytes at its end that belong to no tensor`);
  }
  return { tensors, metadata };
}

/** Reads a safetensors file; see `decodeSafetensors`. @throws FileError also when the file cannot be read */
export function readSafetensors(path: string): SafetensorsFile {
  return decodeSafetensors(readWhole(path), path);
}

/** Writes a safetensors file, whole or not at all; see `encodeSafetensors`. @throws FileError, ArgumentError */
export function writeSafetensors(
  path: string,
  entries: ReadonlyMap<string, SafetensorsEntry>,
  metadata?: Readonly<Record<string, string>>,
): void {
  writeFileAtomic(path, encodeSafetensors(entries, metadata));
}

/** Node's `readFileSync` stops at 2 GiB, and weights go beyond. */
function readWhole(path: string): Uint8Array {
  const chunk = 2 ** 30;
  try {
    const fd = openSync(path, "r");
    try {
      const bytes = new Uint8Array(fstatSync(fd).size);
      let at = 0;
      while (at < bytes.length) {
        const got = readSync(fd, bytes, at, Math.min(chunk, bytes.length - at), at);
        if (got === 0) break;
        at += got;
      }
      return bytes.subarray(0, at);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw new FileError(path, `could not be read (${messageOf(cause)})`, { cause });
  }
}

function requireFit(name: string, dtype: DType, shape: readonly number[], data: Uint8Array): void {
  const where = `tensor ${JSON.stringify(name)}`;
  if (name === "__metadata__") throw new ArgumentError(`${where}: the format keeps this name for itself`);
  requireUnicode(name, where);
  if (byteLength(dtype, shape) !== data.length) {
    throw new ArgumentError(`${where}: ${data.length} bytes do not make a ${dtype} of shape [${shape}]`);
  }
}

function requireUnicode(text: string, where: string): void {
  if (/\p{Surrogate}/u.test(text))
    throw new ArgumentError(`${where}: half a surrogate pair cannot be written as UTF-8`);
}

function bad(path: string, message: string): FileError {
  return new FileError(path, message, {
    hint: "The file is damaged or is no safetensors file; fetch or write it anew.",
  });
}
