import { afterEach, expect, test } from "vitest";
import { laid, layouts } from "../../../test/support/fused.js";
import { computed } from "../../../test/support/golden.js";
import {
  generatorState,
  grad,
  inferenceMode,
  manualSeed,
  noGrad,
  ones,
  operator,
  randn,
  setFused,
  setGeneratorState,
  setThreads,
  TorchTensor,
  tensor,
  threads,
  zeros,
} from "./index.js";

const cores = threads();
afterEach(() => {
  setFused(true);
  setThreads(cores);
});

/** Salmon et al. 2011, Philox4x32-10, written down plainly. */
function philox(counter: readonly number[], seed: bigint): number[] {
  let [a = 0n, b = 0n, c = 0n, d = 0n] = counter.map(BigInt);
  const low = (x: bigint) => x & 0xffffffffn;
  let [first, second] = [low(seed), low(seed >> 32n)];
  for (let round = 0; round < 10; round++) {
    const [p, q] = [a * 0xd2511f53n, c * 0xcd9e8d57n];
    [a, b, c, d] = [(q >> 32n) ^ b ^ first, low(q), (p >> 32n) ^ d ^ second, low(p)];
    first = low(first + 0x9e3779b9n);
    second = low(second + 0xbb67ae85n);
  }
  return [a, b, c, d].map(Number);
}

/** What the generator will give next as 64 bits. */
function nextSeed(): bigint {
  const state = generatorState();
  const drawn = zeros([1], { dtype: "int64" });
  operator("aten::random_.from")(drawn.id, -(2n ** 63n), null);
  setGeneratorState(state);
  const [seed] = drawn.dataAs("int64");
  return BigInt.asUintN(64, seed ?? 0n);
}

test("philox as its authors publish it", () => {
  expect(philox([0, 0, 0, 0], 0n)).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
});

test("an element is dropped by the number of its place in memory", () => {
  const n = 1000;
  for (const [dtype, p] of [
    ["float32", 0.5],
    ["float64", 0.125],
  ] as const) {
    manualSeed(21);
    const seed = nextSeed();
    const kept = [...computed(ones([n], { dtype }).dropout(p)).dataAs("float64")].map((value) => value !== 0);
    const wanted = kept.map((_, i) => {
      // Blocks of 32: two words of each of eight calls, then the two others.
      const [block, place] = [Math.floor(i / 32), i % 32];
      const words = philox([(place % 16) >> 1, block, 0, 0], seed);
      return (words[(place >> 4) * 2 + (place & 1)] ?? 0) >= p * 2 ** 32;
    });
    expect(kept).toEqual(wanted);
  }
});

test("the mask is of the seed alone: not of threads, type or layout", () => {
  const shape = [3, 40, 9, 11];
  const mask = (layout: (typeof layouts)[number], dtype: "float32" | "float64", count: number) => {
    setThreads(count);
    manualSeed(4);
    const y = computed(laid(ones(shape, { dtype }), layout).dropout(0.4));
    // in the order of memory
    const plain = layout === "channelsLast" ? computed(y.permute([0, 2, 3, 1])) : y;
    return [...plain.dataAs("float64")].map((value) => value !== 0);
  };
  const wanted = mask("contiguous", "float32", 1);
  expect(wanted.filter(Boolean).length / wanted.length).toBeCloseTo(0.6, 1);
  for (const layout of layouts) {
    for (const count of [1, 2, 3]) expect(mask(layout, "float32", count)).toEqual(wanted);
    expect(mask(layout, "float64", 2)).toEqual(wanted);
  }
});

test("draws one seed from the generator: its state says what comes", () => {
  const draw = () => [...computed(ones([70]).dropout(0.5)).dataAs("float32")];
  manualSeed(9);
  const state = generatorState();
  const [first, second] = [draw(), draw()];
  expect(second).not.toEqual(first);
  setGeneratorState(state);
  expect([draw(), draw()]).toEqual([first, second]);
  manualSeed(9);
  expect(noGrad(draw)).toEqual(first);
  expect(inferenceMode(draw)).toEqual(second);
  manualSeed(9);
  const x = ones([70]);
  x.requiresGrad = true;
  expect([...computed(x.dropout(0.5)).dataAs("float32")]).toEqual(first);
});

test("the gradient has the mask of the value, whatever its layout, and after another dropout", () => {
  for (const layout of layouts) {
    for (const gradientLayout of layouts) {
      const x = laid(randn([2, 19, 5, 7], { dtype: "float64" }), layout).detach();
      x.requiresGrad = true;
      const y = computed(x.dropout(0.3));
      computed(x.dropout(0.3));
      const dy = laid(randn(x.shape, { dtype: "float64" }), gradientLayout);
      const dx = [...computed(grad([y], [x], { gradients: [dy] })[0]).dataAs("float64")];
      const [from, to, into] = [x, y, dy].map((t) => [...t.dataAs("float64")]);
      dx.forEach((value, i) => {
        expect(value).toBeCloseTo(((into?.[i] ?? 0) * (to?.[i] ?? 0)) / (from?.[i] ?? 0), 10);
      });
    }
  }
});

test("its gradient has a gradient", () => {
  const x = tensor(
    Float64Array.from({ length: 40 }, (_, i) => i - 19.5),
    [40],
    { dtype: "float64" },
  );
  x.requiresGrad = true;
  const y = computed(x.dropout(0.5));
  const [first] = grad([computed(y.mul(y).mul(y).sum())], [x], { createGraph: true });
  const [second] = grad([computed(computed(first).sum())], [x]);
  const [from, to] = [[...x.dataAs("float64")], [...y.dataAs("float64")]];
  // y = mx, so the second derivative of y³ is 6m³x
  [...computed(second).dataAs("float64")].forEach((value, i) => {
    expect(value).toBeCloseTo(to[i] === 0 ? 0 : 48 * (from[i] ?? 0), 10);
  });
});

test("what is no number stays none, dropped or not, as in libtorch", () => {
  for (const fused of [true, false]) {
    setFused(fused);
    const y = computed(tensor([Number.NaN, Number.NaN, Number.NaN, Number.NaN], [4]).dropout(0.5));
    expect([...y.data()].every(Number.isNaN)).toBe(true);
  }
});

test("probabilities at the ends, and other types, are libtorch's", () => {
  const x = tensor([1, 2, 3], [3]);
  expect([...computed(x.dropout(0)).data()]).toEqual([1, 2, 3]);
  expect([...computed(x.dropout(1)).data()]).toEqual([0, 0, 0]);
  expect(new Set(computed(ones([500]).dropout(1 - 2 ** -40)).dataAs("float32"))).toEqual(new Set([0]));
  expect(() => x.dropout(-0.1)).toThrow(/probability/);
  expect(() => x.dropout(Number.NaN)).toThrow(/probability/);
  expect(zeros([0, 3]).dropout(0.5).shape).toEqual([0, 3]);
  const half = computed(ones([64]).to({ dtype: "bfloat16" }).dropout(0.5));
  expect(half.dtype).toBe("bfloat16");
  expect(new Set(half.dataAs("float32"))).toEqual(new Set([0, 2]));
  expect(half).toBeInstanceOf(TorchTensor);
});
