import { describe, expect, it } from "vitest";
import { readGolden } from "../../../test/support/files.js";
import { Random } from "../../random.js";
import { AUG_MIX, AUG_MIX_COLOUR } from "./aug-mix.js";
import { AUTO_AUGMENT, AUTO_AUGMENT_POLICIES } from "./auto-augment.js";
import type { ImageOp } from "./image-op.js";
import { binMagnitude, drawPolicyOp, magnitudeOf, type PolicyEntry, type PolicyOp } from "./policy.js";
import { EFFICIENTNETV2_AUGMENT, RAND_AUGMENT } from "./rand-augment.js";
import { TRIVIAL_AUGMENT_WIDE } from "./trivial-augment.js";

type Table = Record<string, { magnitudes: number[] | null; signed: boolean }>;
type Step = [op: string, probability: number, bin: number | null];

interface Golden {
  size: { height: number; width: number };
  randAugment: Table;
  trivialAugmentWide: Table;
  autoAugment: Table;
  augMix: Table;
  posterize: Record<"rand9" | "rand25" | "trivial13" | "trivial37", number[]>;
  policies: Record<"imagenet" | "cifar10", [Step, Step][]>;
  pixelsRand31: Record<string, number[]>;
  pixelsAuto10: Record<string, number[]>;
  pixelsMix10: Record<string, number[]>;
}

const golden = readGolden<Golden>("augmentation");
const style = { interpolation: "nearest", fill: 7 } as const;
const lowerFirst = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);
/** Ours that shift by pixels are torchvision's that translate by pixels. */
const torchvisionName = (op: PolicyOp) => op.replace("shift", "translate");
const entryOf = (entries: readonly PolicyEntry[], op: PolicyOp): PolicyEntry => {
  const entry = entries.find((one) => one.op === op);
  if (!entry) throw new Error(`there is no ${op}`);
  return entry;
};
const positiveDraw = (entry: PolicyEntry, magnitude: number): ImageOp | undefined =>
  drawPolicyOp({ ...entry, signed: undefined }, magnitude, style, new Random(1));

describe("the tables of torchvision's policies", () => {
  it.each([
    ["randAugment", RAND_AUGMENT],
    ["trivialAugmentWide", TRIVIAL_AUGMENT_WIDE],
    ["autoAugment", AUTO_AUGMENT],
    ["augMix", [...AUG_MIX, ...AUG_MIX_COLOUR]],
  ] as const)("%s: operations in their order, magnitudes and signs", (name, entries) => {
    const rows = Object.entries(golden[name]);
    expect(entries.map(({ op }) => torchvisionName(op))).toEqual(rows.map(([op]) => lowerFirst(op)));
    for (const [i, [, { magnitudes, signed }]] of rows.entries()) {
      const entry = entries[i] as PolicyEntry;
      expect([entry.op, entry.signed ?? false]).toEqual([entry.op, signed]);
      expect(entry.magnitudes === undefined).toBe(magnitudes === null);
      const side = entry.op === "translateX" ? golden.size.width : entry.op === "translateY" ? golden.size.height : 1;
      for (const [bin, expected] of (magnitudes ?? []).entries()) {
        const magnitude = binMagnitude(entry, bin, (magnitudes ?? []).length - 1);
        if (!/^translate|^shift|posterize/.test(entry.op)) {
          // Nine digits tell float32 numbers apart: the same to the last bit.
          expect([entry.op, bin, magnitude]).toEqual([entry.op, bin, Math.fround(expected)]);
        } else if (entry.op === "posterize") {
          const op = positiveDraw(entry, magnitude);
          expect(op ?? { op: "posterize", bits: 8 }).toEqual({ op: "posterize", bits: expected });
        } else {
          expect(Math.abs(magnitude * side - expected)).toBeLessThan(1e-5 * Math.max(1, expected));
        }
      }
    }
  });

  it.each([
    ["rand9", RAND_AUGMENT],
    ["rand25", RAND_AUGMENT],
    ["trivial13", TRIVIAL_AUGMENT_WIDE],
    ["trivial37", TRIVIAL_AUGMENT_WIDE],
  ] as const)("%s: half a bit is rounded to even", (name, entries) => {
    const bits = golden.posterize[name].map((_, bin, bins) => {
      const op = positiveDraw(
        entryOf(entries, "posterize"),
        binMagnitude(entryOf(entries, "posterize"), bin, bins.length - 1),
      );
      return op?.op === "posterize" ? op.bits : 8;
    });
    expect(bits).toEqual(golden.posterize[name]);
  });

  it.each([
    ["pixelsRand31", RAND_AUGMENT],
    ["pixelsAuto10", AUTO_AUGMENT],
    ["pixelsMix10", AUG_MIX],
  ] as const)("%s: shares of a side are the same whole pixels", (name, entries) => {
    for (const [side, pixels] of Object.entries(golden[name])) {
      const moved = pixels.map((_, bin) => {
        const op = positiveDraw(
          entryOf(entries, "translateX"),
          binMagnitude(entryOf(entries, "translateX"), bin, pixels.length - 1),
        );
        if (op === undefined) return 0;
        expect(op).toMatchObject({ op: "translate", unit: "share", y: 0 });
        return op.op === "translate" ? Math.trunc(op.x * Number(side)) : undefined;
      });
      expect([side, moved]).toEqual([side, pixels]);
    }
  });

  it.each(["imagenet", "cifar10"] as const)("the sub-policies of %s", (policy) => {
    expect(AUTO_AUGMENT_POLICIES[policy].map((steps) => steps.map(([op, p, bin]) => [op, p, bin ?? null]))).toEqual(
      golden.policies[policy].map((steps) => steps.map(([op, p, bin]) => [lowerFirst(op), p, bin])),
    );
  });
});

