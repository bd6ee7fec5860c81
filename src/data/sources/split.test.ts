import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../errors.js";
import { FileSet } from "../image-set.js";
import { holdOut } from "./split.js";

const parts = { train: "some/train", validation: "some/validation" };

/** Images named `LABEL/NUMBER.png`, so many of each class. */
function files(...counts: number[]): string[] {
  return counts.flatMap((count, label) => Array.from({ length: count }, (_, i) => `${label}/${i}.png`));
}

function setOf(names: readonly string[], classes = ["a", "b"]): FileSet {
  const labels = names.map((name) => Number(name.split("/")[0]));
  return new FileSet({
    name: "some",
    classes: classes.slice(0, Math.max(0, ...labels) + 1),
    labels,
    names,
    paths: names,
  });
}

describe("holdOut", () => {
  it("does not depend on the order of the images, and keeps it", () => {
    const all = setOf(files(50, 30));
    const { train, validation } = holdOut(all, 0.3, 7, parts);
    expect(validation.classCounts()).toEqual([15, 9]);
    expect([train.name, validation.name]).toEqual(["some/train", "some/validation"]);
    expect(train.names).toEqual(all.names.filter((name) => !validation.names.includes(name)));
    expect(train.paths).toEqual(train.names);
    const reversed = holdOut(setOf([...all.names].reverse()), 0.3, 7, parts);
    expect(reversed.validation.names).toEqual([...validation.names].reverse());
  });

  it("chooses as it did in earlier versions", () => {
    expect(holdOut(setOf(files(20)), 0.2, 0, parts).validation.names).toEqual([
      "0/1.png",
      "0/7.png",
      "0/17.png",
      "0/19.png",
    ]);
  });

  it("moves at most as many images as are added", () => {
    const before = holdOut(setOf(files(100)), 0.2, 0, parts).validation.names;
    const added = [...Array.from({ length: 10 }, (_, i) => `0/${1000 + i}.png`), ...files(100)];
    const after = new Set(holdOut(setOf(added), 0.2, 0, parts).validation.names);
    expect(after.size).toBe(22);
    expect(before.filter((path) => !after.has(path)).length).toBeLessThanOrEqual(10);
    // A split that forgot the others would keep about a fifth of the twenty.
    expect(before.filter((path) => after.has(path)).length).toBeGreaterThanOrEqual(14);
  });

  it("holds out every image equally often over seeds", () => {
    const times = new Map<string, number>();
    for (let seed = 0; seed < 400; seed++) {
      for (const path of holdOut(setOf(files(20)), 0.25, seed, parts).validation.names) {
        times.set(path, (times.get(path) ?? 0) + 1);
      }
    }
    // Binomial with mean 100 and deviation 8.7.
    for (const count of times.values()) expect(Math.abs(count - 100)).toBeLessThan(40);
    expect(times.size).toBe(20);
  });

  it("keeps one image on each side, and refuses what cannot be divided", () => {
    expect(holdOut(setOf(files(2)), 0.01, 0, parts).validation.size).toBe(1);
    expect(holdOut(setOf(files(2)), 0.99, 0, parts).train.size).toBe(1);
    expect(() => holdOut(setOf(files(1)), 0.5, 0, parts)).toThrow(/class a has 1 image; a split needs two/);
    for (const fraction of [0, 1, -1, Number.NaN]) {
      expect(() => holdOut(setOf(files(4)), fraction, 0, parts)).toThrow(ArgumentError);
    }
  });
});
