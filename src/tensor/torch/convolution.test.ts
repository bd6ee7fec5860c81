import { afterEach, describe, expect, test } from "vitest";
import type { Tensor } from "../tensor.js";
import { grad, manualSeed, randn, setFused, setThreads, TorchTensor, threads } from "./index.js";

interface Case {
  /** [N, C, H, W] */
  x: readonly [number, number, number, number];
  outChannels: number;
  kernel: number;
  stride?: number;
  padding?: number;
}

// Those whose gradients are sums of outer products, with sizes that fill no vector, no tile and no block among them.
const cases: [string, Case][] = [
  ["1x1, whole vectors", { x: [4, 32, 9, 11], outChannels: 16, kernel: 1 }],
  ["1x1, odd widths", { x: [3, 37, 8, 8], outChannels: 13, kernel: 1 }],
  ["1x1, one channel each", { x: [2, 1, 5, 5], outChannels: 1, kernel: 1 }],
  ["1x1, wide enough for several tiles", { x: [8, 144, 9, 9], outChannels: 70, kernel: 1 }],
  ["images of three channels", { x: [8, 3, 32, 32], outChannels: 10, kernel: 3, padding: 1 }],
  ["images, strided", { x: [8, 3, 63, 49], outChannels: 24, kernel: 3, stride: 2, padding: 1 }],
  ["one channel, wide padding", { x: [16, 1, 20, 20], outChannels: 6, kernel: 5, padding: 4 }],
  // Those of Winograd's filtering.
  ["3x3, whole tiles and vectors", { x: [4, 32, 16, 16], outChannels: 64, kernel: 3, padding: 1 }],
  ["3x3, tiles and vectors cut off", { x: [3, 21, 11, 14], outChannels: 35, kernel: 3, padding: 1 }],
  ["3x3, three vectors, no padding", { x: [2, 48, 12, 9], outChannels: 48, kernel: 3 }],
  ["3x3, many vectors, wide padding", { x: [2, 16, 7, 6], outChannels: 150, kernel: 3, padding: 2 }],
  ["3x3, a tile high", { x: [5, 9, 4, 17], outChannels: 80, kernel: 3, padding: 1 }],
];

afterEach(() => setFused(true));

function computed(tensor: Tensor): TorchTensor {
  if (!(tensor instanceof TorchTensor)) throw new Error("not computed");
  return tensor;
}

/** The result, and the gradients with respect to image, weight and bias of its product with fixed numbers. */
function run(
  { x: shape, outChannels, kernel, stride = 1, padding = 0 }: Case,
  dtype: "float32" | "float64",
  on: boolean,
) {
  setFused(on);
  manualSeed(3);
  const leaf = (sizes: readonly number[]) => {
    const made = randn(sizes)
      .to({ dtype })
      .contiguous(sizes.length === 4 ? "channelsLast" : "contiguous");
    made.requiresGrad = true;
    return made;
  };
  const [x, weight, bias] = [leaf(shape), leaf([outChannels, shape[1], kernel, kernel]), leaf([outChannels])];
  const y = computed(x.conv2d(weight, bias, { stride, padding }));
  // Contiguous, as it comes from a layer that knows no channels last.
  const cotangent = randn(y.shape).to({ dtype });
  const gradients = grad([y], [x, weight, bias], { gradients: [cotangent] });
  return [y, ...gradients].map((tensor) => {
    if (tensor === null) throw new Error("no gradient");
    return tensor.dataAs("float64");
  });
}

function largestError(a: Float64Array, b: Float64Array): number {
  const scale = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0) / scale;
}

describe("the gradients of a convolution", () => {
  test.each(cases)("with a kernel of %s are libtorch's", (_, shape) => {
    for (const [dtype, most] of [
      ["float64", 1e-13],
      ["float32", 1e-5],
    ] as const) {
      const [ours, theirs] = [run(shape, dtype, true), run(shape, dtype, false)];
      for (const [i, values] of ours.entries()) {
        expect(largestError(values, theirs[i] ?? new Float64Array())).toBeLessThan(most);
      }
    }
  });

  test("do not depend on the number of threads", () => {
    const before = threads();
    try {
      const [one, four] = [1, 4].map((count) => {
        setThreads(count);
        return run({ x: [8, 3, 32, 32], outChannels: 10, kernel: 3, padding: 1 }, "float32", true)[2];
      });
      expect(one).toEqual(four);
    } finally {
      setThreads(before);
    }
  });

  test("have gradients of their own", () => {
    const second = (on: boolean) => {
      setFused(on);
      manualSeed(4);
      const x = randn([4, 3, 9, 9]).to({ dtype: "float64" }).contiguous("channelsLast");
      const weight = randn([5, 3, 1, 1]).to({ dtype: "float64" });
      weight.requiresGrad = true;
      const [first] = grad([computed(x.conv2d(weight).silu().sum())], [weight], { createGraph: true });
      if (!first) throw new Error("no gradient");
      const [found] = grad([computed(first.mul(first).sum())], [weight]);
      if (!found) throw new Error("no gradient");
      return found.dataAs("float64");
    };
    expect(largestError(second(true), second(false))).toBeLessThan(1e-12);
  });

  test("are left out where nobody asks for them", () => {
    const x = randn([4, 3, 9, 9]).contiguous("channelsLast");
    const weight = randn([5, 3, 1, 1]);
    const bias = randn([5]);
    bias.requiresGrad = true;
    const [ofBias] = grad([computed(x.conv2d(weight, bias).sum())], [bias]);
    expect([...(ofBias?.data() ?? [])]).toEqual(Array.from({ length: 5 }, () => 4 * 81));
    weight.requiresGrad = true;
    expect(grad([computed(x.conv2d(weight, bias).sum())], [weight])[0]?.shape).toEqual([5, 3, 1, 1]);
  });

  test("of no images are zero", () => {
    const x = randn([0, 3, 9, 9]).contiguous("channelsLast");
    const weight = randn([5, 3, 1, 1]);
    weight.requiresGrad = true;
    const [found] = grad([computed(x.conv2d(weight).sum())], [weight]);
    expect(found?.sum([0, 1, 2, 3]).shape).toEqual([]);
    expect([...(found?.data() ?? [1])].every((value) => value === 0)).toBe(true);
  });
});
