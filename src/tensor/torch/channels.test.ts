import { describe, expect, test } from "vitest";
import { difference, distance, layouts, onAndOff, type Real } from "../../../test/support/fused.js";
import { computed } from "../../../test/support/golden.js";
import type { Shape } from "../shape.js";
import { autocast, grad, noGrad, randn, setFused, setThreads, threads, zeros } from "./index.js";

const precision: readonly [Real, number][] = [
  ["float32", 2e-5],
  ["float64", 1e-12],
];
/** Few and many pixels, channels of every remainder, more channels than a task takes. */
const shapes: readonly Shape[] = [
  [2, 16, 6, 7],
  [1, 37, 13, 11],
  [3, 3, 1, 2],
  [2, 300, 3, 3],
  [1, 1, 5, 9],
  [2, 5, 1, 1],
];
const factorsOf = ([n = 0, c = 0]: Shape): Shape => [n, c, 1, 1];

describe("a factor for every channel", () => {
  test.each(shapes)("of [%i, %i, %i, %i], with both gradients in one pass", (...shape) => {
    for (const [dtype, tolerance] of precision) {
      for (const layout of layouts) {
        for (const gradientLayout of layouts) {
          const options = { dtype, layout, gradientLayout };
          const { on, off } = onAndOff([shape, factorsOf(shape)], (x, s) => x.mul(s), options);
          expect(distance(on.value, off.value)).toBe(0);
          expect(difference(on, off)).toBeLessThan(tolerance);
        }
      }
    }
  });

  test("by hand", () => {
    const { on } = onAndOff(
      [
        { shape: [1, 2, 1, 2], values: [1, 2, 3, 4] },
        { shape: [1, 2, 1, 1], values: [10, 100] },
      ],
      (x, s) => x.mul(s).mul(x),
    );
    expect([...on.value]).toEqual([10, 40, 900, 1600]);
  });

  test("other products are as before, also those that look alike", () => {
    const cases: [Shape, Shape][] = [
      [
        [2, 3, 4, 4],
        [2, 3, 4, 4],
      ],
      [
        [2, 3, 4, 4],
        [1, 3, 1, 1],
      ],
      [
        [2, 3, 4, 4],
        [2, 1, 1, 1],
      ],
      [
        [1, 3, 4, 4],
        [2, 3, 1, 1],
      ],
      [
        [2, 3, 1, 1],
        [2, 3, 4, 4],
      ],
      [[2, 3], [3]],
    ];
    for (const [a, b] of cases) {
      const { on, off } = onAndOff([a, b], (x, y) => x.mul(y), { dtype: "float64" });
      expect(difference(on, off)).toBe(0);
    }
    expect(randn([2, 3, 4, 4]).mul(randn([2, 3, 1, 1], { dtype: "float64" })).dtype).toBe("float64");
    expect(zeros([0, 3, 4, 4]).mul(zeros([0, 3, 1, 1])).shape).toEqual([0, 3, 4, 4]);
  });

  test("of which one alone wants a gradient", () => {
    for (const wants of [0, 1]) {
      const leaves = [randn([2, 4, 3, 3]), randn([2, 4, 1, 1])] as const;
      const leaf = leaves[wants === 0 ? 0 : 1];
      leaf.requiresGrad = true;
      const [gradient] = grad([computed(leaves[0].mul(leaves[1]).sum())], [leaf]);
      expect(computed(gradient).shape).toEqual(leaf.shape);
    }
  });

  test("under autocast, and without a graph", () => {
    const [x, s] = [randn([2, 4, 3, 3]), randn([2, 4, 1, 1])];
    const wanted = computed(x.mul(s)).dataAs("float32");
    x.requiresGrad = true;
    s.requiresGrad = true;
    expect(noGrad(() => computed(x.mul(s)).dataAs("float32"))).toEqual(wanted);
    expect(autocast("cpu", "bfloat16", () => computed(x.mul(s)).dataAs("float32"))).toEqual(wanted);
  });
});

describe("the mean of every channel", () => {
  test.each(shapes)("of [%i, %i, %i, %i], whose gradient is the same for all pixels", (...shape) => {
    for (const [dtype, tolerance] of precision) {
      for (const layout of layouts) {
        const { on, off } = onAndOff([shape], (x) => x.mean([2, 3], true), { dtype, layout });
        expect(distance(on.value, off.value)).toBe(0);
        expect(difference(on, off)).toBeLessThan(tolerance);
      }
    }
  });

  test("of other dimensions is as before", () => {
    for (const [dims, keep] of [
      [[2, 3], false],
      [[1, 2], true],
      [[2], true],
      [[3, 2], true],
    ] as const) {
      const { on, off } = onAndOff([[2, 3, 4, 5]], (x) => x.mean(dims, keep));
      expect(on.value).toEqual(off.value);
      expect(on.shapes).toEqual(off.shapes);
    }
    expect(() => randn([2, 3]).mean([2, 3], true)).toThrow(/Dimension out of range/);
    expect(randn([2, 3, 4, 5, 6]).mean([2, 3], true).shape).toEqual([2, 3, 1, 1, 6]);
  });
});

test("squeeze and excitation: both at once, and the gradient of the gradient", () => {
  const options = { dtype: "float64" } as const;
  for (const layout of layouts) {
    const { on, off } = onAndOff([[2, 19, 5, 4]], (x) => x.mul(x.mean([2, 3], true).sigmoid()), { ...options, layout });
    expect(difference(on, off)).toBeLessThan(1e-12);
    const twice = onAndOff(
      [[2, 5, 3, 4]],
      (x) => {
        const y = x.mul(x.mean([2, 3], true).sigmoid());
        const [first] = grad([computed(y.mul(y).sum())], [x], { createGraph: true });
        return computed(first).mul(computed(first));
      },
      { ...options, layout },
    );
    expect(twice.off.gradients[0]?.some((value) => Math.abs(value) > 0.1)).toBe(true);
    expect(difference(twice.on, twice.off)).toBeLessThan(1e-11);
  }
});

test("the factors' gradient is exact in long sums, and does not depend on threads", () => {
  const shape = [1, 130, 120, 120];
  const x = randn(shape).contiguous("channelsLast");
  const s = randn(factorsOf(shape));
  const dy = randn(shape).contiguous("channelsLast");
  const exact = computed(
    dy
      .to({ dtype: "float64" })
      .mul(x.to({ dtype: "float64" }))
      .sum([2, 3]),
  ).dataAs("float64");
  s.requiresGrad = true;
  x.requiresGrad = true;
  const cores = threads();
  setFused(true);
  try {
    const [one, three] = [1, 3].map((count) => {
      setThreads(count);
      return computed(grad([computed(x.mul(s))], [s], { gradients: [dy] })[0]).dataAs("float64");
    });
    expect(three).toEqual(one);
    // 14,400 products of deviation 1: sums of about 120
    expect(
      distance(
        one?.map((value) => value / 120) ?? [],
        exact.map((value) => value / 120),
      ),
    ).toBeLessThan(1e-6);
  } finally {
    setThreads(cores);
  }
});
