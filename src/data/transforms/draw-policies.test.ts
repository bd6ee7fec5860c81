import { describe, expect, it } from "vitest";
import { draws, expectShare, expectUniform, opsOf } from "../../../test/support/draws.js";
import type { ImageOp } from "./image-op.js";

describe("drawOps", () => {
  const names = (drawn: ImageOp[][]) => new Set(drawn.flat().map(({ op }) => op));

  it("randAugment: every operation equally often, `numOps` of them, with replacement", () => {
    const drawn = draws([{ name: "randAugment", numOps: 3, magnitude: 30 }]);
    // 2 of 14 are shears, 2 translations; of the identity nothing is left.
    expectShare(opsOf(drawn, "affine").length, 2 / 14, 12_000);
    expectShare(opsOf(drawn, "translate").length, 2 / 14, 12_000);
    for (const op of ["rotate", "brightness", "saturation", "posterize", "solarize", "equalize"] as const) {
      expectShare(opsOf(drawn, op).length, 1 / 14, 12_000);
    }
    expectShare(drawn.filter((ops) => ops.length === 3).length, (13 / 14) ** 3);
    expect(drawn.some((ops) => ops.length === 3 && new Set(ops.map(({ op }) => op)).size === 1)).toBe(true);
    expect(new Set(opsOf(drawn, "rotate").map(({ degrees }) => degrees))).toEqual(new Set([30, -30]));
    expect(names(drawn)).not.toContain("invert");
  });

  it("randAugment of EfficientNetV2: 16 operations, grey outside", () => {
    const drawn = draws([{ name: "randAugment", ops: "efficientnetv2", magnitude: 5 }]);
    expectShare(opsOf(drawn, "invert").length, 1 / 16, 8000);
    expectShare(opsOf(drawn, "solarizeAdd").length, 1 / 16, 8000);
    expectShare(opsOf(drawn, "cutout").length, 1 / 16, 8000);
    expect(opsOf(drawn, "rotate")[0]?.fill).toEqual([128, 128, 128]);
    expect(opsOf(drawn, "cutout")[0]).toMatchObject({ size: 40, fill: [128, 128, 128] });
    const red = draws([{ name: "randAugment", ops: "efficientnetv2", magnitude: 5, fill: [255, 0, 0] }], 50);
    expect(opsOf(red, "rotate")[0]?.fill).toEqual([255, 0, 0]);
    // A shift of 0 keeps a bit, as TensorFlow's does.
    const weak = draws([{ name: "randAugment", ops: "efficientnetv2", magnitude: 0 }]);
    expect(new Set(opsOf(weak, "posterize").map(({ bits }) => bits))).toEqual(new Set([1]));
    const strong = draws([{ name: "randAugment", ops: "efficientnetv2", magnitude: 20 }]);
    expect(opsOf(strong, "posterize")).toEqual([]);
    expect(opsOf(strong, "solarize")).toEqual([]);
  });

  it("trivialAugmentWide: one operation, its bin uniform", () => {
    const drawn = draws([{ name: "trivialAugmentWide" }]);
    expect(Math.max(...drawn.map((ops) => ops.length))).toBe(1);
    const degrees = opsOf(drawn, "rotate").map((op) => op.degrees);
    // A bin of 31 is no rotation at all.
    expectShare(degrees.length, 30 / 31 / 14);
    expect(Math.max(...degrees)).toBe(135);
    expect(Math.min(...degrees)).toBe(-135);
    expect(new Set(degrees.map((one) => Math.abs(one))).size).toBe(30);
    expect(new Set(opsOf(drawn, "posterize").map(({ bits }) => bits))).toEqual(new Set([2, 3, 4, 5, 6, 7]));
    expect(opsOf(drawn, "translate").every(({ unit, x, y }) => unit === "pixels" && Number.isInteger(x + y))).toBe(
      true,
    );
  });

  it("autoAugment: sub-policies uniform, each step with its probability", () => {
    const drawn = draws([{ name: "autoAugment" }], 10_000);
    expect(Math.max(...drawn.map((ops) => ops.length))).toBe(2);
    // Inverting stands in three of 25, each with .6.
    expectShare(opsOf(drawn, "invert").length, (3 * 0.6) / 25, 10_000);
    // Of one sub-policy: ShearX .6, then always Equalize.
    const shears = drawn.filter((ops) => ops.some(({ op }) => op === "affine"));
    expectShare(shears.length, 0.6 / 25, 10_000);
    expect(shears.every(([first, second]) => first?.op === "affine" && second?.op === "equalize")).toBe(true);
    // By hand: ten bins, so bin 5 of 0.3 is 1/6.
    const [first] = opsOf(shears, "affine");
    expect(Math.abs(first?.matrix[1] ?? 0)).toBe(Math.fround(1 / 6));
    expect(names(draws([{ name: "autoAugment", policy: "cifar10" }]))).toContain("translate");
    expect(names(drawn)).not.toContain("translate");
  });

  it("augMix: weights that sum to 1, chains of 1 to 3, magnitudes up to the severity", () => {
    const mixes = opsOf(draws([{ name: "augMix", allOps: false, severity: 10 }], 3000), "mixChains");
    expect(mixes).toHaveLength(3000);
    for (const { original, chains } of mixes) {
      expect(chains).toHaveLength(3);
      expect(original + chains.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
    }
    // Alpha 1: the weight of the original is uniform, that of a chain among three falls linearly.
    expectUniform(
      mixes.map(({ original }) => original),
      0,
      1,
    );
    const shares = mixes.map(({ original, chains: [first] }) => (first?.weight ?? 0) / (1 - original));
    expectUniform(
      shares.map((share) => (1 - share) ** 2),
      0,
      1,
    );
    const chains = mixes.flatMap((mix) => mix.chains.map(({ ops }) => [...ops]));
    expect(Math.max(...chains.map((ops) => ops.length))).toBe(3);
    // 3 of 9 operations have a bin that changes nothing, ... so a chain is sometimes empty, but a longer one rarely is.
    expect(chains.some((ops) => ops.length === 0)).toBe(true);
    expect(names(chains)).toEqual(
      new Set(["affine", "translate", "rotate", "posterize", "solarize", "autoContrast", "equalize"]),
    );
    expect(Math.max(...opsOf(chains, "rotate").map(({ degrees }) => degrees))).toBe(30);
    expect(opsOf(chains, "rotate")[0]?.interpolation).toBe("bilinear");
  });

  it("augMix: severity, depth, width and all operations", () => {
    const mixes = opsOf(draws([{ name: "augMix", mixtureWidth: 2, chainDepth: 4 }], 1000), "mixChains");
    const chains = mixes.flatMap((mix) => mix.chains.map(({ ops }) => [...ops]));
    expect(chains).toHaveLength(2000);
    expect(Math.max(...chains.map((ops) => ops.length))).toBe(4);
    expect(names(chains)).toContain("saturation");
    // Severity 3 of 10 bins: the greatest is bin 2.
    expect(Math.max(...opsOf(chains, "rotate").map(({ degrees }) => degrees))).toBeCloseTo(60 / 9, 6);
    expect(new Set(opsOf(chains, "posterize").map(({ bits }) => bits))).toEqual(new Set([4, 3]));
  });
});
