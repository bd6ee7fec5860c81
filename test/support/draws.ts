import { expect } from "vitest";
import { drawOps, type ImageOp, parsePipeline, type TransformInput } from "../../src/data/transforms/index.js";

type OpOf<Name extends ImageOp["op"]> = Extract<ImageOp, { op: Name }>;

/** What is drawn for `count` samples. */
export function draws(transforms: readonly TransformInput[], count = 4000): ImageOp[][] {
  const pipeline = parsePipeline(transforms);
  return Array.from({ length: count }, (_, sample) => drawOps(pipeline, [5, 0, sample, 0]));
}

/** The operations of one kind among all that were drawn. */
export function opsOf<Name extends ImageOp["op"]>(drawn: readonly ImageOp[][], name: Name): OpOf<Name>[] {
  return drawn.flat().filter((op): op is OpOf<Name> => op.op === name);
}

/** That values are uniform in a range: in it, close to both ends, and evenly spread (chi-squared with 9 degrees of freedom). */
export function expectUniform(values: readonly number[], least: number, greatest: number): void {
  const width = greatest - least;
  expect(Math.min(...values)).toBeGreaterThanOrEqual(least);
  expect(Math.max(...values)).toBeLessThanOrEqual(greatest);
  expect(Math.min(...values)).toBeLessThan(least + 0.01 * width);
  expect(Math.max(...values)).toBeGreaterThan(greatest - 0.01 * width);
  const bins = new Array<number>(10).fill(0);
  for (const value of values) {
    const bin = Math.min(9, Math.floor((10 * (value - least)) / width));
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  const expected = values.length / 10;
  // 33.7 is the 99.99th percentile.
  expect(bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(33.7);
}

/** That a share of 4000 is about `p`: within five deviations. */
export function expectShare(count: number, p: number, of = 4000): void {
  expect(Math.abs(count / of - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / of));
}
