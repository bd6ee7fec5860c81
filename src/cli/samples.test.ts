import { describe, expect, it } from "vitest";
import { ImageSet } from "../data/index.js";
import type { Predictions } from "../train/index.js";
import { chooseSamples } from "./samples.js";

/** Images of one pixel whose red is their number; image i is of class i modulo 2. */
function images(count: number): ImageSet {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  const pixels = Uint8Array.from({ length: count * 3 }, (_, i) => (i % 3 === 0 ? i / 3 : 0));
  const names = Array.from(labels, (_, i) => `${i}`);
  return new ImageSet({
    name: "numbers",
    classes: ["even", "odd"],
    sizes: { width: 1, height: 1 },
    pixels,
    labels,
    names,
  });
}

/** The network says `odd` with these probabilities. */
function saying(odd: readonly number[]): Predictions {
  const probabilities = Float32Array.from(odd.flatMap((p) => [1 - p, p]));
  return { probabilities, indices: Uint32Array.from(odd.keys()) };
}

describe("chooseSamples", () => {
  it("puts the most certain mistakes first", async () => {
    const odd = [0.9, 0.2, 0.1, 0.95, 0.6, 0.45, 0.2, 0.99];
    const samples = await chooseSamples(images(8), saying(odd), 0);
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

  it("takes at most 8 mistakes and 16 others, the same for the same seed", async () => {
    const set = images(100);
    const odd = Array.from({ length: 100 }, (_, i) => (i < 40 ? (i % 2 === 0 ? 0.8 : 0.2) : i % 2));
    const chosen = async (seed: number) =>
      (await chooseSamples(set, saying(odd), seed)).map(({ pixels }) => pixels[0] ?? -1);
    const one = await chosen(1);
    expect(one).toHaveLength(24);
    expect(one.slice(0, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(one.slice(8).every((number) => number >= 40)).toBe(true);
    expect(new Set(one).size).toBe(24);
    expect(await chosen(1)).toEqual(one);
    expect(await chosen(2)).not.toEqual(one);
  });

  it("takes all there are", async () => {
    expect(await chooseSamples(images(3), saying([0, 1, 0]), 0)).toHaveLength(3);
    const { probabilities } = saying([0, 0.9]);
    const part = await chooseSamples(images(9), { probabilities, indices: Uint32Array.of(4, 6) }, 0);
    expect(part.map(({ pixels, predicted }) => [pixels[0], predicted])).toEqual([
      [6, "odd"],
      [4, "even"],
    ]);
    expect(await chooseSamples(images(2), saying([1, 0]), 0)).toHaveLength(2);
  });
});
