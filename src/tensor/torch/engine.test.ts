import { afterEach, describe, expect, test } from "vitest";
import {
  engineInfo,
  generatorState,
  isDeterministic,
  manualSeed,
  ones,
  operator,
  rand,
  randn,
  setDeterministic,
  setGeneratorState,
  setThreads,
  TorchTensor,
  tensor,
  threads,
  usableCores,
  zeros,
} from "./index.js";

const cores = threads();

afterEach(() => {
  setThreads(cores);
  setDeterministic(false);
});

describe("random numbers", () => {
  const draw = () => [...randn([5]).data(), ...rand([5]).data()];

  test("are the same after the same seed", () => {
    manualSeed(3);
    const first = draw();
    expect(draw()).not.toEqual(first);
    manualSeed(3);
    expect(draw()).toEqual(first);
    manualSeed(4);
    expect(draw()).not.toEqual(first);
    // libtorch's Mersenne twister, seed 0: torch.manual_seed(0); torch.rand(2)
    manualSeed(0);
    expect([...rand([2]).data()]).toEqual([expect.closeTo(0.49625658, 7), expect.closeTo(0.7682218, 7)]);
    expect(() => manualSeed(0.5)).toThrow(/whole number/);
    expect(() => manualSeed(Number.NaN)).toThrow(/whole number/);
  });

  test("go on where a saved state was taken", () => {
    manualSeed(1);
    // an odd count leaves half of a Box-Muller pair in the state
    randn([3]);
    const state = generatorState();
    const ahead = draw();
    draw();
    setGeneratorState(state);
    expect(draw()).toEqual(ahead);
    // the state is a copy
    setGeneratorState(state);
    expect(draw()).toEqual(ahead);
  });

  test("take no state that is none", () => {
    const before = generatorState();
    expect(() => setGeneratorState(zeros([3], { dtype: "uint8" }))).toThrow(/RNG state/);
    expect(() => setGeneratorState(ones([5056]))).toThrow(/ByteTensor|uint8/);
    expect(() => generatorState("gpu")).toThrow(/unknown device "gpu"/);
    expect(() => generatorState("cuda:64")).toThrow(/there is no device cuda:64/);
    setGeneratorState(before);
    expect(rand([1]).shape).toEqual([1]);
  });
});

describe("dropout", () => {
  test("zeroes a share of p and scales the others", () => {
    manualSeed(11);
    const [n, p] = [200_000, 0.3];
    const y = ones([n]).dropout(p);
    if (!(y instanceof TorchTensor)) throw new Error("not computed");
    const values = y.dataAs("float64");
    const zeroed = values.filter((v) => v === 0).length;
    // five standard deviations
    expect(Math.abs(zeroed / n - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / n));
    for (const v of values) if (v !== 0) expect(v).toBeCloseTo(1 / (1 - p), 6);
  });

  test.each(["row", "batch"] as const)("of whole samples, by %s", (mode) => {
    manualSeed(12);
    const [n, p] = [4000, 0.25];
    let dropped = 0;
    let runs = 0;
    for (let run = 0; run < (mode === "row" ? 1 : 400); run++) {
      const y = ones([mode === "row" ? n : 2, 2, 3]).stochasticDepth(p, mode);
      if (!(y instanceof TorchTensor)) throw new Error("not computed");
      const values = [...y.dataAs("float64")];
      const step = mode === "row" ? 6 : 12;
      for (let i = 0; i < values.length; i += step) {
        const sample = values.slice(i, i + step);
        expect(new Set(sample).size).toBe(1);
        expect([0, 1 / (1 - p)]).toContainEqual(expect.closeTo(sample[0] ?? Number.NaN, 6));
        if (sample[0] === 0) dropped++;
        runs++;
      }
    }
    expect(Math.abs(dropped / runs - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / runs));
  });

  test("with p = 1 gives zeros, and p outside 0…1 an error", () => {
    const x = tensor([1, 2, 3, 4], [2, 2]);
    for (const y of [x.dropout(1), x.stochasticDepth(1), x.stochasticDepth(1, "batch")]) {
      if (!(y instanceof TorchTensor)) throw new Error("not computed");
      expect([...y.data()]).toEqual([0, 0, 0, 0]);
    }
    expect(() => x.dropout(1.5)).toThrow(/probability/);
    expect(() => x.stochasticDepth(-0.1)).toThrow(/bernoulli/);
    expect(() => x.stochasticDepth(Number.NaN)).toThrow(/bernoulli/);
  });
});

describe("switches", () => {
  test("threads are as many as told, within reason", () => {
    setThreads(1);
    expect(threads()).toBe(1);
    setThreads(3);
    expect(threads()).toBe(3);
    expect(engineInfo().threads).toBe(3);
    expect([...ones([100_000]).add(1).slice(0, 99_999, 100_000).shape]).toEqual([1]);
    for (const wrong of [0, -1, 1e9, 0.5, Number.NaN]) expect(() => setThreads(wrong)).toThrow(/^setThreads: /);
    expect(threads()).toBe(3);
  });

  test.skipIf(process.env.OMP_NUM_THREADS)(
    "threads are the cores that the process may use where nothing else is said",
    () => {
      expect(cores).toBe(usableCores());
    },
  );

  test("deterministic algorithms only: operators without one then throw", () => {
    expect(isDeterministic()).toBe(false);
    const put = () =>
      operator("aten::put_")(zeros([4]).id, tensor(BigInt64Array.of(0n, 0n)).id, tensor([1, 2]).id, false);
    put();
    setDeterministic(true);
    expect(isDeterministic()).toBe(true);
    expect(put).toThrow(/aten::put_.*deterministic/);
  });

  test("the engine tells what it is", () => {
    const info = engineInfo();
    expect(info.version).toMatch(/^\d+\.\d+/);
    expect(info.cpuCapability).not.toBe("unknown");
    expect(info.cuda.available).toBe(info.cuda.devices.length > 0);
    if (!info.cuda.available) expect(info.cuda.reason).toBeTruthy();
  });
});
