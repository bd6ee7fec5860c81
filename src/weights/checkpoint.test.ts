import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileError } from "../errors.js";
import { bytesOf, type DType } from "../tensor/dtype.js";
import { type CheckpointOptions, openCheckpoint, openSource, readCheckpoint } from "./checkpoint.js";
import { encodeSafetensors } from "./safetensors.js";
import { encodeZip } from "./zip-writer.js";

// Written by PyTorch 1.13 and 2.13: test/golden/torch-files.py
const fixtures = new URL("../../test/fixtures/torch/", import.meta.url);
const fixture = (name: string) => readFileSync(new URL(name, fixtures));
const versions = ["1.13", "2.13"];

/** By name what the file `state` holds. */
const expected: Record<string, { dtype: string; shape: number[]; data: string }> = JSON.parse(
  fixture("torch-files.json").toString(),
);

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-checkpoint-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(bytes: Uint8Array, options?: CheckpointOptions) {
  const path = join(folder, "x.bin");
  writeFileSync(path, bytes);
  return readCheckpoint(path, options);
}

/** The same without the disk. */
function readBytes(bytes: Uint8Array): [string, { dtype: DType; shape: readonly number[]; data: Uint8Array }][] {
  const source = {
    path: "x.bin",
    size: bytes.length,
    read(at: number, length: number) {
      if (at + length > bytes.length) throw new FileError("x.bin", "is cut off");
      return new Uint8Array(bytes.subarray(at, at + length));
    },
  };
  return [...openSource(source).tensors].map(([name, { dtype, shape, read }]) => [
    name,
    { dtype, shape, data: read() },
  ]);
}

