import { expect, test } from "vitest";
import { difference, layouts, onAndOff } from "../../../test/support/fused.js";
import { computed } from "../../../test/support/golden.js";
import type { Shape } from "../shape.js";
import { grad, noGrad, randn, type TorchTensor } from "./index.js";

const join = (x: TorchTensor, ...others: TorchTensor[]) => x.cat(others, 1);

test.each([
  [[16, 32, 8, 8]],
  [[16, 112]],
  [[112, 16]],
  [[1, 2, 3, 4, 5, 6, 7]],
  [[64, 64]],
  [[37, 1, 9]],
  [[5, 300, 24]],
  [[20]],
])("channels %j behind each other, and their gradients", (channels) => {
  for (const [n, h, w] of [
    [2, 3, 5],
    [1, 1, 7],
    [3, 11, 13],
  ] as const) {
    const shapes = channels.map((c): Shape => [n, c, h, w]);
    for (const dtype of ["float32", "float64"] as const) {
      for (const layout of layouts) {
        for (const gradientLayout of layouts) {
          const { on, off } = onAndOff(shapes, join, { dtype, layout, gradientLayout });
          expect(difference(on, off)).toBe(0);
        }
      }
    }
  }
});

test("channels last stay so, forwards and backwards", () => {
  const pieces = [16, 8, 40].map((c) => randn([2, c, 4, 4]).contiguous("channelsLast"));
  for (const piece of pieces) piece.requiresGrad = true;
  const [a, b, c] = pieces;
  if (!a || !b || !c) throw new Error("three of them");
  const y = computed(a.cat([b, c], 1));
  expect(y.isContiguous("channelsLast")).toBe(true);
  const gradients = grad([y], pieces, { gradients: [randn(y.shape).contiguous("channelsLast")] }).map(computed);
  expect(gradients.slice(0, 2).every((g) => g.isContiguous("channelsLast"))).toBe(true);
  expect(noGrad(() => computed(a.cat([b, c], 1))).dataAs("float32")).toEqual(y.dataAs("float32"));
});

test("a tensor without a gradient among others", () => {
  const [a, b] = [randn([2, 4, 3, 3]).contiguous("channelsLast"), randn([2, 6, 3, 3]).contiguous("channelsLast")];
  b.requiresGrad = true;
  const [gradient] = grad([computed(a.cat([b, a], 1).sum())], [b]);
  expect([...computed(gradient).dataAs("float32")].every((value) => value === 1)).toBe(true);
});

test("the gradient has a gradient", () => {
  const { on, off } = onAndOff(
    [
      [2, 4, 3, 3],
      [2, 9, 3, 3],
    ],
    (a, b) => {
      const sum = a
        .cat([b], 1)
        .mul(a.cat([b], 1))
        .sum();
      const [first] = grad([computed(sum.mul(sum))], [b], { createGraph: true });
      return computed(first);
    },
    { dtype: "float64" },
  );
  expect(off.gradients[1]?.some((value) => value !== 0)).toBe(true);
  expect(difference(on, off)).toBe(0);
});

test("other dimensions, types and shapes are libtorch's", () => {
  const x = randn([2, 4, 3, 3]).contiguous("channelsLast");
  expect(x.cat([x], 0).shape).toEqual([4, 4, 3, 3]);
  expect(x.cat([x], -1).shape).toEqual([2, 4, 3, 6]);
  expect(x.cat([x], -3).shape).toEqual([2, 8, 3, 3]);
  expect(x.cat([x.to({ dtype: "float64" })], 1).dtype).toBe("float64");
  expect(randn([0, 4, 3, 3]).cat([randn([0, 2, 3, 3])], 1).shape).toEqual([0, 6, 3, 3]);
  expect(() => x.cat([randn([2, 4, 2, 3]).contiguous("channelsLast")], 1)).toThrow(/Sizes of tensors must match/);
});
