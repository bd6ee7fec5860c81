import type { Rgb } from "../image-set.js";
import type { DrawnBox, EraseFill, ImageOp, Interpolation, PaddingMode } from "./image-op.js";

/** What stands for each operation in a program; `native/images/opcodes.h` has the same numbers. */
export const OPCODES = {
  resize: 1,
  resizeShorter: 2,
  centerCrop: 3,
  pad: 4,
  cropAt: 5,
  resizedCrop: 6,
  flipHorizontal: 7,
  flipVertical: 8,
  turn: 9,
  rotate: 10,
  affine: 11,
  translate: 12,
  brightness: 13,
  contrast: 14,
  saturation: 15,
  sharpness: 16,
  hue: 17,
  posterize: 18,
  solarize: 19,
  solarizeAdd: 20,
  autoContrast: 21,
  equalize: 22,
  invert: 23,
  grayscale: 24,
  gaussianBlur: 25,
  stain: 26,
  cutout: 27,
  mixChains: 28,
  normalize: 29,
  erase: 30,
} as const satisfies Record<ImageOp["op"], number>;

const INTERPOLATIONS: Record<Interpolation, number> = { nearest: 0, bilinear: 1, bicubic: 2 };
const PADDING_MODES: Record<PaddingMode, number> = { constant: 0, edge: 1, reflect: 2, symmetric: 3 };

/**
 * Appends operations as the native executor reads them: for each its opcode, then its numbers in the order of the type's
 * properties. Lists come after their length, mixed chains as `[original, chains, (weight, operations, …) …]`, where
 * `operations` is how many follow.
 */
export function encodeOps(ops: readonly ImageOp[], program: number[]): void {
  for (const op of ops) encode(op, program);
}

function encode(op: ImageOp, program: number[]): void {
  program.push(OPCODES[op.op]);
  switch (op.op) {
    case "resize":
      program.push(op.width, op.height, INTERPOLATIONS[op.interpolation]);
      return;
    case "resizeShorter":
      program.push(op.size, INTERPOLATIONS[op.interpolation]);
      return;
    case "centerCrop":
      program.push(op.width, op.height);
      return;
    case "pad":
      program.push(op.left, op.top, op.right, op.bottom, PADDING_MODES[op.mode], ...op.fill);
      return;
    case "cropAt":
      program.push(op.width, op.height, op.across, op.down);
      return;
    case "resizedCrop":
      program.push(op.width, op.height, INTERPOLATIONS[op.interpolation], ...op.ratio);
      encodeBoxes(op.boxes, program);
      return;
    case "turn":
      program.push(op.quarters);
      return;
    case "rotate":
      program.push(op.degrees, INTERPOLATIONS[op.interpolation], ...op.fill);
      return;
    case "affine":
      program.push(...op.matrix, INTERPOLATIONS[op.interpolation], ...op.fill);
      return;
    case "translate":
      program.push(op.x, op.y, op.unit === "share" ? 1 : 0, INTERPOLATIONS[op.interpolation], ...op.fill);
      return;
    case "brightness":
    case "contrast":
    case "saturation":
    case "sharpness":
      program.push(op.factor);
      return;
    case "hue":
      program.push(op.shift);
      return;
    case "posterize":
      program.push(op.bits);
      return;
    case "solarize":
      program.push(op.threshold);
      return;
    case "solarizeAdd":
      program.push(op.amount, op.threshold);
      return;
    case "gaussianBlur":
      program.push(...op.kernel, ...op.sigma);
      return;
    case "stain":
      program.push(...op.scale, ...op.shift);
      return;
    case "cutout":
      program.push(op.across, op.down, op.size, ...op.fill);
      return;
    case "mixChains":
      program.push(op.original, op.chains.length);
      for (const { weight, ops } of op.chains) {
        program.push(weight, ops.length);
        encodeOps(ops, program);
      }
      return;
    case "normalize":
      program.push(...op.mean, ...op.std);
      return;
    case "erase":
      encodeBoxes(op.boxes, program);
      encodeFill(op.fill, program);
      return;
    case "flipHorizontal":
    case "flipVertical":
    case "autoContrast":
    case "equalize":
    case "invert":
    case "grayscale":
      return;
    default:
      op satisfies never;
  }
}

function encodeBoxes(boxes: readonly DrawnBox[], program: number[]): void {
  program.push(boxes.length);
  for (const { area, aspect, across, down } of boxes) program.push(area, aspect, across, down);
}

/** `[0, red, green, blue]`, or `[1, seed, 0, 0]`. */
function encodeFill(fill: EraseFill, program: number[]): void {
  const values: Rgb = fill.kind === "values" ? fill.values : [fill.seed, 0, 0];
  program.push(fill.kind === "values" ? 0 : 1, ...values);
}
