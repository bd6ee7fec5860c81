import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileError } from "../errors.js";
import { Conv2d, StateDictError } from "../nn/index.js";
import type { DType, TypedArray } from "../tensor/index.js";
import { device, TorchTensor, tensor } from "../tensor/torch/index.js";
import { loadWeights, saveWeights } from "./weights.js";

let folder = "";
let path = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-weights-"));
  path = join(folder, "weights.safetensors");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Every type at its limits; the 16-bit floats as their bits: 1, -2, the largest, infinity, not a number, the smallest. */
const values: readonly { dtype: DType; all: TypedArray }[] = [
  { dtype: "float32", all: Float32Array.of(1, -0, 3.4e38, Number.POSITIVE_INFINITY, Number.NaN, 1e-45) },
  { dtype: "float64", all: Float64Array.of(1, -0, 1.7e308, Number.NEGATIVE_INFINITY, Number.NaN, 5e-324) },
  { dtype: "float16", all: Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x7c00, 0x7e00, 0x0001) },
  { dtype: "bfloat16", all: Uint16Array.of(0x3f80, 0xc000, 0x7f7f, 0x7f80, 0x7fc0, 0x0001) },
  { dtype: "int64", all: BigInt64Array.of(1n, -2n, 2n ** 63n - 1n, -(2n ** 63n), 0n, 2n ** 53n + 1n) },
  { dtype: "int32", all: Int32Array.of(1, -2, 2 ** 31 - 1, -(2 ** 31), 0, 7) },
  { dtype: "uint8", all: Uint8Array.of(0, 1, 127, 128, 254, 255) },
  { dtype: "bool", all: Uint8Array.of(0, 1, 1, 0, 1, 0) },
];

function save(tensors: Record<string, TorchTensor>, metadata?: Record<string, string>): void {
  saveWeights(path, new Map(Object.entries(tensors)), metadata);
}

