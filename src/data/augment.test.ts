import { describe, expect, it } from "vitest";
import { ArgumentError } from "../errors.js";
import { checkAugmentation, drawAugmentation, NUCLEI_AUGMENTATION, UNCHANGED } from "./augment.js";

const draws = (augmentation = NUCLEI_AUGMENTATION, epochs = 1) =>
  Array.from({ length: 4000 * epochs }, (_, i) => drawAugmentation(augmentation, 5, Math.floor(i / 4000), i % 4000));

describe("drawAugmentation", () => {
  it("is a pure function of seed, epoch and image", () => {
    const draw = drawAugmentation(NUCLEI_AUGMENTATION, 1, 2, 3);
    expect(drawAugmentation(NUCLEI_AUGMENTATION, 1, 2, 3)).toEqual(draw);
    for (const [seed, epoch, index] of [
      [2, 2, 3],
      [1, 3, 3],
      [1, 2, 4],
    ] as const) {
      expect(drawAugmentation(NUCLEI_AUGMENTATION, seed, epoch, index)).not.toEqual(draw);
    }
  });

  it("gives all eight orientations equally often", () => {
    const counts = new Array<number>(8).fill(0);
    for (const { flip, turns } of draws()) counts[turns + (flip ? 4 : 0)] = (counts[turns + (flip ? 4 : 0)] ?? 0) + 1;
    // Mean 500, deviation 21.
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(100);
  });

  it("spreads the factors evenly over their range", () => {
    for (const name of ["brightness", "contrast", "saturation"] as const) {
      const factors = draws().map((draw) => draw[name]);
      expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.9);
      expect(Math.max(...factors)).toBeLessThanOrEqual(1.1);
      expect(Math.min(...factors)).toBeLessThan(0.902);
      expect(Math.max(...factors)).toBeGreaterThan(1.098);
      expect(factors.reduce((a, b) => a + b, 0) / factors.length).toBeCloseTo(1, 2);
    }
    const strong = { ...NUCLEI_AUGMENTATION, colorJitter: { brightness: 3, contrast: 0, saturation: 0 } };
    expect(Math.min(...draws(strong).map((draw) => draw.brightness))).toBeGreaterThanOrEqual(0);
  });

  it("changes only what it is asked to, and one change leaves the others as they were", () => {
    expect(drawAugmentation({ flips: false, quarterTurns: false }, 0, 0, 0)).toEqual(UNCHANGED);
    const plain = draws({ flips: true, quarterTurns: false });
    for (const [i, draw] of draws().entries()) {
      expect(plain[i]).toEqual({ ...UNCHANGED, flip: draw.flip });
    }
  });
});

describe("checkAugmentation", () => {
  it("refuses negative strengths and quarter turns of oblongs", () => {
    const jitter = { brightness: -0.1, contrast: 0, saturation: 0 };
    expect(() => checkAugmentation({ ...NUCLEI_AUGMENTATION, colorJitter: jitter }, 9, 9)).toThrow(ArgumentError);
    expect(() => checkAugmentation(NUCLEI_AUGMENTATION, 9, 8)).toThrow(/square/);
    expect(() => checkAugmentation({ flips: true, quarterTurns: false }, 9, 8)).not.toThrow();
  });
});
