import { ArgumentError, FileError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import type { DType } from "../tensor/dtype.js";
import { type ByteSource, FileReader } from "./file-reader.js";
import type { FileTensor } from "./file-tensor.js";
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
  const tensors = [...entries].map(([name, { dtype, shape, data }]): [string, FileTensor] => {
    return [name, { dtype, shape, bytes: data.length, read: () => data }];
  });
  return packSafetensors(new Map(tensors), metadata);
}

/** As `encodeSafetensors`, with tensors that are asked for one after the other. */
export function packSafetensors(
  entries: ReadonlyMap<string, FileTensor>,
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
  for (const { name, dtype, typeName, shape, bytes } of ordered) {
    requireFit(name, dtype, shape, bytes);
    const info = JSON.stringify({ dtype: typeName, shape, data_offsets: [end, end + bytes] });
    // Written field by field: a tensor may have a name, such as "__proto__", that an object takes for something else.
    fields.push(`${JSON.stringify(name)}:${info}`);
    end += bytes;
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
  for (const tensor of ordered) {
    bytes.set(tensor.read(), at);
    at += tensor.bytes;
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
  const { places, metadata } = locateTensors(path, bytes.length, (from, to) => bytes.subarray(from, to));
  const tensors = new Map<string, SafetensorsEntry>();
  for (const [name, { dtype, shape, from, to }] of places) {
    // A plain Uint8Array also where `bytes` is a Buffer, whose `slice` would not copy.
    tensors.set(name, { dtype, shape, data: new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from) });
  }
  return { tensors, metadata };
}

/** The tensors of a safetensors file, read one by one when they are asked for. @throws FileError as `decodeSafetensors` */
export function openSafetensors(file: ByteSource): {
  tensors: Map<string, FileTensor>;
  metadata: Record<string, string>;
} {
  const { places, metadata } = locateTensors(file.path, file.size, (from, to) => file.read(from, to - from));
  const tensors = new Map<string, FileTensor>();
  for (const [name, { dtype, shape, from, to }] of places) {
    tensors.set(name, { dtype, shape, bytes: to - from, read: () => file.read(from, to - from) });
  }
  return { tensors, metadata };
}

interface Place {
  dtype: DType;
  shape: readonly number[];
  /** First byte in the file. */
  from: number;
  to: number;
}

/** Reads the header only; `length` is that of the whole file. */
function locateTensors(
  path: string,
  length: number,
  read: (from: number, to: number) => Uint8Array,
): { places: Map<string, Place>; metadata: Record<string, string> } {
  if (length < 8) throw bad(path, `holds ${length} bytes, too few for the length of a header`);
  const size = read(0, 8);
  const announced = new DataView(size.buffer, size.byteOffset, 8).getBigUint64(0, true);
  if (announced > BigInt(maxHeaderLength)) {
    throw bad(path, `announces a header of ${announced} bytes, over the format's limit of ${maxHeaderLength}`);
  }
  const start = 8 + Number(announced);
  if (start > length) {
    throw bad(path, `is cut off: its header should end at byte ${start}, the file at byte ${length}`);
  }
  const { entries, metadata } = parseHeader(read(8, start), path);

  const places = new Map<string, Place>();
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
    const needed = byteLength(dtype, shape);
    if (needed !== to - from) {
      const needs = needed === undefined ? "more bytes than can be counted" : `${needed} bytes`;
      throw bad(path, `${where}, ${typeName} of shape [${shape}], needs ${needs}, but is given ${to - from}`);
    }
    if (start + to > length) {
      throw bad(path, `is cut off: ${where} should end at byte ${start + to}, the file ends at byte ${length}`);
    }
    places.set(name, { dtype, shape, from: start + from, to: start + to });
    end = to;
  }
  if (start + end !== length) {
    throw bad(path, `has ${length - start - end} bytes at its end that belong to no tensor`);
  }
  return { places, metadata };
}

/** Reads a safetensors file; see `decodeSafetensors`. @throws FileError also when the file cannot be read */
export function readSafetensors(path: string): SafetensorsFile {
  using file = new FileReader(path);
  const { tensors, metadata } = openSafetensors(file);
  const entries = [...tensors].map(([name, { dtype, shape, read }]): [string, SafetensorsEntry] => {
    return [name, { dtype, shape, data: read() }];
  });
  return { tensors: new Map(entries), metadata };
}

/** Writes a safetensors file, whole or not at all; see `encodeSafetensors`. @throws FileError, ArgumentError */
export function writeSafetensors(
  path: string,
  entries: ReadonlyMap<string, SafetensorsEntry>,
  metadata?: Readonly<Record<string, string>>,
): void {
  writeFileAtomic(path, encodeSafetensors(entries, metadata));
}

function requireFit(name: string, dtype: DType, shape: readonly number[], bytes: number): void {
  const where = `tensor ${JSON.stringify(name)}`;
  if (name === "__metadata__") throw new ArgumentError(`${where}: the format keeps this name for itself`);
  requireUnicode(name, where);
  if (byteLength(dtype, shape) !== bytes) {
    throw new ArgumentError(`${where}: ${bytes} bytes do not make a ${dtype} of shape [${shape}]`);
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
