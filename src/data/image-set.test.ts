import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../errors.js";
import { Random } from "../random.js";
import { FileSet, ImageSet, type ImageSetParts, UNLABELLED } from "./image-set.js";

const parts = (change: Partial<ImageSetParts> = {}): ImageSetParts => {
  const random = new Random("image set");
  return {
    name: "some",
    classes: ["a", "b"],
    sizes: { width: 3, height: 2 },
    pixels: Uint8Array.from({ length: 4 * 18 }, () => random.below(256)),
    labels: Uint8Array.of(0, 1, 1, 1),
    names: ["w", "x", "y", "z"],
    ...change,
  };
};

/** Four images of 1x1, 2x3, 4x2 and 3x1: 3, 18, 24 and 9 bytes. */
const sizes = Uint32Array.of(1, 1, 2, 3, 4, 2, 3, 1);
const varied = (change: Partial<ImageSetParts> = {}): ImageSetParts =>
  parts({ sizes, pixels: Uint8Array.from({ length: 54 }, (_, i) => i), ...change });

describe("ImageSet", () => {
  it("refuses parts that do not fit together", () => {
    expect(() => new ImageSet(parts({ names: ["w"] }))).toThrow(ShapeError);
    expect(() => new ImageSet(parts({ groups: ["p", "q"] }))).toThrow(/4 labels but 2 groups/);
    expect(() => new ImageSet(parts({ sizes: { width: 3, height: 3 } }))).toThrow(ShapeError);
    expect(() => new ImageSet(parts({ sizes: { width: 0, height: 2 } }))).toThrow(ArgumentError);
    expect(() => new ImageSet(parts({ sizes: { width: 1.5, height: 4 } }))).toThrow(ArgumentError);
    expect(() => new ImageSet(parts({ classes: ["a", "a"] }))).toThrow(/twice/);
    expect(() => new ImageSet(parts({ labels: Uint8Array.of(0, 1, 2, 0) }))).toThrow(/image 2 \(y\) has label 2/);
    expect(() => new ImageSet(parts({ labels: Int32Array.of(0, 1, -2, 0) }))).toThrow(ArgumentError);
    expect(() => new ImageSet(varied({ sizes: sizes.subarray(0, 6) }))).toThrow(/4 labels but 3 sizes/);
    expect(() => new ImageSet(varied({ pixels: new Uint8Array(53) }))).toThrow(/are 54 bytes, not 53/);
    expect(() => new ImageSet(varied({ offsets: Float64Array.of(0, 3, 21, 46) }))).toThrow(/image 3 lies beyond/);
  });

  it("gives images as views and counts classes", () => {
    const set = new ImageSet(parts());
    expect(set.size).toBe(4);
    expect(set.image(1)).toEqual({ width: 3, height: 2, pixels: set.pixels.slice(18, 36) });
    expect(set.image(1).pixels.buffer).toBe(set.pixels.buffer);
    expect(set.classCounts()).toEqual([1, 3]);
    expect(() => set.image(4)).toThrow(/there is no image 4/);
    expect(() => set.image(0.5)).toThrow(ArgumentError);
    const labels = Int32Array.of(UNLABELLED, 0, 1, 0);
    expect(new ImageSet(parts({ labels })).classCounts()).toEqual([2, 1]);
  });

  it("has images of any size, one after the other or where it is told", () => {
    const set = new ImageSet(varied());
    expect(set.uniformSize).toBeUndefined();
    expect(set.image(2)).toEqual({ width: 4, height: 2, pixels: set.pixels.slice(21, 45) });
    const moved = new ImageSet(varied({ offsets: Float64Array.of(51, 0, 0, 18) }));
    expect([...moved.image(0).pixels]).toEqual([51, 52, 53]);
    expect(moved.image(3).pixels[0]).toBe(18);
    expect(new ImageSet(parts()).uniformSize).toEqual({ width: 3, height: 2 });
    const same = Uint32Array.of(3, 2, 3, 2, 3, 2, 3, 2);
    expect(new ImageSet(parts({ sizes: same })).uniformSize).toEqual({ width: 3, height: 2 });
  });

  it.each([
    ["one size", parts()],
    ["many sizes", varied()],
  ])("takes subsets of %s in the order asked for, without a copy", (_, given) => {
    const set = new ImageSet({ ...given, groups: ["p", "p", "q", "q"] });
    const some = set.subset([3, 0, 3], "few");
    expect(some.name).toBe("few");
    expect(some.names).toEqual(["z", "w", "z"]);
    expect(some.groups).toEqual(["q", "p", "q"]);
    expect([...some.labels]).toEqual([1, 0, 1]);
    expect([0, 1, 2].map((i) => some.image(i))).toEqual([3, 0, 3].map((i) => set.image(i)));
    expect(some.image(2).pixels.buffer).toBe(set.pixels.buffer);
    expect(some.subset([1]).image(0)).toEqual(set.image(0));
    expect(set.subset([]).size).toBe(0);
    expect(() => set.subset([4])).toThrow(ArgumentError);
  });
});

describe("FileSet", () => {
  const { name, classes, labels, names } = parts();
  const paths = names.map((path) => `/photos/${path}`);

  it("holds paths, and takes subsets of them", () => {
    const set = new FileSet({ name, classes, labels, names, paths });
    expect(set.subset([2, 0]).paths).toEqual(["/photos/y", "/photos/w"]);
    expect(set.subset([2, 0]).groups).toBeUndefined();
    expect(set.classCounts()).toEqual([1, 3]);
    expect(() => new FileSet({ name, classes, labels, names, paths: [] })).toThrow(/4 labels but 0 paths/);
    expect(() => set.subset([-1])).toThrow(ArgumentError);
  });
});
