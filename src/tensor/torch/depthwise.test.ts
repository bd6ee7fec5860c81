import { afterEach, describe, expect, test } from "vitest";
import { computed } from "../../../test/support/golden.js";
import { autocast, grad, inferenceMode, noGrad, randn, setFused, setThreads, type TorchTensor } from "./index.js";

type Layout = "contiguous" | "channelsLast";

interface Case {
  shape: readonly [number, number, number, number];
  kernel: number;
  stride?: number | readonly [number, number];
  padding?: number | readonly [number, number];
  dilation?: number;
  bias?: boolean;
}

interface Options {
  dtype?: "float32" | "float64";
  layout?: Layout;
  /** Of the gradient that comes in. */
  gradientLayout?: Layout;
}

afterEach(() => setFused(true));

/** Input, weight and, where there is one, bias. */
function inputsOf({ shape, kernel, bias }: Case, { dtype = "float64", layout = "channelsLast" }: Options = {}) {
  const leaves = [randn(shape, { dtype }).contiguous(layout), randn([shape[1], 1, kernel, kernel], { dtype })];
  if (bias) leaves.push(randn([shape[1]], { dtype }));
  for (const leaf of leaves) leaf.requiresGrad = true;
  return leaves;
}

function convolve(inputs: readonly TorchTensor[], { shape, stride = 1, padding = 0, dilation = 1 }: Case): TorchTensor {
  const [x, weight, bias = null] = inputs;
  if (!x || !weight) throw new Error("input or weight is missing");
  return computed(x.conv2d(weight, bias, { stride, padding, dilation, groups: shape[1] }));
}

/** The value and the gradients of all inputs, of the kernel and of libtorch. */
function onAndOff(
  inputs: readonly TorchTensor[],
  c: Case,
  { layout = "channelsLast", gradientLayout = layout }: Options,
) {
  let into: TorchTensor | undefined;
  const [on, off] = [true, false].map((fused) => {
    setFused(fused);
    const y = convolve(inputs, c);
    into ??= randn(y.shape, { dtype: y.dtype }).contiguous(gradientLayout);
    return [y, ...grad([y], inputs, { gradients: [into] }).map(computed)];
  });
  if (!on || !off) throw new Error("not run");
  return { on, off };
}

/** The largest difference, of the largest number. */
function distance(a: TorchTensor, b: TorchTensor): number {
  expect(a.shape).toEqual(b.shape);
  const [x, y] = [a.dataAs("float64"), b.dataAs("float64")];
  let [most, size] = [0, 1];
  for (const [i, value] of y.entries()) {
    most = Math.max(most, Math.abs((x[i] ?? Number.NaN) - value));
    size = Math.max(size, Math.abs(value));
  }
  return most / size;
}

function expectSame(c: Case, options: Options = {}, tolerance = 1e-13): void {
  const { on, off } = onAndOff(inputsOf(c, options), c, options);
  for (const [i, value] of on.entries()) expect(distance(value, computed(off[i]))).toBeLessThan(tolerance);
}

