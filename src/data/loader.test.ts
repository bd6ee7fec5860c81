import { describe, expect, it } from "vitest";
import { ArgumentError } from "../errors.js";
import { Random } from "../random.js";
import { NUCLEI_AUGMENTATION } from "./augment.js";
import { ImageSet } from "./image-set.js";
import { type Batch, Loader, type LoaderOptions } from "./loader.js";

const SIDE = 6;
const SIZE = 23;
const random = new Random("loader");
const set = new ImageSet({
  name: "some",
  classes: ["a", "b", "c"],
  width: SIDE,
  height: SIDE,
  pixels: Uint8Array.from({ length: SIZE * SIDE * SIDE * 3 }, () => random.below(256)),
  labels: Int32Array.from({ length: SIZE }, () => random.below(3)),
  names: Array.from({ length: SIZE }, (_, i) => `${i}`),
});
const normalization = { mean: [0.5, 0.4, 0.3], std: [0.25, 0.2, 0.1] } as const;

function loaderOf(options: Partial<LoaderOptions> = {}): Loader {
  return new Loader(set, { batchSize: 5, normalization, ...options });
}

const all = (batches: Iterable<Batch>): Batch[] => [...batches];
const indicesOf = (batches: Iterable<Batch>): number[] => all(batches).flatMap(({ indices }) => [...indices]);

describe("Loader", () => {
  it("gives every image once, in order, and the last batch what is left", () => {
    const batches = all(loaderOf().epoch(0));
    expect(batches).toHaveLength(loaderOf().batches);
    expect(batches.map(({ shape }) => shape)).toEqual([5, 5, 5, 5, 3].map((n) => [n, 3, SIDE, SIDE]));
    expect(indicesOf(batches)).toEqual([...set.labels.keys()]);
    for (const { labels, indices } of batches) {
      expect([...labels]).toEqual([...indices].map((index) => BigInt(set.labels[index] ?? -9)));
    }
  });

  it("normalises, channels first or last", () => {
    const [first] = loaderOf().epoch(0);
    const [last] = loaderOf({ layout: "nhwc" }).epoch(0);
    expect(last?.shape).toEqual([5, SIDE, SIDE, 3]);
    for (let n = 0; n < 5; n++) {
      for (let p = 0; p < SIDE * SIDE; p++) {
        for (let c = 0; c < 3; c++) {
          const exact =
            ((set.image(n)[3 * p + c] ?? 0) / 255 - (normalization.mean[c] ?? 0)) / (normalization.std[c] ?? 1);
          expect(first?.images[(n * 3 + c) * SIDE * SIDE + p]).toBeCloseTo(exact, 5);
          expect(last?.images[(n * SIDE * SIDE + p) * 3 + c]).toBeCloseTo(exact, 5);
        }
      }
    }
  });

  it("shuffles by seed and epoch, every image once", () => {
    const loader = loaderOf({ shuffle: true, seed: 4 });
    const order = indicesOf(loader.epoch(2));
    expect(order).toEqual([...new Random(4, "shuffle", 2).permutation(SIZE)]);
    expect([...order].sort((a, b) => a - b)).toEqual([...set.labels.keys()]);
    expect(indicesOf(loader.epoch(3))).not.toEqual(order);
    expect(indicesOf(loaderOf({ shuffle: true, seed: 5 }).epoch(2))).not.toEqual(order);
  });

  it("drops a last batch that is not full when asked to", () => {
    const loader = loaderOf({ dropLast: true });
    expect(loader.batches).toBe(4);
    expect(indicesOf(loader.epoch(0))).toHaveLength(20);
  });

  it("gives the same again, whatever was asked for before", () => {
    const options = { shuffle: true, seed: 9, augmentation: NUCLEI_AUGMENTATION };
    const loader = loaderOf(options);
    const epoch = loader.epoch(1);
    const once = all(epoch);
    expect(all(loader.epoch(0))[0]?.images).not.toEqual(once[0]?.images);
    expect(all(epoch)).toEqual(once);
    expect(all(loaderOf(options).epoch(1))).toEqual(once);
  });

  it("changes an image in the same way whichever batch it comes in", () => {
    const augmentation = NUCLEI_AUGMENTATION;
    const values = SIDE * SIDE * 3;
    const single = all(loaderOf({ augmentation, batchSize: 1 }).epoch(3));
    for (const { images, indices } of loaderOf({ augmentation, batchSize: 7, shuffle: true }).epoch(3)) {
      for (const [i, index] of indices.entries()) {
        expect(images.slice(i * values, (i + 1) * values)).toEqual(single[index]?.images);
      }
    }
  });

  it("refuses options that cannot work", () => {
    expect(() => loaderOf({ batchSize: 0 })).toThrow(ArgumentError);
    expect(() => loaderOf({ batchSize: 24, dropLast: true })).toThrow(/do not fill one batch/);
    expect(() => loaderOf({ normalization: { mean: [0, 0, 0], std: [1, 0, 1] } })).toThrow(/cannot normalise/);
    expect(() => new Loader(set.subset([]), { batchSize: 1, normalization })).toThrow(/empty/);
  });
});
