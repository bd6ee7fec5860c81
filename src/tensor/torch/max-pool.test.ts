import { describe, expect, test } from "vitest";
import {
  difference,
  type Input,
  layouts,
  onAndOff,
  type Real,
  type RunOptions,
  ties,
} from "../../../test/support/fused.js";
import { computed } from "../../../test/support/golden.js";
import type { Shape } from "../shape.js";
import { grad, inferenceMode, noGrad, randn, setFused, type TorchTensor, tensor } from "./index.js";

type Pool = Parameters<TorchTensor["maxPool2d"]>;
const dtypes: readonly Real[] = ["float32", "float64"];

/** libtorch adds up in the same order, so everything is the same to the last bit. */
function same(input: Input, pool: Pool, options: RunOptions): void {
  const { on, off } = onAndOff([input], (x) => x.maxPool2d(...pool), options);
  expect(difference(on, off), JSON.stringify(["shape" in input ? "values" : input, pool, options])).toBe(0);
}

describe("max pooling is libtorch's, with its gradient", () => {
  const pools: readonly Pool[] = [
    [3, { stride: 1, padding: 1 }],
    [3, { stride: 2, padding: 1 }],
    [3, { stride: 2, ceilMode: true }],
    [2],
    [2, { ceilMode: true }],
    [2, { stride: 1, padding: 1 }],
    [1],
    [[2, 3], { stride: [2, 1], padding: [0, 1] }],
    [[3, 2], { stride: 3, padding: 1, dilation: [1, 2], ceilMode: true }],
    [5, { stride: 1, padding: 2 }],
    [4, { stride: 3, padding: 2 }],
  ];
  const shapes: readonly Shape[] = [
    [2, 16, 6, 7],
    [1, 37, 5, 5],
    [3, 3, 8, 6],
    [1, 1, 5, 9],
  ];

  test.each(pools)("with a kernel of %j and %j", (...pool) => {
    for (const shape of shapes) {
      for (const dtype of dtypes) {
        for (const layout of layouts) same(shape, pool, { dtype, layout });
      }
      same(ties(shape), pool, {});
    }
  });

  test("whose values are equal, not numbers, or infinite", () => {
    const special = [Number.NaN, -Infinity, -Infinity, 1, 1, Infinity, 0, Number.NaN, -Infinity];
    for (const shape of shapes) {
      const length = shape.reduce((a, b) => a * b);
      const values = Float64Array.from({ length }, (_, i) => special[(i * 31) % 17] ?? -Infinity);
      for (const pool of pools) {
        for (const layout of layouts) same({ shape, values }, pool, { layout });
        same({ shape, values: values.fill(-Infinity) }, pool, {});
        same({ shape, values: values.fill(Number.NaN) }, pool, { layout: "contiguous" });
      }
    }
  });

  test("whatever the layout of the gradient that comes in", () => {
    for (const layout of layouts) {
      for (const gradientLayout of layouts) same([2, 20, 6, 6], [3, { padding: 1 }], { layout, gradientLayout });
    }
  });

  test("with more rows than a thread's share", () => same([6, 32, 40, 40], [3, { stride: 2, padding: 1 }], {}));
});

test("max pooling by hand: a maximum of several windows gathers their gradients", () => {
  const x = tensor([0, 1, 2, 1, 9, 1, 0, 1, 5], [1, 1, 3, 3], { dtype: "float64" });
  x.requiresGrad = true;
  const y = computed(x.maxPool2d(2, { stride: 1 }));
  expect([...y.data()]).toEqual([9, 9, 9, 9]);
  const [dx] = grad([y], [x], { gradients: [tensor([1, 2, 4, 8], [1, 1, 2, 2], { dtype: "float64" })] });
  expect([...computed(dx).data()]).toEqual([0, 0, 0, 0, 15, 0, 0, 0, 0]);
});

test("max pooling without a gradient gives the same", () => {
  const x = randn([2, 24, 9, 9]).contiguous("channelsLast");
  const values = () => computed(x.maxPool2d(3, { stride: 2, padding: 1 })).dataAs("float32");
  const wanted = values();
  expect(noGrad(values)).toEqual(wanted);
  expect(inferenceMode(values)).toEqual(wanted);
  x.requiresGrad = true;
  expect(values()).toEqual(wanted);
});

test("max pooling's gradient has a gradient", () => {
  const second = (fused: boolean, layout: "contiguous" | "channelsLast") => {
    setFused(fused);
    const x = wavy([2, 17, 6, 5]).contiguous(layout).detach();
    x.requiresGrad = true;
    const y = x.maxPool2d(3, { stride: 2, padding: 1 });
    const [first] = grad([computed(y.mul(y).sum())], [x], { createGraph: true });
    const [result] = grad([computed(computed(first).mul(computed(first)).sum())], [x]);
    return [...computed(result).dataAs("float64")];
  };
  try {
    for (const layout of ["contiguous", "channelsLast"] as const) {
      const wanted = second(false, layout);
      expect(wanted.some((value) => value !== 0)).toBe(true);
      second(true, layout).forEach((value, i) => {
        expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, 10);
      });
    }
  } finally {
    setFused(true);
  }
});

test("max pooling leaves what it does not know to libtorch", () => {
  expect(randn([0, 3, 4, 4]).maxPool2d(2).shape).toEqual([0, 3, 2, 2]);
  expect(randn([3, 4, 4]).maxPool2d(2).shape).toEqual([3, 2, 2]);
  expect(randn([1, 2, 4, 4]).to({ dtype: "bfloat16" }).maxPool2d(2).dtype).toBe("bfloat16");
  expect(() => randn([1, 2, 4, 4]).maxPool2d(2, { padding: 2 })).toThrow(/pad should be/);
  expect(() => randn([1, 2, 2, 2]).maxPool2d(3)).toThrow(/too small/);
  expect(randn([1, 2, 40, 40]).maxPool2d(20).shape).toEqual([1, 2, 2, 2]);
});

function wavy(shape: Shape): TorchTensor {
  const length = shape.reduce((a, b) => a * b);
  return tensor(
    Float64Array.from({ length }, (_, i) => Math.sin(i * i)),
    shape,
    { dtype: "float64" },
  );
}