describe("depthwise convolution", () => {
  test.each<Case>([
    { shape: [2, 16, 9, 10], kernel: 3, padding: 1 },
    { shape: [2, 16, 9, 10], kernel: 3, stride: 2, padding: 1 },
    { shape: [1, 24, 17, 20], kernel: 5, padding: 2 },
    { shape: [3, 24, 20, 17], kernel: 5, stride: 2, padding: 2 },
    { shape: [2, 40, 14, 11], kernel: 7, padding: 3 },
    { shape: [2, 17, 19, 30], kernel: 7, stride: 2, padding: 3 },
    { shape: [2, 16, 8, 27], kernel: 3, bias: true },
    { shape: [2, 18, 9, 9], kernel: 3, stride: 2 },
    { shape: [2, 16, 6, 7], kernel: 3, stride: 2, padding: [0, 2] },
    { shape: [2, 16, 7, 6], kernel: 5, padding: [4, 1], bias: true },
    { shape: [2, 16, 7, 6], kernel: 5, stride: 2, padding: [1, 4] },
    { shape: [1, 16, 3, 4], kernel: 3, padding: 5 },
    { shape: [1, 16, 4, 3], kernel: 3, stride: 2, padding: 5 },
    { shape: [4, 333, 1, 1], kernel: 3, padding: 1, bias: true },
    { shape: [1, 16, 1, 40], kernel: 5, stride: 2, padding: 2 },
    { shape: [1, 16, 2, 2], kernel: 7, padding: 3 },
    { shape: [1, 130, 3, 3], kernel: 3 },
    { shape: [8, 300, 5, 6], kernel: 5, padding: 2 },
  ])("gives libtorch's numbers and gradients: %j", (c) => {
    expectSame(c);
    expectSame(c, { dtype: "float32" }, 3e-6);
    expectSame(c, { layout: "contiguous" });
  });

  test.each<Case>([
    { shape: [2, 20, 6, 7], kernel: 3, padding: 2, dilation: 2 },
    { shape: [2, 20, 9, 7], kernel: 3, stride: 3 },
    { shape: [2, 20, 9, 7], kernel: 3, stride: [1, 2] },
    { shape: [2, 20, 9, 7], kernel: 1, bias: true },
    { shape: [2, 20, 9, 7], kernel: 9, padding: 4 },
    { shape: [2, 7, 6, 5], kernel: 3, padding: 1 },
    { shape: [0, 20, 6, 5], kernel: 3, padding: 1, bias: true },
  ])("leaves to libtorch what it does not do: %j", (c) => expectSame(c));

  test("has the weight's gradient from the kernel: libtorch adds in another order", () => {
    const c: Case = { shape: [4, 32, 12, 12], kernel: 5, padding: 2 };
    for (const dtype of ["float32", "float64"] as const) {
      const { on, off } = onAndOff(inputsOf(c, { dtype }), c, {});
      expect(on[2]?.data()).not.toEqual(off[2]?.data());
    }
  });

  test("keeps channels last, whatever the layout of the gradient that comes in", () => {
    const c: Case = { shape: [2, 24, 9, 8], kernel: 3, padding: 1, bias: true };
    for (const options of [
      { gradientLayout: "contiguous" },
      { layout: "contiguous", gradientLayout: "channelsLast" },
    ] as const) {
      const { on, off } = onAndOff(inputsOf(c, options), c, options);
      for (const [i, value] of on.entries()) {
        expect(distance(value, computed(off[i]))).toBeLessThan(1e-13);
        expect(value.isContiguous("channelsLast")).toBe(off[i]?.isContiguous("channelsLast"));
      }
    }
  });

  test("takes a part of a larger tensor, and a weight that lies otherwise", () => {
    const c: Case = { shape: [2, 20, 9, 8], kernel: 3, padding: 1 };
    const wide = randn([2, 50, 9, 8], { dtype: "float64" }).contiguous("channelsLast");
    const turned = randn([3, 3, 1, 20], { dtype: "float64" });
    for (const leaf of [wide, turned]) leaf.requiresGrad = true;
    const [on, off] = [true, false].map((fused) => {
      setFused(fused);
      const y = convolve([computed(wide.slice(1, 7, 27)), computed(turned.permute([3, 2, 0, 1]))], c);
      return [y, ...grad([computed(y.mul(y).sum())], [wide, turned]).map(computed)];
    });
    for (const [i, value] of (on ?? []).entries()) expect(distance(value, computed(off?.[i]))).toBeLessThan(1e-12);
  });

  test("has second derivatives", () => {
    for (const stride of [1, 2]) {
      const c: Case = { shape: [2, 16, 6, 5], kernel: 3, stride, padding: 1, bias: true };
      const inputs = inputsOf(c);
      const [on, off] = [true, false].map((fused) => {
        setFused(fused);
        const y = convolve(inputs, c);
        const first = grad([computed(y.mul(y).mul(y).sum())], inputs, { createGraph: true }).map(computed);
        const length = first.map((g) => g.mul(g).sum()).reduce((a, b) => a.add(b));
        return grad([computed(length)], inputs).map(computed);
      });
      for (const [i, value] of (on ?? []).entries()) expect(distance(value, computed(off?.[i]))).toBeLessThan(1e-12);
    }
  });

  test("gives the gradients that are asked for, and none without them", () => {
    const c: Case = { shape: [2, 16, 6, 5], kernel: 3, padding: 1, bias: true };
    const inputs = inputsOf(c);
    const all = grad([computed(convolve(inputs, c).sum())], inputs).map(computed);
    for (const [i, leaf] of inputs.entries()) {
      const alone = inputs.map((x) => x.detach());
      alone[i] = leaf;
      const [only] = grad([computed(convolve(alone, c).sum())], [leaf]);
      expect(computed(only).data()).toEqual(all[i]?.data());
    }
    const y = convolve(inputs, c);
    for (const without of [noGrad, inferenceMode]) {
      const z = without(() => convolve(inputs, c));
      expect(z.requiresGrad).toBe(false);
      expect(z.data()).toEqual(y.data());
    }
  });

  test("does not depend on the number of threads", () => {
    const c: Case = { shape: [8, 144, 20, 20], kernel: 5, stride: 2, padding: 2 };
    const options: Options = { dtype: "float32" };
    const inputs = inputsOf(c, options);
    const into = randn([8, 144, 10, 10]).contiguous("channelsLast");
    const [one, two] = [1, 2].map((count) => {
      setThreads(count);
      const y = convolve(inputs, c);
      return [y, ...grad([y], inputs, { gradients: [into] })].map((value) => computed(value).data());
    });
    expect(one).toEqual(two);
  });

  test("in autocast is libtorch's, in bfloat16", () => {
    const c: Case = { shape: [2, 16, 6, 5], kernel: 3, padding: 1 };
    const inputs = inputsOf(c, { dtype: "float32" });
    const y = autocast("cpu", "bfloat16", () => convolve(inputs, c));
    expect(y.dtype).toBe("bfloat16");
    expect(distance(y, convolve(inputs, c))).toBeLessThan(0.02);
  });

  test("what does not fit is told as libtorch tells it", () => {
    const weight = randn([16, 1, 3, 3]);
    expect(() => randn([1, 18, 5, 5]).conv2d(weight, null, { groups: 16 })).toThrow(/groups/);
    expect(() => randn([1, 16, 2, 2]).contiguous("channelsLast").conv2d(weight, null, { groups: 16 })).toThrow(/size/);
    expect(() => randn([1, 16, 5, 5]).conv2d(weight, randn([3]), { groups: 16 })).toThrow(/bias/);
  });
});
