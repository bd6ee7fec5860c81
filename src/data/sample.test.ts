import { describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { type AugmentationDraw, UNCHANGED } from "./augment.js";
import type { ChannelStatistics } from "./image-set.js";
import { type Layout, orientationTable, SampleWriter } from "./sample.js";

const IDENTITY: ChannelStatistics = { mean: [0, 0, 0], std: [1, 1, 1] };
const NORMALIZATION: ChannelStatistics = { mean: [0.7, 0.5, 0.8], std: [0.2, 0.3, 0.1] };
const clamp = (x: number): number => Math.min(1, Math.max(0, x));
const greyOf = ([r, g, b]: readonly number[]): number => 0.2989 * (r ?? 0) + 0.587 * (g ?? 0) + 0.114 * (b ?? 0);

/** torchvision's adjust_brightness, adjust_contrast and adjust_saturation on floats, one pixel after the other. */
function jittered(pixels: Uint8Array, { brightness, contrast, saturation }: AugmentationDraw): number[][] {
  let image = Array.from({ length: pixels.length / 3 }, (_, i) =>
    [...pixels.subarray(3 * i, 3 * i + 3)].map((v) => v / 255),
  );
  const blend = (other: (pixel: number[]) => number, ratio: number): number[][] =>
    image.map((pixel) => pixel.map((value) => clamp(ratio * value + (1 - ratio) * other(pixel))));
  image = blend(() => 0, brightness);
  const mean = image.reduce((sum, pixel) => sum + greyOf(pixel), 0) / image.length;
  image = blend(() => mean, contrast);
  return blend(greyOf, saturation);
}

function write(
  pixels: Uint8Array,
  order: Int32Array,
  draw: AugmentationDraw,
  stats = IDENTITY,
  layout: Layout = "nhwc",
) {
  const out = new Float32Array(pixels.length + 5);
  new SampleWriter(stats, layout).write(pixels, order, draw, out, 5);
  expect(out.subarray(0, 5).every((value) => value === 0)).toBe(true);
  return out.subarray(5);
}

/** An image whose red channel numbers its pixels. */
const numbered = (count: number): Uint8Array => Uint8Array.from({ length: 3 * count }, (_, i) => Math.floor(i / 3));

describe("orientation", () => {
  // 0 1 2
  // 3 4 5
  // 6 7 8
  it.each<[boolean, number, number[]]>([
    [false, 0, [0, 1, 2, 3, 4, 5, 6, 7, 8]],
    [false, 1, [2, 5, 8, 1, 4, 7, 0, 3, 6]],
    [false, 2, [8, 7, 6, 5, 4, 3, 2, 1, 0]],
    [false, 3, [6, 3, 0, 7, 4, 1, 8, 5, 2]],
    [true, 0, [2, 1, 0, 5, 4, 3, 8, 7, 6]],
    [true, 1, [0, 3, 6, 1, 4, 7, 2, 5, 8]],
    [true, 2, [6, 7, 8, 3, 4, 5, 0, 1, 2]],
    [true, 3, [8, 5, 2, 7, 4, 1, 6, 3, 0]],
  ])("flip %s, %d quarter turns", (flip, turns, expected) => {
    const out = write(numbered(9), orientationTable(3, 3, flip, turns), UNCHANGED);
    expect([...out].filter((_, i) => i % 3 === 0).map((value) => Math.round(value * 255))).toEqual(expected);
  });

  it("mirrors and turns oblong images", () => {
    const source = (flip: boolean, turns: number): number[] =>
      [...orientationTable(3, 2, flip, turns)].map((i) => i / 3);
    expect(source(true, 0)).toEqual([2, 1, 0, 5, 4, 3]);
    expect(source(false, 2)).toEqual([5, 4, 3, 2, 1, 0]);
    expect(source(false, 1)).toEqual([2, 5, 1, 4, 0, 3]);
    expect(source(false, 3)).toEqual([3, 0, 4, 1, 5, 2]);
  });
});

describe("colours", () => {
  const random = new Random("sample");
  const side = 9;
  const pixels = Uint8Array.from({ length: 3 * side * side }, () => random.below(256));
  const order = orientationTable(side, side, true, 1);

  it("normalises every byte as double precision does", () => {
    const all = Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3));
    const out = write(all, orientationTable(16, 16, false, 0), UNCHANGED, NORMALIZATION);
    for (const [i, value] of out.entries()) {
      const exact = ((all[i] ?? 0) / 255 - (NORMALIZATION.mean[i % 3] ?? 0)) / (NORMALIZATION.std[i % 3] ?? 1);
      expect(Math.abs(value - exact)).toBeLessThan(1e-6);
    }
  });

  it.each<[number, number, number]>([
    [1.1, 1, 1],
    [0.9, 1, 1],
    [1, 1.1, 1],
    [1, 0.9, 1],
    [1, 1, 1.1],
    [1, 1, 0.9],
    [1.08, 1.05, 1],
    [0.93, 1.07, 1.09],
    [1.6, 1.9, 2.5],
    [0, 0.5, 0],
    [1.3, 0, 1],
  ])("are torchvision's: brightness %d, contrast %d, saturation %d", (brightness, contrast, saturation) => {
    const draw = { ...UNCHANGED, brightness, contrast, saturation };
    const reference = jittered(pixels, draw);
    for (const layout of ["nhwc", "nchw"] as const) {
      const out = write(pixels, order, draw, NORMALIZATION, layout);
      for (const [p, from] of order.entries()) {
        for (let c = 0; c < 3; c++) {
          const exact = ((reference[from / 3]?.[c] ?? 0) - (NORMALIZATION.mean[c] ?? 0)) / (NORMALIZATION.std[c] ?? 1);
          const value = out[layout === "nhwc" ? 3 * p + c : c * side * side + p] ?? Number.NaN;
          expect(Math.abs(value - exact)).toBeLessThan(2e-6);
        }
      }
    }
  });
});
