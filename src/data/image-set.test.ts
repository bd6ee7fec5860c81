import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../errors.js";
import { Random } from "../random.js";
import { ImageSet, type ImageSetParts, UNLABELLED } from "./image-set.js";

const parts = (change: Partial<ImageSetParts> = {}): ImageSetParts => {
  const random = new Random("image set");
  return {
    name: "some",
    classes: ["a", "b"],
    width: 3,
    height: 2,
    pixels: Uint8Array.from({ length: 4 * 18 }, () => random.below(256)),
    labels: Uint8Array.of(0, 1, 1, 1),
    names: ["w", "x", "y", "z"],
    ...change,
  };
};

describe("ImageSet", () => {
  it("refuses parts that do not fit together", () => {
    expect(() => new ImageSet(parts({ names: ["w"] }))).toThrow(ShapeError);
    expect(() => new ImageSet(parts({ height: 3 }))).toThrow(ShapeError);
    expect(() => new ImageSet(parts({ width: 0 }))).toThrow(ArgumentError);
    expect(() => new ImageSet(parts({ classes: ["a", "a"] }))).toThrow(/twice/);
    expect(() => new ImageSet(parts({ labels: Uint8Array.of(0, 1, 2, 0) }))).toThrow(/image 2 \(y\) has label 2/);
    expect(() => new ImageSet(parts({ labels: Int32Array.of(0, 1, -2, 0) }))).toThrow(ArgumentError);
  });

  it("gives images as views and counts classes", () => {
    const set = new ImageSet(parts());
    expect(set.size).toBe(4);
    expect(set.image(1)).toEqual(set.pixels.slice(18, 36));
    expect(set.image(1).buffer).toBe(set.pixels.buffer);
    expect(set.classCounts()).toEqual([1, 3]);
    expect(() => set.image(4)).toThrow(/there is no image 4/);
    expect(() => set.image(0.5)).toThrow(ArgumentError);
    const labels = Int32Array.of(UNLABELLED, 0, 1, 0);
    expect(new ImageSet(parts({ labels })).classCounts()).toEqual([2, 1]);
  });

  it("copies a subset in the order asked for", () => {
    const set = new ImageSet(parts());
    const some = set.subset([3, 0, 3]);
    expect(some.names).toEqual(["z", "w", "z"]);
    expect([...some.labels]).toEqual([1, 0, 1]);
    expect(some.image(2)).toEqual(set.image(3));
    expect(some.image(2).buffer).not.toBe(set.pixels.buffer);
    expect(() => set.subset([4])).toThrow(ArgumentError);
  });

  it("computes mean and deviation of each channel as the two-pass formula in double precision does", () => {
    const set = new ImageSet(parts());
    const { mean, std } = set.channelStatistics();
    for (let c = 0; c < 3; c++) {
      const values = [...set.pixels].filter((_, i) => i % 3 === c).map((value) => value / 255);
      const average = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((a, b) => a + (b - average) ** 2, 0) / values.length;
      expect(mean[c]).toBeCloseTo(average, 12);
      expect(std[c]).toBeCloseTo(Math.sqrt(variance), 12);
    }
    const empty = parts({ pixels: new Uint8Array(0), labels: new Uint8Array(0), names: [] });
    expect(() => new ImageSet(empty).channelStatistics()).toThrow(ArgumentError);
  });
});
