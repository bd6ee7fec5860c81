import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../errors.js";
import { type DrawnMix, drawMix, type MixInput, mixTargets, parseMix } from "./mix.js";

const size = { width: 40, height: 20 };

function draws(written: MixInput, count = 4000): (DrawnMix | undefined)[] {
  const mix = parseMix(written);
  return Array.from({ length: count }, (_, batch) => drawMix(mix, [1, 0, batch], size));
}

const kinds = (drawn: readonly (DrawnMix | undefined)[], kind: string): number =>
  drawn.filter((one) => one?.kind === kind).length;

describe("parseMix", () => {
  it("sets the defaults and says what is wrong", () => {
    expect(parseMix({ mixup: 0.2 })).toEqual({ mixup: 0.2, cutmix: 0, probability: 1, switchProbability: 0.5 });
    expect(() => parseMix({})).toThrow("mixup or cutmix must be above 0");
    expect(() => parseMix({ mixup: -1 })).toThrow("mix: mixup must be a number from 0");
    expect(() => parseMix({ mixup: 1, probability: 2 })).toThrow(ArgumentError);
    expect(() => parseMix({ mixup: 1, lambda: 2 })).toThrow(/lambda/);
  });
});

describe("drawMix", () => {
  it("is a function of its key", () => {
    const mix = parseMix({ mixup: 0.2, cutmix: 1 });
    expect(drawMix(mix, [1, 2, 3], size)).toEqual(drawMix(mix, [1, 2, 3], size));
    const others = [
      [1, 2, 4],
      [1, 3, 3],
      [0, 2, 3],
    ].map((key) => JSON.stringify(drawMix(mix, key, size)));
    expect(new Set([...others, JSON.stringify(drawMix(mix, [1, 2, 3], size))]).size).toBe(4);
  });

  it("mixes with its probability, and by CutMix with that of switching", () => {
    const drawn = draws({ mixup: 0.2, cutmix: 1, probability: 0.8, switchProbability: 0.25 });
    const mixups = kinds(drawn, "mixup");
    expect(Math.abs(mixups / 4000 - 0.6)).toBeLessThan(0.04);
    // Some boxes are empty, which is left as it is.
    expect(Math.abs(kinds(drawn, "cutmix") / 4000 - 0.2)).toBeLessThan(0.04);
    expect(kinds(draws({ mixup: 0.2 }, 500), "mixup")).toBe(500);
    expect(kinds(draws({ cutmix: 1 }, 500), "mixup")).toBe(0);
  });

  it("mixup: lambda is Beta(alpha, alpha)", () => {
    const lambdas = draws({ mixup: 0.5 }).map((one) => one?.lambda ?? Number.NaN);
    const mean = lambdas.reduce((a, b) => a + b, 0) / lambdas.length;
    expect(mean).toBeCloseTo(0.5, 1);
    // Variance 1 / (4 (2 alpha + 1)).
    expect(lambdas.reduce((sum, one) => sum + (one - mean) ** 2, 0) / lambdas.length).toBeCloseTo(1 / 8, 2);
  });

  it("CutMix: boxes within the image, lambda of their area, their middle anywhere", () => {
    const mixes = draws({ cutmix: 1 }).filter((one) => one?.kind === "cutmix");
    expect(mixes.length).toBeGreaterThan(3600);
    const covered = new Array<number>(size.width * size.height).fill(0);
    for (const { box, lambda } of mixes) {
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.y).toBeGreaterThanOrEqual(0);
      expect(box.width).toBeGreaterThan(0);
      expect(box.height).toBeGreaterThan(0);
      expect(box.x + box.width).toBeLessThanOrEqual(size.width);
      expect(box.y + box.height).toBeLessThanOrEqual(size.height);
      expect(lambda).toBeCloseTo(1 - (box.width * box.height) / 800, 12);
      for (let y = box.y; y < box.y + box.height; y++) {
        for (let x = box.x; x < box.x + box.width; x++) {
          covered[y * size.width + x] = (covered[y * size.width + x] ?? 0) + 1;
        }
      }
    }
    // The mean box before it is cut has half the area; in the middle of the image nearly all of that counts.
    const middle = (covered[10 * size.width + 20] ?? 0) / 4000;
    const corner = (covered[0] ?? 0) / 4000;
    expect(middle).toBeGreaterThan(0.38);
    expect(middle).toBeLessThan(0.52);
    expect(corner).toBeGreaterThan(0.1);
    expect(corner).toBeLessThan(0.3);
    // Both sides in the proportion of the image where the border cuts nothing.
    const whole = mixes.filter(
      ({ box: { x, y, width, height } }) => x > 0 && y > 0 && x + width < size.width && y + height < size.height,
    );
    expect(whole.length).toBeGreaterThan(100);
    for (const { box } of whole) expect(Math.abs(box.width - 2 * box.height)).toBeLessThanOrEqual(2);
  });
});

describe("mixTargets", () => {
  it("the share of one's own class, and the rest of that before", () => {
    const targets = mixTargets([0, 2, 2], 3, 0.75);
    expect([...targets]).toEqual([0.75, 0, 0.25, 0.25, 0, 0.75, 0, 0, 1]);
    expect([...mixTargets([0, 1], 2, 0.75, 0)]).toEqual([1, 0, 0.25, 0.75]);
    expect([...mixTargets([], 3, 0.75)]).toEqual([]);
  });

  it("is the same for a batch that is divided", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 12 }),
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (labels, cut, lambda) => {
          const at = 1 + (cut % (labels.length - 1));
          const whole = mixTargets(labels, 5, lambda);
          const parts = [
            ...mixTargets(labels.slice(0, at), 5, lambda, labels.at(-1)),
            ...mixTargets(labels.slice(at), 5, lambda, labels[at - 1]),
          ];
          expect(parts).toEqual([...whole]);
          for (let row = 0; row < labels.length; row++) {
            expect(whole.subarray(5 * row, 5 * row + 5).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
          }
        },
      ),
    );
  });

  it("refuses labels that are no class", () => {
    expect(() => mixTargets([0, 3], 3, 0.5)).toThrow("label 3 of a mixed batch is none of 3 classes");
    expect(() => mixTargets([0, -1], 3, 0.5)).toThrow(ArgumentError);
  });
});
