import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError, FileError } from "../errors.js";
import { bytesOf, type DType } from "../tensor/dtype.js";
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type SafetensorsEntry,
  writeSafetensors,
} from "./safetensors.js";

// Written by safetensors 0.8.0 for Python: all eight dtypes, a scalar, an empty tensor, names that need care.
const fromPython = readFileSync(new URL("./fixtures/python.safetensors", import.meta.url));

describe("a file that Python wrote", () => {
  const { tensors, metadata } = decodeSafetensors(fromPython, "python.safetensors");

  it("is understood", () => {
    expect(metadata).toEqual({ format: "pt" });
    expect([...tensors].map(([name, t]) => [name, t.dtype, t.shape])).toEqual([
      ["running.count", "int64", []],
      ["double", "float64", [1, 2]],
      ["empty", "float32", [0, 4]],
      ["features.0.bias", "float32", [2]],
      ["features.0.weight", "float32", [2, 1, 3]],
      ["index", "int32", [2]],
      ["brain", "bfloat16", [2]],
      ["half", "float16", [3]],
      ["__proto__", "uint8", [1]],
      ["bytes", "uint8", [5]],
      ['été "quoted"\n', "uint8", [1]],
      ["mask", "bool", [3]],
    ]);
    const view = (name: string) => {
      const data = tensors.get(name)?.data.slice() ?? new Uint8Array();
      return new DataView(data.buffer);
    };
    expect(view("running.count").getBigInt64(0, true)).toBe(-(2n ** 53n) - 1n);
    expect([0, 8].map((i) => view("double").getFloat64(i, true))).toEqual([0.1, -2.5e-300]);
    expect([0, 4, 8, 12, 16, 20].map((i) => view("features.0.weight").getFloat32(i, true))).toEqual(
      [0.5, -1.5, 2, 3.25, -4, 1e-3].map(Math.fround),
    );
    expect([0, 4].map((i) => view("index").getInt32(i, true))).toEqual([-7, 2147483647]);
    expect([0, 2, 4].map((i) => view("half").getUint16(i, true))).toEqual([0x3c00, 0xc000, 0x7bff]);
    expect([0, 2].map((i) => view("brain").getUint16(i, true))).toEqual([0x3f80, 0xc000]);
    expect([...(tensors.get("bytes")?.data ?? [])]).toEqual([0, 1, 127, 128, 255]);
    expect([...(tensors.get("mask")?.data ?? [])]).toEqual([1, 0, 1]);
    expect([...(tensors.get("__proto__")?.data ?? [])]).toEqual([9]);
  });

  it("is written back to the byte, whatever the order of the entries", () => {
    expect(Buffer.from(encodeSafetensors(tensors, metadata)).equals(fromPython)).toBe(true);
    const reversed = new Map([...tensors].reverse());
    expect(Buffer.from(encodeSafetensors(reversed, metadata)).equals(fromPython)).toBe(true);
  });

  it("is viewed, not copied", () => {
    for (const { data } of tensors.values()) expect(data.buffer).toBe(fromPython.buffer);
  });
});