describe("the operations of the official EfficientNetV2", () => {
  // By hand from the official level_to_arg.
  const levels: [PolicyOp, ...(object | undefined)[]][] = [
    ["autoContrast", { op: "autoContrast" }, { op: "autoContrast" }, { op: "autoContrast" }],
    ["equalize", { op: "equalize" }, { op: "equalize" }, { op: "equalize" }],
    ["invert", { op: "invert" }, { op: "invert" }, { op: "invert" }],
    ["rotate", { degrees: 15 }, { degrees: 30 }, { degrees: 45 }],
    ["posterize", { bits: 2 }, { bits: 4 }, { bits: 6 }],
    ["solarize", { threshold: 128 }, undefined, undefined],
    ["color", undefined, { op: "saturation", factor: 1.9 }, { op: "saturation", factor: 2.8 }],
    ["contrast", undefined, { op: "contrast", factor: 1.9 }, { op: "contrast", factor: 2.8 }],
    ["brightness", undefined, { op: "brightness", factor: 1.9 }, { op: "brightness", factor: 2.8 }],
    ["sharpness", undefined, { op: "sharpness", factor: 1.9 }, { op: "sharpness", factor: 2.8 }],
    ["shearX", { matrix: [1, 0.15, 0, 0, 1, 0] }, { matrix: [1, 0.3, 0, 0, 1, 0] }, { matrix: [1, 0.45, 0, 0, 1, 0] }],
    ["shearY", { matrix: [1, 0, 0, 0.15, 1, 0] }, { matrix: [1, 0, 0, 0.3, 1, 0] }, { matrix: [1, 0, 0, 0.45, 1, 0] }],
    ["shiftX", { x: 50, y: 0, unit: "pixels" }, { x: 100, y: 0 }, { x: 150, y: 0 }],
    ["shiftY", { x: 0, y: 50, unit: "pixels" }, { x: 0, y: 100 }, { x: 0, y: 150 }],
    ["cutout", { size: 40 }, { size: 80 }, { size: 120 }],
    ["solarizeAdd", { amount: 55, threshold: 128 }, { amount: 110, threshold: 128 }, { amount: 165, threshold: 128 }],
  ];

  it("at the levels 5, 10 and 15", () => {
    expect(EFFICIENTNETV2_AUGMENT.map(({ op }) => op)).toEqual(levels.map(([op]) => op));
    for (const [name, ...expected] of levels) {
      const entry = entryOf(EFFICIENTNETV2_AUGMENT, name);
      for (const [i, level] of [5, 10, 15].entries()) {
        const op = positiveDraw(entry, magnitudeOf(entry, level, 10));
        const wanted = expected[i];
        if (wanted === undefined) expect([name, level, op]).toEqual([name, level, undefined]);
        else expect(rounded(op)).toMatchObject(wanted);
      }
    }
  });

  it("negates what has two directions, and nothing else", () => {
    const signed = EFFICIENTNETV2_AUGMENT.filter((entry) => entry.signed).map(({ op }) => op);
    expect(signed).toEqual(["rotate", "shearX", "shearY", "shiftX", "shiftY"]);
  });
});

describe("drawPolicyOp", () => {
  it("negates half of the time", () => {
    const random = new Random(2);
    const entry = entryOf(RAND_AUGMENT, "rotate");
    const degrees = Array.from({ length: 2000 }, () => {
      const op = drawPolicyOp(entry, 9, style, random);
      return op?.op === "rotate" ? op.degrees : Number.NaN;
    });
    expect(new Set(degrees)).toEqual(new Set([9, -9]));
    expect(Math.abs(degrees.filter((one) => one > 0).length - 1000)).toBeLessThan(100);
  });

  it("moves by whole pixels, towards 0", () => {
    expect(positiveDraw({ op: "shiftX" }, 3.9)).toMatchObject({ op: "translate", x: 3, y: 0, unit: "pixels" });
    expect(positiveDraw({ op: "shiftY" }, -3.9)).toMatchObject({ op: "translate", x: 0, y: -3, unit: "pixels" });
  });

  it("makes nothing of what changes nothing", () => {
    for (const { op } of RAND_AUGMENT) {
      const nothing = { posterize: 8, solarize: 256 }[op as string] ?? 0;
      const drawn = positiveDraw({ op }, nothing);
      expect([op, drawn]).toEqual([op, ["autoContrast", "equalize"].includes(op) ? { op } : undefined]);
    }
    // 255 becomes 0 here, as in Pillow.
    expect(positiveDraw({ op: "solarize" }, 255)).toEqual({ op: "solarize", threshold: 255 });
  });

  it("fills with the colour of its style", () => {
    expect(positiveDraw({ op: "rotate" }, 5)).toEqual({
      op: "rotate",
      degrees: 5,
      interpolation: "nearest",
      fill: [7, 7, 7],
    });
  });
});

function rounded(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, one: unknown) =>
    typeof one === "number" ? Number(one.toFixed(9)) : one,
  );
}
