import { describe, expect, test } from "vitest";
import { randn, TorchTensor, tensor } from "./index.js";

/** Wu et al. 2017, equation 2, with one loop for each dimension. */
function shifted(x: ArrayLike<number>, [n, c, h, w]: readonly [number, number, number, number], k: number) {
  const out = new Float64Array(n * c * h * w);
  const group = Math.floor(c / (k * k));
  const at = (s: number, m: number, row: number, column: number) => ((s * c + m) * h + row) * w + column;
  for (let s = 0; s < n; s++) {
    for (let m = 0; m < c; m++) {
      const place = m < group * k * k ? Math.floor(m / group) : (k * k - 1) / 2;
      const down = Math.floor(place / k) - (k - 1) / 2;
      const right = (place % k) - (k - 1) / 2;
      for (let row = 0; row < h; row++) {
        for (let column = 0; column < w; column++) {
          const [from, left] = [row - down, column - right];
          if (from < 0 || from >= h || left < 0 || left >= w) continue;
          out[at(s, m, row, column)] = x[at(s, m, from, left)] ?? Number.NaN;
        }
      }
    }
  }
  return out;
}

describe("shift", () => {
  test.each([
    [[2, 9, 4, 5], 3],
    [[1, 20, 3, 3], 3],
    [[1, 8, 3, 3], 3],
    [[2, 50, 4, 3], 5],
    [[1, 25, 2, 1], 5],
    [[2, 3, 4, 4], 1],
  ] as const)("of %j with a kernel of %i is what the paper says", (shape, kernel) => {
    for (const format of ["contiguous", "channelsLast"] as const) {
      const x = randn(shape).contiguous(format);
      const y = x.shift(kernel);
      if (!(y instanceof TorchTensor)) throw new Error("not computed");
      expect(y.dataAs("float64")).toEqual(shifted(x.dataAs("float64"), shape, kernel));
      expect(y.isContiguous(format)).toBe(true);
    }
  });

  test("with more places than channels moves none, whatever the kernel", () => {
    const x = tensor([1, 2], [1, 2, 1, 1]);
    for (const kernel of [3, 2 ** 31 + 1, 2 ** 52 + 1]) {
      const y = x.shift(kernel);
      if (!(y instanceof TorchTensor)) throw new Error("not computed");
      expect([...y.data()]).toEqual([1, 2]);
    }
  });

  test("takes images and odd kernels", () => {
    expect(() => randn([2, 3]).shift(3)).toThrow("fovea::shift(float32[2, 3]): shift takes [N, C, H, W]");
    for (const kernel of [0, -1, 2]) expect(() => randn([1, 9, 3, 3]).shift(kernel)).toThrow(/odd kernel size/);
  });
});