/** What a reader makes of a damaged file; undefined for an error of the right kind. */
function attempt(bytes: Uint8Array): ReturnType<typeof readBytes> | undefined {
  try {
    return readBytes(bytes);
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}

function plain(tensors: Iterable<readonly [string, { dtype: string; shape: readonly number[]; data: Uint8Array }]>) {
  return [...tensors].map(([name, { dtype, shape, data }]) => [
    name,
    { dtype, shape, data: Buffer.from(data).toString("hex") },
  ]);
}

describe.each(versions)("of PyTorch %s", (version) => {
  it.each(["state", "legacy", "protocol4"])("every type and layout is read to the bit: %s", (name) => {
    const { tensors, format, prefix, entry, metadata } = read(fixture(`${name}-${version}.pt`));
    expect(plain(tensors)).toEqual(Object.entries(expected));
    expect({ prefix, entry, metadata }).toEqual({ prefix: "", entry: "", metadata: {} });
    expect(format).toBe(name === "legacy" ? "torch legacy" : "torch zip");
  });

  it.each(["lightning", "lightning-legacy"])(
    "a Lightning checkpoint gives weights and hyper-parameters: %s",
    (name) => {
      const { tensors, prefix, entry, metadata, hyperParameters } = read(fixture(`${name}-${version}.pt`));
      expect({ prefix, entry }).toEqual({ prefix: "model.", entry: "state_dict" });
      expect([...tensors].map(([key, { shape }]) => [key, shape])).toEqual([
        ["0.weight", [2, 3]],
        ["0.bias", [2]],
        ["1.weight", [2]],
        ["1.bias", [2]],
        ["1.running_mean", [2]],
        ["1.running_var", [2]],
        ["1.num_batches_tracked", []],
      ]);
      expect(tensors.get("0.weight")?.data).toEqual(bytes(Float32Array.of(0, 1, 2, 3, 4, 5)));
      expect(tensors.get("1.num_batches_tracked")?.data).toEqual(bytes(BigInt64Array.of(6n)));
      expect(metadata).toEqual({
        epoch: "3",
        global_step: "1404",
        "pytorch-lightning_version": "1.9.5",
        hparams_name: "kwargs",
      });
      expect(hyperParameters).toEqual({
        model_name: "Net",
        model_hparams: {
          act: "relu",
          sizes: [16, 32],
          rate: 0.5,
          seed: "1180591620717411303424",
          deep: { on: true, off: null },
        },
        args: { lr: 0.1, tags: ["a"], device: "cuda:1", dtype: "torch.float16" },
        bytes: "<bytes>",
        limits: [Number.POSITIVE_INFINITY, Number.NaN],
      });
    },
  );

  it("weights of several GPUs are found in their wrapper, and the moving average on demand", () => {
    const file = fixture(`wrapped-${version}.pt`);
    const model = read(file);
    expect({ entry: model.entry, others: model.others, prefix: model.prefix }).toEqual({
      entry: "model",
      others: ["model_ema"],
      prefix: "module.",
    });
    expect(plain(model.tensors)).toEqual([
      ["weight", { dtype: "float32", shape: [2], data: "0000803f00000040" }],
      ["bias", { dtype: "float32", shape: [1], data: "00004040" }],
    ]);
    expect(model.metadata).toEqual({ epoch: "9" });
    const average = read(file, { entry: "model_ema" });
    expect([...average.tensors.keys()]).toEqual(["weight", "bias"]);
    expect(average.tensors.get("weight")?.data).toEqual(bytes(Float32Array.of(10, 20)));
    expect(() => read(file, { entry: "ema" })).toThrow(
      /no dict of tensors in its entry "ema"; .* "model", "model_ema"/,
    );
  });

  it("a tensor that repeats its storage is read, within limits", () => {
    expect(read(fixture(`expanded-${version}.pt`)).tensors.get("weight")?.data).toEqual(
      bytes(new Float32Array(1000).fill(1)),
    );
  });

  it.each([
    ["int8", /tensor "weight" is of type int8; known are/],
    ["module", /refuses torch\.nn\.modules\.linear\.Linear:/],
    ["script", /is a TorchScript program/],
    ["list", /holds list, not a dict of tensors/],
    ["sparse", /refuses torch\._utils\._rebuild_sparse_tensor:/],
  ])("what is no state dict is refused by name: %s", (name, message) => {
    expect(() => read(fixture(`${name}-${version}.pt`))).toThrow(message);
  });
});

describe("a file", () => {
  it("without checksums is read", () => {
    expect(plain(read(fixture("unchecked-2.13.pt")).tensors)).toEqual(Object.entries(expected));
  });

  it("of safetensors is read by its content, with its hyper-parameters, names as they are", () => {
    const tensors = new Map([["model.w", { dtype: "uint8", shape: [2], data: Uint8Array.of(1, 2) } as const]]);
    const metadata = { epoch: "3", hyper_parameters: '{"model_name":"ResNet"}' };
    const found = read(encodeSafetensors(tensors, metadata));
    expect(found).toEqual({
      format: "safetensors",
      tensors,
      metadata: { epoch: "3" },
      hyperParameters: { model_name: "ResNet" },
      entry: "",
      others: [],
      prefix: "",
    });
    expect(read(encodeSafetensors(tensors, { hyper_parameters: "none" })).metadata).toEqual({
      hyper_parameters: "none",
    });
    // A header of 640 bytes begins like a pickle of protocol 2.
    const long = encodeSafetensors(tensors, { note: "x".repeat(548) });
    expect([...long.subarray(0, 3)]).toEqual([0x80, 2, 0]);
    expect(read(long).tensors).toEqual(tensors);
  });

  it("of another kind is named", () => {
    for (const content of ["", "P", "no weights at all", "\x89PNG\r\n\x1a\n", "\x89HDF\r\n\x1a\n and more"]) {
      expect(() => read(Buffer.from(content, "latin1"))).toThrow(/neither a safetensors nor a PyTorch file/);
    }
    expect(() => readCheckpoint(join(folder, "none.pt"))).toThrow(/none\.pt: could not be read/);
    expect(() => readCheckpoint(folder)).toThrow(/no regular file/);
    expect(() => read(encodeZip([{ name: "a", size: 0, read: () => new Uint8Array() }]))).toThrow(
      /0 entries data\.pkl/,
    );
    expect(() => read(Buffer.from("80024b012e", "hex"))).toThrow(/is a pickle, but not one of PyTorch/);
    expect(() => read(torchZip("}.", new Uint8Array(), "big"))).toThrow(/was written big-endian/);
    const legacy = Buffer.from(fixture("legacy-1.13.pt"));
    legacy[legacy.indexOf("little_endian") + 15] = 0x89;
    expect(() => read(legacy)).toThrow(/was written big-endian/);
  });

  it("is read tensor by tensor when it is opened", () => {
    const path = join(folder, "open.pt");
    writeFileSync(path, fixture("state-2.13.pt"));
    using file = openCheckpoint(path);
    const tensor = file.tensors.get("grid.slice");
    expect(tensor?.bytes).toBe(16);
    expect(tensor?.read()).toEqual(tensor?.read());
    expect(Buffer.from(tensor?.read() ?? []).toString("hex")).toBe(expected["grid.slice"]?.data);
  });
});

describe("a tensor that lies where it should not", () => {
  const data = bytes(Float32Array.of(1, 2, 3, 4));
  const one = (shape: number[], strides: number[], offset: number, length = 4, key = "0") =>
    torchZip(stateDict([tensorOf("w", shape, strides, offset, length, key)]), data);

  it("is read when it does lie within", () => {
    expect(read(one([2], [2], 1)).tensors.get("w")?.data).toEqual(bytes(Float32Array.of(2, 4)));
    expect(read(one([0, 9], [9, 1], 4)).tensors.get("w")?.data).toEqual(new Uint8Array());
    expect(read(one([], [], 3)).tensors.get("w")?.data).toEqual(bytes(Float32Array.of(4)));
  });

  it.each<[string, Buffer, RegExp]>([
    [
      "offset",
      one([1], [1], 4),
      /tensor "w" of shape \[1\] and strides \[1\] at offset 4 reaches beyond its storage of 4/,
    ],
    ["size", one([5], [1], 0), /reaches beyond/],
    ["stride", one([2, 2], [4, 1], 0), /reaches beyond/],
    ["size beyond counting", one([2 ** 40, 2 ** 40], [0, 0], 0), /reaches beyond/],
    ["offset of an empty tensor", one([0], [1], 5), /reaches beyond/],
    ["negative offset", one([1], [1], -1), /gives torch\._utils\._rebuild_tensor_v2 arguments/],
    ["negative stride", one([2], [-1], 1), /gives torch\._utils\._rebuild_tensor_v2 arguments/],
    ["more sizes than strides", one([2, 2], [1], 0), /gives torch\._utils\._rebuild_tensor_v2 arguments/],
    ["too many dimensions", one(Array(65).fill(1), Array(65).fill(1), 0), /gives torch\._utils\._rebuild_tensor_v2/],
    ["storage of another length", one([1], [1], 0, 5), /lies in a storage of 20 bytes, for which the file has 16/],
    ["storage without end", one([1], [1], 0, 2 ** 52), /lies in a storage of 18014398509481984 bytes/],
    ["no storage", one([1], [1], 0, 4, "1"), /lies in storage "1", which the file does not have/],
    ["storage outside", one([1], [1], 0, 4, "../data.pkl"), /which the file does not have/],
    ["endless repetition", one([2 ** 40], [0], 0), /more than 32 times as large as the file/],
  ])("is refused: %s", (_, file, message) => {
    expect(() => read(file)).toThrow(message);
    expect(() => read(file)).toThrow(FileError);
  });

  it("is refused when a thousand names share a storage", () => {
    const names = Array.from({ length: 1000 }, (_, i) => tensorOf(`w${i}`, [4096], [1], 0, 4096, "0"));
    expect(() => read(torchZip(stateDict(names), new Uint8Array(16384)))).toThrow(/more than 32 times as large/);
  });
});

describe("hyper-parameters", () => {
  it("without an end are refused", () => {
    for (const value of ["]q\x00h\x00a", nested()]) {
      const weights = stateDict([tensorOf("w", [1], [1], 0, 4, "0")]).slice(0, -1);
      const parameters = `}${text("x")}${value}s`;
      const body = `}(${text("state_dict")}${weights}${text("hyper_parameters")}${parameters}u.`;
      expect(() => read(torchZip(body, new Uint8Array(16)))).toThrow(/hyper_parameters without an end/);
    }
  });
});

/** Lists in lists in lists, each ten times the one before, on the stack as one value. */
function nested(): string {
  let value = "]q\x01";
  for (let i = 1; i < 20; i++) {
    const [before, after] = [String.fromCharCode(i), String.fromCharCode(i + 1)];
    value += `0](${`h${before}`.repeat(10)}eq${after}`;
  }
  return value;
}

describe("damage", () => {
  const files = ["state-1.13.pt", "state-2.13.pt", "legacy-1.13.pt", "lightning-legacy-2.13.pt"];

  it.each(files)("by cutting off is noticed at every length: %s", (name) => {
    const whole = fixture(name);
    for (let length = 0; length < whole.length; length++) {
      if (attempt(whole.subarray(0, length))) throw new Error(`${length} bytes were taken for the whole`);
    }
    expect(attempt(whole)).toBeDefined();
    expect(() => read(whole.subarray(0, -1))).toThrow(/x\.bin: is cut off/);
  });

  it.each(["state-1.13.pt", "state-2.13.pt", "protocol4-2.13.pt"])(
    "by any flipped bit changes no tensor: %s",
    (name) => {
      const bytes = Buffer.from(fixture(name));
      const right = JSON.stringify(Object.entries(expected));
      let noticed = 0;
      // A prime step: every bit's neighbours, and every place, come up.
      for (let bit = 0; bit < bytes.length * 8; bit += 13) {
        const at = bit >> 3;
        const value = bytes[at] ?? 0;
        bytes[at] = value ^ (1 << (bit & 7));
        const found = attempt(bytes);
        bytes[at] = value;
        if (!found) noticed++;
        else if (JSON.stringify(plain(found)) !== right) throw new Error(`the flip of bit ${bit} went unnoticed`);
      }
      expect(noticed).toBeGreaterThan(1000);
    },
  );

  it.each(files)("of any bytes gives sound tensors or an error: %s", (name) => {
    const whole = fixture(name);
    const edit = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of edits) bytes[at] = value;
        for (const [, { dtype, shape, data }] of attempt(bytes) ?? []) {
          if (data.length !== shape.reduce((a, b) => a * b, 1) * bytesOf[dtype]) throw new Error("does not fit");
        }
      }),
      { numRuns: 1500 },
    );
  });
});

