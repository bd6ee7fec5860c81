import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TinyNet } from "../../test/support/tiny.js";
import { ArgumentError, FileError } from "../errors.js";
import type { StateDict } from "../nn/index.js";
import { device, memory, type TorchTensor, tensor } from "../tensor/torch/index.js";
import { averageWeights } from "./average.js";
import { readCheckpoint } from "./checkpoint.js";
import { loadWeights, saveWeights, writeTensors } from "./weights.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-average-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type State = Record<string, TorchTensor>;

function file(name: string, tensors: State, metadata?: Record<string, string>): string {
  const path = join(folder, name);
  saveWeights(path, new Map(Object.entries(tensors)), metadata);
  return path;
}

/** Averages, writes, and reads again what was written. */
function averaged(sources: readonly string[], weights?: readonly number[]): ReturnType<typeof loadWeights> {
  const out = join(folder, "out.safetensors");
  using average = averageWeights(sources, weights);
  writeTensors(out, average.tensors, average.metadata);
  return loadWeights(out);
}

/** The bits, of 16-bit floats too. */
function bits(tensors: StateDict, name: string): (number | bigint)[] {
  return [...(tensors.get(name)?.data() ?? [])];
}

describe("averageWeights", () => {
  it("is the mean of each tensor, from files of any format; of whole numbers the last", () => {
    const batches = (count: bigint) => tensor(BigInt64Array.of(count), []);
    const a = file("a.safetensors", { w: tensor([1, 2, 3, 4], [2, 2]), b: tensor([0.5]), n: batches(7n) });
    const b = file("b.pt", { b: tensor([1.5]), w: tensor([3, 2, 1, 0], [2, 2]), n: batches(9n) });
    const c = file("c.safetensors", { w: tensor([5, 5, 5, 5], [2, 2]), b: tensor([-8]), n: batches(2n ** 60n + 1n) });
    const { state } = averaged([a, b, c]);
    expect(state.get("w")?.shape).toEqual([2, 2]);
    expect(bits(state, "w")).toEqual([3, 3, 3, 3]);
    expect(bits(state, "b")).toEqual([-2]);
    expect(bits(state, "n")).toEqual([2n ** 60n + 1n]);
    expect(bits(averaged([a, b, c], [3, 1, 0]).state, "w")).toEqual([1.5, 2, 2.5, 3]);
  });

  it("sums in float64, where float32 would lose what is small", () => {
    // In float32 1e8 + 1 is 1e8, and the mean of the three 0.
    const paths = [1e8, 1, -1e8].map((value, i) => file(`large-${i}.safetensors`, { w: tensor([value]) }));
    expect(bits(averaged(paths).state, "w")).toEqual([Math.fround(1 / 3)]);
  });

  it("keeps the type of the first, rounded once", () => {
    const path = (name: string, dtype: "float16" | "bfloat16" | "float32" | "float64", value: number) =>
      file(`${name}.safetensors`, { w: tensor([value], [1], { dtype }) });
    const half = path("half", "float16", 1);
    const brain = path("brain", "bfloat16", 2);
    const single = path("single", "float32", 1 + 2 ** -20);
    const double = path("double", "float64", 1 + 2 ** -40);
    const mean = (...sources: string[]) => {
      const { state } = averaged(sources);
      return [state.get("w")?.dtype, ...bits(state, "w")];
    };
    // 1.5 is 0x3e00 as float16 and 0x3fc0 as bfloat16.
    expect(mean(half, brain)).toEqual(["float16", 0x3e00]);
    expect(mean(brain, half)).toEqual(["bfloat16", 0x3fc0]);
    expect(mean(single, double)).toEqual(["float32", 1 + 2 ** -21]);
    expect(mean(double, single)).toEqual(["float64", 1 + 2 ** -21 + 2 ** -41]);
  });

  it("of the same weights is these weights, bit by bit", () => {
    const network = new TinyNet().materialize(device(), 3);
    const path = join(folder, "same.safetensors");
    saveWeights(path, network);
    averaged([path, path, path], [0.1, 0.7, 0.4]);
    expect(readFileSync(join(folder, "out.safetensors")).equals(readFileSync(path))).toBe(true);
  });

  it("takes the state of networks, and leaves no tensors behind", () => {
    const networks = [1, 2].map((seed) => new TinyNet().materialize(device(), seed));
    const before = memory().tensors;
    using average = averageWeights(networks.map((network) => network.stateDict()));
    writeTensors(join(folder, "networks.safetensors"), average.tensors, average.metadata);
    expect(memory().tensors).toBe(before);
    const [first = [], second = []] = networks.map((network) => bits(network.stateDict(), "net.6.weight"));
    const wanted = first.map((value, i) => Math.fround((Number(value) + Number(second[i])) / 2));
    expect(bits(loadWeights(join(folder, "networks.safetensors")).state, "net.6.weight")).toEqual(wanted);
    expect(average.metadata).toEqual({});
  });

  it("reads a file's tensors one at a time, when they are asked for", () => {
    const path = file("lazy.safetensors", { w: tensor([1, 2]) });
    const average = averageWeights([path, path]);
    const read = average.tensors.get("w")?.read;
    expect([...new Float32Array(read?.().slice().buffer ?? [])]).toEqual([1, 2]);
    average[Symbol.dispose]();
    expect(() => read?.()).toThrow(FileError);
  });

  it("keeps what all files say of themselves", () => {
    const about = { model: "cifar_resnet20", classes: '["a","b"]' };
    const w = () => ({ w: tensor([1]) });
    const one = file("one.safetensors", w(), { ...about, epoch: "3", hyper_parameters: '{"depth":20}' });
    const two = file("two.pt", w(), { ...about, epoch: "4", hyper_parameters: '{"depth":20}' });
    const three = file("three.safetensors", w());
    averaged([one, two]);
    expect(readCheckpoint(join(folder, "out.safetensors"))).toMatchObject({
      metadata: about,
      hyperParameters: { depth: 20 },
    });
    expect(Object.keys(averaged([one, two]).metadata).sort()).toEqual(["classes", "model"]);
    expect(averaged([one, three]).metadata).toEqual({});
    const turned = file("turned.safetensors", w(), { ...about, classes: '["b","a"]' });
    expect(() => averageWeights([three, one, turned])).not.toThrow();
    expect(() => averageWeights([one, turned])).toThrow('was made for the classes ["b","a"], ');
  });

  it("lists all that does not fit, and leaves no file open", () => {
    const a = file("fit-a.safetensors", { w: tensor([1, 2]), b: tensor([1]), n: tensor(BigInt64Array.of(1n), []) });
    const b = file("fit-b.safetensors", {
      w: tensor([1, 2, 3]),
      n: tensor(Float32Array.of(1), []),
      extra: tensor([1]),
      more: tensor([1]),
    });
    const open = () => readdirSync("/proc/self/fd").length;
    const before = open();
    expect(() => averageWeights([a, b])).toThrow(
      expect.objectContaining({
        code: "STATE_DICT",
        message: [
          `${b}: is not of the same network as ${a}:`,
          "  missing: b",
          "  besides: extra, more",
          "  of another shape or type: n (float32 [], not int64 []), w (float32 [3], not float32 [2])",
        ].join("\n"),
      }),
    );
    expect(() => averageWeights([a, join(folder, "none.pt")])).toThrow(FileError);
    expect(open()).toBe(before);
  });

  it("refuses weights that are none", () => {
    const path = file("path.safetensors", { w: tensor([1]) });
    expect(() => averageWeights([])).toThrow(ArgumentError);
    expect(() => averageWeights([path, path], [1])).toThrow("2 networks to average need as many weights, not 1");
    expect(() => averageWeights([path, path], [1, -1])).toThrow("a weight of an average is -1");
    expect(() => averageWeights([path, path], [1, Number.NaN])).toThrow("is NaN");
    expect(() => averageWeights([path, path], [0, 0])).toThrow("are all 0");
  });
});
