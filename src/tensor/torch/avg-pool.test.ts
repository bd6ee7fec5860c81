import { describe, expect, test } from "vitest";
import { difference, layouts, onAndOff, type Real } from "../../../test/support/fused.js";
import { computed } from "../../../test/support/golden.js";
import type { Shape } from "../shape.js";
import { grad, noGrad, randn, type TorchTensor } from "./index.js";

type Pool = Parameters<TorchTensor["avgPool2d"]>;
const dtypes: readonly [Real, number][] = [
  ["float32", 1e-6],
  ["float64", 1e-14],
];

describe("mean pooling is libtorch's, with its gradient", () => {
  const shapes: readonly Shape[] = [
    [2, 16, 6, 8],
    [1, 37, 7, 5],
    [3, 3, 9, 6],
    [1, 1, 5, 9],
  ];
  test.each<Pool>([
    [2],
    [2, { ceilMode: true }],
    [3],
    [[2, 3]],
    [[3, 2]],
    [1],
    [5],
    // libtorch's own
    [3, { stride: 2, padding: 1 }],
    [2, { padding: 1, countIncludePad: false }],
  ])("with a kernel of %j and %j", (...pool) => {
    for (const shape of shapes) {
      for (const [dtype, tolerance] of dtypes) {
        for (const layout of layouts) {
          const { on, off } = onAndOff([shape], (x) => x.avgPool2d(...pool), { dtype, layout });
          expect(difference(on, off)).toBeLessThan(tolerance);
        }
      }
    }
  });

  test("whatever the layout of the gradient that comes in, and with threads", () => {
    for (const layout of layouts) {
      for (const gradientLayout of layouts) {
        const { on, off } = onAndOff([[5, 20, 32, 34]], (x) => x.avgPool2d(2), { layout, gradientLayout });
        expect(difference(on, off)).toBeLessThan(1e-6);
      }
    }
  });
});

test("mean pooling's gradient has a gradient", () => {
  for (const layout of layouts) {
    const { on, off } = onAndOff(
      [[2, 3, 5, 7]],
      (x) => {
        const y = x.avgPool2d([2, 3]);
        const [first] = grad([computed(y.mul(y).mul(y).sum())], [x], { createGraph: true });
        return computed(first);
      },
      { dtype: "float64", layout },
    );
    expect(off.gradients[0]?.some((value) => value !== 0)).toBe(true);
    expect(difference(on, off)).toBeLessThan(1e-12);
  }
});

test("mean pooling leaves what it does not know to libtorch", () => {
  expect(randn([3, 4, 4]).avgPool2d(2).shape).toEqual([3, 2, 2]);
  expect(randn([0, 3, 4, 4]).avgPool2d(2).shape).toEqual([0, 3, 2, 2]);
  expect(randn([1, 3, 4, 4]).to({ dtype: "bfloat16" }).avgPool2d(2).dtype).toBe("bfloat16");
  expect(() => randn([1, 3, 2, 2]).avgPool2d(3)).toThrow(/too small/);
  expect(noGrad(() => randn([1, 3, 4, 4]).avgPool2d(2)).shape).toEqual([1, 3, 2, 2]);
});