describe("files of PyTorch before 0.4", () => {
  it("are read: parameters, states, views, texts of Python 2", () => {
    const old = (value: string) => `U${String.fromCharCode(value.length)}${value}`;
    const storage = (view: string) => `(${old("storage")}ctorch\nFloatStorage\n${old("0")}${old("cpu")}K\x04${view}tQ`;
    const rebuilt = (view: string) => `ctorch._utils\n_rebuild_tensor\n(${storage(view)}K\x01K\x02\x85K\x01\x85tR`;
    const state = `(\x88\x89ccollections\nOrderedDict\n]\x85Rt`;
    // Parameter(tensor) with a state, and a tensor in a view of the storage that begins at its second element.
    const parameter = `ctorch.nn.parameter\nParameter\n${rebuilt("N")}\x85R${state}b`;
    const dict = `ccollections\nOrderedDict\n](](${old("a")}${parameter}e](${old("b")}${rebuilt(`(${old("1")}K\x01K\x03t`)}ee\x85R.`;
    const parts = [
      Buffer.from("80028a0a6cfc9c46f9206aa850192e80024de9032e", "hex"),
      Buffer.from(`\x80\x02}${old("little_endian")}\x88s.`, "latin1"),
      Buffer.from(`\x80\x02${dict}`, "latin1"),
      Buffer.from(`\x80\x02]${old("0")}a.`, "latin1"),
      Buffer.of(4, 0, 0, 0, 0, 0, 0, 0),
      bytes(Float32Array.of(1, 2, 3, 4)),
    ];
    const { tensors } = read(Buffer.concat(parts));
    expect(tensors.get("a")?.data).toEqual(bytes(Float32Array.of(2, 3)));
    expect(tensors.get("b")?.data).toEqual(bytes(Float32Array.of(3, 4)));
  });
});

function bytes(array: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** A file of torch.save with this pickle (without its protocol) and one storage. */
function torchZip(body: string, storage: Uint8Array, byteorder = "little"): Buffer {
  const part = (name: string, content: Uint8Array) => ({
    name: `x/${name}`,
    size: content.length,
    read: () => content,
  });
  return Buffer.from(
    encodeZip([
      part("data.pkl", Buffer.from(`\x80\x02${body}`, "latin1")),
      part("byteorder", Buffer.from(byteorder)),
      part("data/0", storage),
    ]),
  );
}

function stateDict(tensors: string[]): string {
  return `}(${tensors.join("")}u.`;
}

function tensorOf(
  name: string,
  shape: number[],
  strides: number[],
  offset: number,
  length: number,
  key: string,
): string {
  const storage = `(${text("storage")}ctorch\nFloatStorage\n${text(key)}${text("cpu")}${integer(length)}tQ`;
  const sizes = [shape, strides].map((list) => `(${list.map(integer).join("")}t`).join("");
  return `${text(name)}ctorch._utils\n_rebuild_tensor_v2\n(${storage}${integer(offset)}${sizes}\x89}tR`;
}

function text(value: string): string {
  return `X${String.fromCharCode(value.length)}\0\0\0${value}`;
}

function integer(value: number): string {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64LE(BigInt(value));
  return `\x8a\x08${buffer.toString("latin1")}`;
}
