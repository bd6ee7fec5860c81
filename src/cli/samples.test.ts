import { describe, expect, it } from "vitest";
import { ImageSet } from "../data/index.js";
import { chooseSamples } from "./samples.js";

/** Images of one pixel whose red is their number; image i is of class i modulo 2. */
function images(count: number): ImageSet {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  const pixels = Uint8Array.from({ length: count * 3 }, (_, i) => (i % 3 === 0 ? i / 3 : 0));
  const names = Array.from(labels, (_, i) => `${i}`);
  return new ImageSet({ name: "numbers", classes: ["even", "odd"], width: 1, height: 1, pixels, labels, names });
}

/** The network says `odd` with these probabilities. */
function saying(odd: readonly number[]): Float32Array {
  return Float32Array.from(odd.flatMap((p) => [1 - p, p]));
}

describe("chooseSamples", () => {
  it("puts the most certain mistakes first", () => {
    const odd = [0.9, 0.2, 0.1, 0.95, 0.6, 0.45, 0.2, 0.99];
    const samples = chooseSamples(images(8), saying(odd), 0);
    // 0 and 4 are even and said to be odd, 1 and 5 odd and said to be even.
    expect(samples.slice(0, 4).map(({ pixels, truth, predicted }) => [pixels[0], truth, predicted])).toEqual([
      [0, "even", "odd"],
      [1, "odd", "even"],
      [4, "even", "odd"],
      [5, "odd", "even"],
    ]);
    expect(samples.slice(0, 4).map(({ probability }) => probability.toFixed(2))).toEqual([
      "0.90",
      "0.80",
      "0.60",
      "0.55",
    ]);
    expect(
      samples
        .slice(4)
        .map(({ pixels }) => pixels[0])
        .sort(),
    ).toEqual([2, 3, 6, 7]);
    expect(samples.slice(4).every(({ truth, predicted }) => truth === predicted)).toBe(true);
  });

  it("takes at most 8 mistakes and 16 others, the same for the same seed", () => {
    const set = images(100);
    const odd = Array.from({ length: 100 }, (_, i) => (i < 40 ? (i % 2 === 0 ? 0.8 : 0.2) : i % 2));
    const chosen = (seed: number) => chooseSamples(set, saying(odd), seed).map(({ pixels }) => pixels[0] ?? -1);
    expect(chosen(1)).toHaveLength(24);
    expect(chosen(1).slice(0, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(
      chosen(1)
        .slice(8)
        .every((number) => number >= 40),
    ).toBe(true);
    expect(new Set(chosen(1)).size).toBe(24);
    expect(chosen(1)).toEqual(chosen(1));
    expect(chosen(2)).not.toEqual(chosen(1));
  });

  it("takes all there are", () => {
    expect(chooseSamples(images(3), saying([0, 1, 0]), 0)).toHaveLength(3);
    expect(chooseSamples(images(2), saying([1, 0]), 0)).toHaveLength(2);
  });
});
