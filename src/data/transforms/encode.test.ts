import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { drawOps } from "./draw.js";
import { encodeOps, OPCODES } from "./encode.js";
import type { ImageOp } from "./image-op.js";
import { parsePipeline } from "./schema.js";

const BOX = 4;
/** How many numbers follow an opcode, or how to find out; as opcodes.h says it. */
const LENGTHS: Record<ImageOp["op"], number | ((program: readonly number[], at: number) => number)> = {
  resize: 3,
  resizeShorter: 2,
  centerCrop: 2,
  pad: 8,
  cropAt: 4,
  resizedCrop: (program, at) => 6 + BOX * (program[at + 5] ?? Number.NaN),
  flipHorizontal: 0,
  flipVertical: 0,
  turn: 1,
  rotate: 5,
  affine: 10,
  translate: 7,
  brightness: 1,
  contrast: 1,
  saturation: 1,
  sharpness: 1,
  hue: 1,
  posterize: 1,
  solarize: 1,
  solarizeAdd: 2,
  autoContrast: 0,
  equalize: 0,
  invert: 0,
  grayscale: 0,
  gaussianBlur: 4,
  stain: 6,
  cutout: 6,
  mixChains: (program, at) => {
    let end = at + 2;
    for (let chain = 0; chain < (program[at + 1] ?? Number.NaN); chain++) {
      const count = program[end + 1] ?? Number.NaN;
      end += 2;
      for (let i = 0; i < count; i++) end = next(program, end);
    }
    return end - at;
  },
  normalize: 6,
  erase: (program, at) => 1 + BOX * (program[at] ?? Number.NaN) + 4,
};

const BY_CODE = new Map(Object.entries(OPCODES).map(([op, code]) => [code, op as ImageOp["op"]]));

/** Where the operation after the one at `at` begins. */
function next(program: readonly number[], at: number): number {
  const op = BY_CODE.get((program[at] ?? 0) as (typeof OPCODES)[ImageOp["op"]]);
  if (!op) throw new Error(`no operation has the code ${program[at]}`);
  const length = LENGTHS[op];
  return at + 1 + (typeof length === "number" ? length : length(program, at + 1));
}

const pipeline = parsePipeline([
  { name: "resize", size: 40 },
  { name: "pad", padding: 1 },
  { name: "randomCrop", size: 36, padding: 2 },
  { name: "randomResizedCrop", size: 32 },
  { name: "centerCrop", size: 30 },
  { name: "resize", size: [32, 32] },
  { name: "randomHorizontalFlip" },
  { name: "randomVerticalFlip" },
  { name: "randomQuarterTurn" },
  { name: "randomRotation", degrees: 10 },
  { name: "colorJitter", brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
  { name: "stainJitter" },
  { name: "randomGrayscale" },
  { name: "gaussianBlur", kernelSize: 3, p: 0.5 },
  { name: "randAugment" },
  { name: "randAugment", ops: "efficientnetv2" },
  { name: "autoAugment" },
  { name: "trivialAugmentWide" },
  { name: "augMix" },
  { name: "cutout", size: 8 },
  { name: "normalize", mean: [0, 0, 0], std: [1, 1, 1] },
  { name: "randomErasing", value: "random" },
]);

describe("encodeOps", () => {
  it("has the numbers of native/images/opcodes.h", () => {
    const header = readFileSync(new URL("../../../native/images/opcodes.h", import.meta.url), "utf8");
    const body = /enum class Op : int \{([^}]*)\}/.exec(header)?.[1] ?? "";
    const names = [...body.matchAll(/^\s*k(\w+)/gm)].map(
      ([, name = ""]) => name.charAt(0).toLowerCase() + name.slice(1),
    );
    expect(Object.fromEntries(names.map((name, i) => [name, i + 1]))).toEqual(OPCODES);
  });

  it("gives every operation the length that its reader expects, and finite numbers", () => {
    const seen = new Set<string>();
    for (let sample = 0; sample < 400; sample++) {
      const ops = drawOps(pipeline, [sample]);
      const program: number[] = [];
      encodeOps(ops, program);
      expect(program.every(Number.isFinite)).toBe(true);
      const read: (string | undefined)[] = [];
      let at = 0;
      for (; at < program.length; at = next(program, at)) read.push(BY_CODE.get(program[at] as 1));
      expect(at).toBe(program.length);
      expect(read).toEqual(ops.map(({ op }) => op));
      for (const name of read) seen.add(name ?? "");
    }
    expect(seen).toEqual(new Set(Object.keys(OPCODES)));
  });

  it("keeps the order of the numbers", () => {
    const program: number[] = [];
    encodeOps(
      [
        { op: "pad", left: 1, top: 2, right: 3, bottom: 4, mode: "reflect", fill: [5, 6, 7] },
        { op: "resizedCrop", width: 8, height: 9, interpolation: "bicubic", ratio: [10, 11], boxes: [box(12)] },
        { op: "translate", x: 16, y: 17, unit: "share", interpolation: "bilinear", fill: [18, 19, 20] },
        {
          op: "mixChains",
          original: 21,
          chains: [
            { weight: 22, ops: [{ op: "hue", shift: 23 }] },
            { weight: 24, ops: [] },
          ],
        },
        { op: "erase", boxes: [box(25)], fill: { kind: "noise", seed: 29 } },
        { op: "erase", boxes: [], fill: { kind: "values", values: [30, 31, 32] } },
      ],
      program,
    );
    expect(program).toEqual([
      ...[4, 1, 2, 3, 4, 2, 5, 6, 7],
      ...[6, 8, 9, 2, 10, 11, 1, 12, 13, 14, 15],
      ...[12, 16, 17, 1, 1, 18, 19, 20],
      ...[28, 21, 2, 22, 1, 17, 23, 24, 0],
      ...[30, 1, 25, 26, 27, 28, 1, 29, 0, 0],
      ...[30, 0, 0, 30, 31, 32],
    ]);
  });
});

function box(first: number) {
  return { area: first, aspect: first + 1, across: first + 2, down: first + 3 };
}
