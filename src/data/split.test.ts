import { describe, expect, it } from "vitest";
import { ArgumentError } from "../errors.js";
import { stratifiedSplit } from "./split.js";

const files = (count: number, label = 0, from = 0): { path: string; label: number }[] =>
  Array.from({ length: count }, (_, i) => ({ path: `${label}/${from + i}.png`, label }));

describe("stratifiedSplit", () => {
  it("does not depend on the order of the files, and keeps it", () => {
    const all = [...files(50), ...files(30, 1)];
    const { train, validation } = stratifiedSplit(all, ["a", "b"], 0.3, 7);
    expect(validation.filter((file) => file.label === 0)).toHaveLength(15);
    expect(validation.filter((file) => file.label === 1)).toHaveLength(9);
    expect(train).toEqual(all.filter((file) => !validation.includes(file)));
    const reversed = stratifiedSplit([...all].reverse(), ["a", "b"], 0.3, 7);
    expect(reversed.validation).toEqual([...validation].reverse());
  });

  it("moves at most as many files as are added", () => {
    const before = stratifiedSplit(files(100), ["a"], 0.2, 0).validation.map((file) => file.path);
    const added = [...files(10, 0, 1000), ...files(100)];
    const after = new Set(stratifiedSplit(added, ["a"], 0.2, 0).validation.map((file) => file.path));
    expect(after.size).toBe(22);
    expect(before.filter((path) => !after.has(path)).length).toBeLessThanOrEqual(10);
    // A split that forgot the others would keep about a fifth of the twenty.
    expect(before.filter((path) => after.has(path)).length).toBeGreaterThanOrEqual(14);
  });

  it("holds out every file equally often over seeds", () => {
    const times = new Map<string, number>();
    for (let seed = 0; seed < 400; seed++) {
      for (const { path } of stratifiedSplit(files(20), ["a"], 0.25, seed).validation) {
        times.set(path, (times.get(path) ?? 0) + 1);
      }
    }
    // Binomial with mean 100 and deviation 8.7.
    for (const count of times.values()) expect(Math.abs(count - 100)).toBeLessThan(40);
    expect(times.size).toBe(20);
  });

  it("keeps one image on each side, and refuses what cannot be divided", () => {
    expect(stratifiedSplit(files(2), ["a"], 0.01, 0).validation).toHaveLength(1);
    expect(stratifiedSplit(files(2), ["a"], 0.99, 0).train).toHaveLength(1);
    expect(() => stratifiedSplit(files(1), ["a"], 0.5, 0)).toThrow(ArgumentError);
    for (const fraction of [0, 1, Number.NaN]) {
      expect(() => stratifiedSplit(files(9), ["a"], fraction, 0)).toThrow(ArgumentError);
    }
  });
});