describe("saveWeights and loadWeights", () => {
  it.each(values)("bring back every bit of $dtype, at any shape", ({ dtype, all }) => {
    save({
      matrix: tensor(all, [2, 3], { dtype }),
      scalar: tensor(all.slice(2, 3), [], { dtype }),
      empty: tensor(all.slice(0, 0), [0, 3], { dtype }),
    });
    const { state } = loadWeights(path);
    expect([...state.keys()].sort()).toEqual(["empty", "matrix", "scalar"]);
    for (const [name, shape, data] of [
      ["matrix", [2, 3], all],
      ["scalar", [], all.slice(2, 3)],
      ["empty", [0, 3], all.slice(0, 0)],
    ] as const) {
      const loaded = state.get(name);
      expect(loaded?.dtype).toBe(dtype);
      expect(loaded?.shape).toEqual(shape);
      expect(bytes(loaded?.data())).toEqual(bytes(data));
    }
  });

  it("write rows first, however the memory lies", () => {
    const rows = tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    save({ turned: TorchTensor.of(rows.permute([1, 0])) });
    expect(loadWeights(path).state.get("turned")?.shape).toEqual([3, 2]);
    expect([...(loadWeights(path).state.get("turned")?.dataAs("float32") ?? [])]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it("take a module with its buffers, and the text along with it", () => {
    const conv = new Conv2d(2, 3, 3).materialize(device(), 5);
    saveWeights(path, conv, { epoch: "4", note: "Überraschung" });
    const { state, metadata } = loadWeights(path);
    expect(metadata).toEqual({ epoch: "4", note: "Überraschung" });
    const other = new Conv2d(2, 3, 3);
    other.loadStateDict(state);
    expect(other.stateDict().get("weight")?.data()).toEqual(conv.stateDict().get("weight")?.data());
    // What was loaded is a copy: the file's tensors may go.
    for (const loaded of state.values()) loaded.dispose();
    expect(other.stateDict().get("bias")?.data()).toEqual(conv.stateDict().get("bias")?.data());
    expect(() => new Conv2d(2, 4, 3).loadStateDict(loadWeights(path).state)).toThrow(StateDictError);
  });

  it("name a file that is damaged, absent, or of another kind", () => {
    save({ a: tensor([1, 2, 3]), b: tensor([4]) });
    const whole = readFileSync(path);
    for (const length of [0, 4, 8, 30, whole.length - 17, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      expect(() => loadWeights(path)).toThrow(FileError);
      expect(() => loadWeights(path)).toThrow(path);
    }
    writeFileSync(path, Buffer.concat([whole, Buffer.of(0)]));
    expect(() => loadWeights(path)).toThrow(/belong to no tensor/);
    const text = whole.toString("latin1");
    writeFileSync(path, text.replace('"shape":[3]', '"shape":[4]'), "latin1");
    expect(() => loadWeights(path)).toThrow(/tensor "a", F32 of shape \[4\], needs 16 bytes, but is given 12/);
    writeFileSync(path, text.replace("F32", "F99"), "latin1");
    expect(() => loadWeights(path)).toThrow(/"F99"/);

    expect(() => loadWeights(join(folder, "none.safetensors"))).toThrow(/none\.safetensors: could not be read/);
    for (const name of ["weights", "weights.onnx", "weights.pt.gz"]) {
      expect(() => saveWeights(join(folder, name), new Map())).toThrow(/does not say in which format/);
      expect(existsSync(join(folder, name))).toBe(false);
    }
  });

  it("read a tensor that lies unaligned, as other programs may write it", () => {
    const header =
      '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"F64","shape":[1],"data_offsets":[3,11]}}';
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(header.length));
    const data = Buffer.concat([Buffer.of(1, 2, 3), bytes(Float64Array.of(0.1))]);
    writeFileSync(path, Buffer.concat([size, Buffer.from(header), data]));
    expect(loadWeights(path).state.get("b")?.item()).toBe(0.1);
  });
});

describe("PyTorch files", () => {
  const fixture = (name: string) => new URL(`../../test/fixtures/torch/${name}`, import.meta.url);

  it("become tensors of the engine", () => {
    const { state, metadata, hyperParameters } = loadWeights(fileURLToPath(fixture("lightning-legacy-2.13.pt")));
    expect(state.get("0.weight")?.dataAs("float32")).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
    expect(state.get("1.num_batches_tracked")?.item()).toBe(6);
    expect(metadata.epoch).toBe("3");
    expect(hyperParameters?.model_name).toBe("Net");
    const average = loadWeights(fileURLToPath(fixture("wrapped-1.13.pt")), { entry: "model_ema" }).state;
    expect([...average.keys()]).toEqual(["weight", "bias"]);
    expect([...(average.get("weight")?.dataAs("float32") ?? [])]).toEqual([10, 20]);
  });

  it("are written as PyTorch 1.13 and 2.13 open them", () => {
    const { state } = loadWeights(fileURLToPath(fixture("state-2.13.pt")));
    const out = join(folder, "state.pt");
    saveWeights(out, state, { note: "Überraschung" });
    // fovea.pt was opened by both: test/golden/torch-files.py --check. Write it anew, and check it so, when this changes.
    expect(readFileSync(out).equals(readFileSync(fixture("fovea.pt")))).toBe(true);
  });

  it("come back with text and names as they went, also names with a prefix", () => {
    const out = join(folder, "back.PTH");
    saveWeights(
      out,
      new Map([
        ["model.a", tensor([1, 2])],
        ["model.module.b", tensor([3])],
      ]),
      { epoch: "4", model: "x" },
    );
    const { state, metadata } = loadWeights(out);
    expect([...state.keys()]).toEqual(["model.a", "model.module.b"]);
    expect(metadata).toEqual({ epoch: "4", model: "x" });
  });
});

function bytes(array: TypedArray | undefined): Uint8Array {
  if (!array) throw new Error("no tensor");
  return new Uint8Array(array.buffer.slice(array.byteOffset, array.byteOffset + array.byteLength));
}