describe("any tensors", () => {
  const name = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("__proto__", "constructor", "", "1", "0"));
  const tensor = fc
    .tuple(fc.constantFrom(...dtypes()), fc.array(fc.nat(3), { maxLength: 4 }), fc.infiniteStream(fc.nat(255)))
    .map(([dtype, shape, values]): SafetensorsEntry => {
      const length = shape.reduce((a, b) => a * b, 1) * bytesOf[dtype];
      return { dtype, shape, data: Uint8Array.from({ length }, () => values.next().value ?? 0) };
    });
  const entries = fc.array(fc.tuple(name, tensor), { maxLength: 8 }).map((list) => new Map(list));
  const metadata = fc.dictionary(name, fc.string({ unit: "grapheme" }));

  it("come back as they went, every one aligned", () => {
    fc.assert(
      fc.property(entries, metadata, (tensors, notes) => {
        tensors.delete("__metadata__");
        const bytes = encodeSafetensors(tensors, notes);
        const back = decodeSafetensors(bytes, "x");
        expect(new Map([...back.tensors].sort(byName))).toEqual(new Map([...tensors].sort(byName)));
        expect(Object.entries(back.metadata).sort()).toEqual(Object.entries(notes).sort());
        for (const { dtype, data } of back.tensors.values()) {
          expect(data.length === 0 || data.byteOffset % bytesOf[dtype] === 0).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
    expect(Object.prototype).not.toHaveProperty("dtype");
  });

  it("are rejected at every length but the right one", () => {
    for (let length = 0; length < fromPython.length; length++) {
      expect(() => decodeSafetensors(fromPython.subarray(0, length), "cut"), `${length}`).toThrow(FileError);
    }
    const longer = Buffer.concat([fromPython, Buffer.alloc(1)]);
    expect(() => decodeSafetensors(longer, "long")).toThrow(/1 bytes at its end that belong to no tensor/);
  });

  it("never crash the reader, whatever happens to the header", () => {
    const header = 8 + Number(fromPython.readBigUInt64LE(0));
    const edit = fc.tuple(fc.nat(header - 1), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]":,\\0189-'))));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const bytes = Buffer.from(fromPython);
        for (const [at, value] of edits) bytes[at] = value;
        expectSound(bytes);
      }),
      { numRuns: 5000 },
    );
  });

  it("never crash the reader, whatever the header says", () => {
    const anything = fc.jsonValue({ maxDepth: 2 });
    const number = fc.oneof(fc.nat(12), fc.constantFrom(-1, 0.5, 1e300, 2 ** 53, 2 ** 53 - 1, 2 ** 32));
    const info = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom("F32", "U8", "BOOL", "F8_E4M3", "toString"), anything),
        shape: fc.oneof(fc.array(number, { maxLength: 3 }), anything),
        data_offsets: fc.oneof(fc.array(number, { minLength: 1, maxLength: 3 }), anything),
      },
      { requiredKeys: [] },
    );
    const header = fc.oneof(fc.dictionary(fc.string(), fc.oneof(info, anything)), anything);
    fc.assert(
      fc.property(header, fc.nat(12), (value, size) => {
        expectSound(file(JSON.stringify(value), size));
      }),
      { numRuns: 3000 },
    );
  });
});

