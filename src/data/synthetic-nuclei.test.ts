import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { ArgumentError } from "../errors.js";
import type { ImageSet } from "./image-set.js";
import { syntheticNuclei } from "./synthetic-nuclei.js";

const CLASSES = 3;

/** Mean red, green and blue of each image over the pixels that `within` picks, in [0, 1]. */
function meanColours(set: ImageSet, within: (x: number, y: number) => boolean = () => true): number[][] {
  return Array.from({ length: set.size }, (_, i) => {
    const { width, height, pixels } = set.image(i);
    const sums = [0, 0, 0];
    let count = 0;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (!within(x, y)) continue;
        count++;
        const at = (y * width + x) * 3;
        for (let c = 0; c < 3; c++) sums[c] = (sums[c] ?? 0) + (pixels[at + c] ?? 0) / 255;
      }
    }
    return sums.map((sum) => sum / count);
  });
}

/** Standardises by the mean and deviation of `reference`, and appends a constant. */
function standardise(rows: number[][], reference: number[][]): number[][] {
  const columns = (reference[0] ?? []).map((_, c) => reference.map((row) => row[c] ?? 0));
  const moments = columns.map((column) => {
    const mean = column.reduce((a, b) => a + b, 0) / column.length;
    return { mean, std: Math.sqrt(column.reduce((a, b) => a + (b - mean) ** 2, 0) / column.length) };
  });
  return rows.map((row) => [...row.map((x, c) => (x - (moments[c]?.mean ?? 0)) / (moments[c]?.std ?? 1)), 1]);
}

function probabilities(weights: number[][], row: number[]): number[] {
  const scores = weights.map((w) => w.reduce((sum, weight, c) => sum + weight * (row[c] ?? 0), 0));
  const top = Math.max(...scores);
  const exps = scores.map((score) => Math.exp(score - top));
  const total = exps.reduce((a, b) => a + b, 0);
  return exps.map((value) => value / total);
}

/** Accuracy on `test` of multinomial logistic regression fitted to `train` by 3,000 full gradient steps. */
function linearAccuracy(
  train: number[][],
  trainLabels: ArrayLike<number>,
  test: number[][],
  testLabels: ArrayLike<number>,
) {
  const rows = standardise(train, train);
  const weights = Array.from({ length: CLASSES }, () => new Array<number>(rows[0]?.length ?? 0).fill(0));
  let steepest = 0;
  for (let step = 0; step < 3000; step++) {
    const gradient = weights.map((w) => w.map(() => 0));
    for (const [i, row] of rows.entries()) {
      const p = probabilities(weights, row);
      for (const [k, g] of gradient.entries()) {
        const error = (p[k] ?? 0) - (trainLabels[i] === k ? 1 : 0);
        for (const [c, x] of row.entries()) g[c] = (g[c] ?? 0) + (error * x) / rows.length;
      }
    }
    steepest = Math.max(...gradient.flat().map(Math.abs));
    for (const [k, w] of weights.entries()) for (const c of w.keys()) w[c] = (w[c] ?? 0) - (gradient[k]?.[c] ?? 0);
  }
  let right = 0;
  for (const [i, row] of standardise(test, train).entries()) {
    const p = probabilities(weights, row);
    if (p.indexOf(Math.max(...p)) === testLabels[i]) right++;
  }
  return { accuracy: right / test.length, steepest };
}

const digest = (set: ImageSet): string => createHash("sha256").update(set.pixels).digest("hex");

describe("syntheticNuclei", () => {
  it("draws each image from the seed and its number alone", () => {
    const set = syntheticNuclei({ count: 6, seed: 3 });
    const later = syntheticNuclei({ count: 2, seed: 3, start: 4 });
    for (const i of [0, 1]) expect(later.image(i)).toEqual(set.image(4 + i));
    expect(later.labels).toEqual(set.subset([4, 5]).labels);
    expect(later.names).toEqual(["synthetic/4", "synthetic/5"]);
    expect(digest(syntheticNuclei({ count: 6, seed: 4 }))).not.toBe(digest(set));
    expect(digest(set)).toBe("56b902cf3af71faa995b9ee503671d72718fc4b373ac55e85a04f8d6def24de6");
  });

  it("balances the classes to within one, wherever it starts", () => {
    for (const start of [0, 1, 2]) {
      const counts = syntheticNuclei({ count: 10, size: 16, start }).classCounts();
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    expect(syntheticNuclei({ count: 0 }).size).toBe(0);
  });

  it("draws the same scene at every size", () => {
    const small = meanColours(syntheticNuclei({ count: 9, size: 45 }));
    const large = meanColours(syntheticNuclei({ count: 9, size: 135 }));
    for (const [i, colour] of small.entries()) {
      for (const [c, value] of colour.entries()) expect(value).toBeCloseTo(large[i]?.[c] ?? 0, 1);
    }
  });

  it("refuses impossible numbers", () => {
    for (const options of [{ count: -1 }, { count: 1.5 }, { count: 1, size: 4 }, { count: 1, start: Number.NaN }]) {
      expect(() => syntheticNuclei(options)).toThrow(ArgumentError);
    }
  });

  describe("a linear model", () => {
    let train: ImageSet;
    let test: ImageSet;
    beforeAll(() => {
      train = syntheticNuclei({ count: 600, seed: 11 });
      test = syntheticNuclei({ count: 600, seed: 11, start: 600 });
    }, 60_000);

    it("cannot tell the classes by mean colour: below 55 % on images it has not seen", () => {
      const fit = linearAccuracy(meanColours(train), train.labels, meanColours(test), test.labels);
      expect(fit.steepest).toBeLessThan(1e-3);
      expect(fit.accuracy).toBeLessThan(0.55);
    });

    it("nor by the mean colour of what lies around the middle", () => {
      const around = (x: number, y: number): boolean => Math.hypot(x - 44.5, y - 44.5) > 32;
      const fit = linearAccuracy(meanColours(train, around), train.labels, meanColours(test, around), test.labels);
      expect(fit.accuracy).toBeLessThan(0.55);
    });

    it("does better on the colour of the very middle, so the nuclei do differ", () => {
      const middle = (x: number, y: number): boolean => Math.hypot(x - 44.5, y - 44.5) < 10;
      const fit = linearAccuracy(meanColours(train, middle), train.labels, meanColours(test, middle), test.labels);
      expect(fit.accuracy).toBeGreaterThan(0.5);
    });
  });
});
