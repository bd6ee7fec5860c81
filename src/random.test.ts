import { describe, expect, it } from "vitest";
import { Random } from "./random.js";

const draw = (random: Random, count: number) => Array.from({ length: count }, () => random.uniform());
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("Random", () => {
  it("is a function of its key, part by part", () => {
    expect(draw(new Random(1, "a", 2), 5)).toEqual(draw(new Random(1, "a", 2), 5));
    const keys = [
      [1, "a", 2],
      [1, "a", 3],
      [2, "a", 2],
      [1, "b", 2],
      [1, "a"],
      [1, "a2"],
      [12, "a"],
    ] as const;
    expect(new Set(keys.map((key) => new Random(...key).uint32())).size).toBe(keys.length);
  });

  it("gives the same numbers on every machine", () => {
    // sfc32 seeded by cyrb128, worked out by an independent implementation (Python, arbitrary precision)
    const random = new Random(0, "golden");
    expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([67389908, 708475997, 1621852209]);
  });

  it("uniform: moments, range and even bins", () => {
    const values = draw(new Random(7), 100_000);
    expect(Math.min(...values.slice(0, 1000))).toBeGreaterThanOrEqual(0);
    expect(mean(values)).toBeCloseTo(1 / 2, 2);
    expect(mean(values.map((value) => (value - 1 / 2) ** 2))).toBeCloseTo(1 / 12, 3);
    const bins = new Array<number>(10).fill(0);
    for (const value of values) bins[Math.floor(value * 10)] = (bins[Math.floor(value * 10)] ?? 0) + 1;
    // chi-squared with 9 degrees of freedom: 27.9 is the 99.9th percentile
    expect(bins.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(27.9);
  });

  it("normal: mean, deviation, kurtosis, and no correlation of the pairs it makes", () => {
    const random = new Random(8);
    const values = Array.from({ length: 100_000 }, () => random.normal());
    expect(mean(values)).toBeCloseTo(0, 1);
    expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1, 1);
    expect(mean(values.map((value) => value ** 4))).toBeGreaterThan(2.8);
    expect(mean(values.map((value) => value ** 4))).toBeLessThan(3.2);
    expect(Math.abs(mean(values.slice(1).map((value, i) => value * (values[i] ?? 0))))).toBeLessThan(0.02);
    expect(new Random(8).normal(5, 0)).toBe(5);
  });

  it("below and chance: every value, evenly", () => {
    const random = new Random(9);
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) {
      const value = random.below(3);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
    expect(Array.from({ length: 10_000 }, () => random.chance(0.2)).filter(Boolean).length / 10_000).toBeCloseTo(
      0.2,
      1,
    );
  });

  it.each<[string, (random: Random) => number, (x: number) => number]>([
    ["gamma(1)", (random) => random.gamma(1), (x) => 1 - Math.exp(-x)],
    ["gamma(2)", (random) => random.gamma(2), (x) => 1 - (1 + x) * Math.exp(-x)],
    ["beta(1, 1)", (random) => random.beta(1, 1), (x) => x],
    ["beta(1/2, 1/2)", (random) => random.beta(0.5, 0.5), (x) => (2 / Math.PI) * Math.asin(Math.sqrt(x))],
    ["beta(2, 2)", (random) => random.beta(2, 2), (x) => (3 - 2 * x) * x ** 2],
    ["beta(1/2, 1)", (random) => random.beta(0.5, 1), (x) => Math.sqrt(x)],
    ["beta(3, 1)", (random) => random.beta(3, 1), (x) => x ** 3],
    ["beta(1, 3)", (random) => random.beta(1, 3), (x) => 1 - (1 - x) ** 3],
  ])("%s has its distribution", (_, next, cumulative) => {
    const random = new Random(11);
    const shares = Array.from({ length: 20_000 }, () => cumulative(next(random))).sort((a, b) => a - b);
    // Kolmogorov and Smirnov: 1.95 / sqrt(n) is the 99.9th percentile.
    const distance = Math.max(...shares.map((share, i) => Math.abs(share - (i + 0.5) / shares.length)));
    expect(distance).toBeLessThan(1.95 / Math.sqrt(20_000));
  });

  it("gamma and beta: moments of small, odd and large parameters", () => {
    for (const shape of [0.1, 0.5, 2.7, 40]) {
      const random = new Random(12, shape);
      const values = Array.from({ length: 50_000 }, () => random.gamma(shape));
      // Mean and variance are the shape; the deviation of the mean of 50 000 is sqrt(shape / 50 000).
      expect(Math.abs(mean(values) - shape)).toBeLessThan(5 * Math.sqrt(shape / 50_000));
      expect(mean(values.map((value) => (value - shape) ** 2)) / shape).toBeCloseTo(1, 0.9);
    }
    for (const alpha of [0.001, 0.1, 0.2, 0.8, 1.5, 30]) {
      const random = new Random(13, alpha);
      const values = Array.from({ length: 20_000 }, () => random.beta(alpha, alpha));
      expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
      expect(mean(values)).toBeCloseTo(0.5, 1.5);
      expect(mean(values.map((value) => (value - 0.5) ** 2)) * 4 * (2 * alpha + 1)).toBeCloseTo(1, 1);
    }
  });

  it("permutation: each number once, each order as likely", () => {
    expect([...new Random(1).permutation(1000)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    );
    const seen = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = new Random(i, "order").permutation(3).join("");
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