describe("a file that is wrong", () => {
  const one = (fields: string) => `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},${fields}}`;
  const cases: [string, Uint8Array, RegExp][] = [
    ["too short", new Uint8Array(7), /holds 7 bytes/],
    ["huge header", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 255), /header of 18374686479671623680 bytes, over the format's/],
    [
      "header past the end",
      Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 123, 125),
      /should end at byte 11, the file at byte 10/,
    ],
    ["no JSON", file("{", 0), /header that is not JSON/],
    ["no UTF-8", Buffer.concat([file("", 0), Buffer.of(255)]).fill(1, 0, 1), /header that is not JSON/],
    ["byte order mark", file("\ufeff{}", 0), /header that is not JSON/],
    ["array", file("[]", 0), /not a JSON object/],
    ["space before", file(" {}", 0), /not a JSON object/],
    ["twice", file(one('"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}'), 2), /name "a" twice/],
    ["twice, spelt otherwise", file(one('"\\u0061":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}'), 2), /"a" twice/],
    ["twice within", file('{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}', 1), /"dtype" twice/],
    ["half a pair", file(one('"\\ud800":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}'), 4), /not valid Unicode/],
    ["hole", file(one('"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}'), 4), /"b" lies at bytes 3 to 4 .* at 2/],
    [
      "overlap",
      file(one('"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}'), 3),
      /"b" lies at bytes 1 to 3 .* at 2/,
    ],
    ["backwards", file(one('"b":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}'), 4), /"b" lies at bytes 2 to 0/],
    [
      "shape",
      file('{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,20]}}', 20),
      /"a", F32 .*\[2,3\], needs 24 .* 20/,
    ],
    [
      "overflow",
      file('{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}', 0),
      /"a", F32 .* needs more bytes than can be counted/,
    ],
    ["dtype", file('{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}', 1), /"a" is of type "F8_E4M3"; known/],
    ["negative", file('{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}', 1), /"a" has a shape that/],
    ["offsets", file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}', 1), /"a" has data_offsets that/],
    ["no dtype", file('{"a":{"shape":[1],"data_offsets":[0,1]}}', 1), /"a" has no dtype/],
    ["no object", file('{"a":null}', 0), /"a" is described by something other/],
    ["metadata", file('{"__metadata__":{"k":1}}', 0), /__metadata__ "k" is not a string/],
    ["metadata list", file('{"__metadata__":[]}', 0), /__metadata__ is not an object/],
  ];
  it.each(cases)("is named: %s", (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, "dir/w.safetensors")).toThrow(message);
    expect(() => decodeSafetensors(bytes, "dir/w.safetensors")).toThrow(/^dir\/w\.safetensors: /);
    expect(() => decodeSafetensors(bytes, "dir/w.safetensors")).toThrow(FileError);
  });

  it("is not written", () => {
    const tensor: SafetensorsEntry = { dtype: "float32", shape: [2], data: new Uint8Array(7) };
    expect(() => encodeSafetensors(new Map([["w", tensor]]))).toThrow(
      /"w": 7 bytes do not make a float32 of shape \[2\]/,
    );
    const byte: SafetensorsEntry = { dtype: "uint8", shape: [], data: new Uint8Array(1) };
    expect(() => encodeSafetensors(new Map([["__metadata__", byte]]))).toThrow(ArgumentError);
    expect(() => encodeSafetensors(new Map([["\ud800", byte]]))).toThrow(ArgumentError);
    expect(() => encodeSafetensors(new Map(), { note: "\udc00" })).toThrow(ArgumentError);
  });
});

describe("on the disk", () => {
  it("is written, read, and its absence named", () => {
    const folder = mkdtempSync(join(tmpdir(), "fovea-safetensors-"));
    try {
      const path = join(folder, "best", "weights.safetensors");
      expect(() => readSafetensors(path)).toThrow(/weights\.safetensors: could not be read/);
      const tensors = new Map<string, SafetensorsEntry>([
        ["w", { dtype: "float32", shape: [2], data: new Uint8Array(Float32Array.of(1, 2).buffer) }],
      ]);
      writeSafetensors(path, tensors, { epoch: "3" });
      expect(readSafetensors(path)).toEqual({ tensors, metadata: { epoch: "3" } });
      expect(existsSync(path)).toBe(true);
      writeFileSync(path, readFileSync(path).subarray(0, 70));
      expect(() => readSafetensors(path)).toThrow(/is cut off/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** Either an error of the right kind, or tensors that fill the file and fit their shapes. */
function expectSound(bytes: Uint8Array): void {
  try {
    const { tensors } = decodeSafetensors(bytes, "x");
    let total = 0;
    for (const { dtype, shape, data } of tensors.values()) {
      expect(data.length).toBe(shape.reduce((a, b) => a * b, 1) * bytesOf[dtype]);
      total += data.length;
    }
    const header = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    expect(BigInt(total) + header + 8n).toBe(BigInt(bytes.length));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
  }
}

function file(header: string, dataBytes: number): Uint8Array {
  const json = Buffer.from(header);
  const bytes = Buffer.alloc(8 + json.length + dataBytes);
  bytes.writeBigUInt64LE(BigInt(json.length));
  json.copy(bytes, 8);
  return bytes;
}

function dtypes(): DType[] {
  return ["float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8", "bool"];
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
