import type { Random } from "../../random.js";
import type { ImageOp, Interpolation } from "./image-op.js";
import { rgbOf } from "./properties.js";
import type { Transform } from "./schema.js";

/**
 * The operations that augmentation policies choose from, and what their magnitude is: for shears the matrix entry, for
 * `translate` a share of the side, for `shift` pixels, for rotations degrees counter-clockwise, for the four changes of
 * colour the factor less 1, for `posterize` bits, for `cutout` half the side.
 */
export type PolicyOp =
  | "identity"
  | "shearX"
  | "shearY"
  | "translateX"
  | "translateY"
  | "shiftX"
  | "shiftY"
  | "rotate"
  | "brightness"
  | "color"
  | "contrast"
  | "sharpness"
  | "posterize"
  | "solarize"
  | "solarizeAdd"
  | "autoContrast"
  | "equalize"
  | "invert"
  | "cutout";

/** An operation, and its magnitudes from the weakest to the strongest. Signed ones are negated half of the time. */
export interface PolicyEntry {
  readonly op: PolicyOp;
  readonly magnitudes?: readonly [weakest: number, strongest: number];
  readonly signed?: true;
  /** Magnitudes are cut to whole numbers. */
  readonly whole?: true;
}

/** How pixels that move are found, and what lies outside of the image. */
export interface PolicyStyle {
  readonly interpolation: Interpolation;
  readonly fill: Parameters<typeof rgbOf>[0];
}

/** The transforms that choose operations. */
export type PolicyTransform = Extract<
  Transform,
  { name: "randAugment" | "autoAugment" | "trivialAugmentWide" | "augMix" }
>;

/** The magnitude of step `step` of `steps`, where step 0 is the weakest and step `steps` the strongest. */
export function magnitudeOf({ magnitudes = [0, 0], whole }: PolicyEntry, step: number, steps: number): number {
  const [weakest, strongest] = magnitudes;
  // The product comes first: so whole numbers and halves come out exact, whatever the number of steps.
  const magnitude = weakest + ((strongest - weakest) * step) / steps;
  return whole ? Math.trunc(magnitude) : magnitude;
}

/**
 * {@link magnitudeOf} as torchvision has it: rounded to float32 in the steps of `torch.linspace`, since the last bit of a
 * factor or a shear decides about some pixels. Translations and bits are whole in the end, and taken from exact numbers.
 */
export function binMagnitude(entry: PolicyEntry, bin: number, last: number): number {
  if (/^(translate|shift)|posterize/.test(entry.op)) return magnitudeOf(entry, bin, last);
  const [weakest, strongest] = [Math.fround(entry.magnitudes?.[0] ?? 0), Math.fround(entry.magnitudes?.[1] ?? 0)];
  const step = Math.fround(Math.fround(strongest - weakest) / last);
  // From both ends to the middle, so that the last bin is the strongest exactly.
  return Math.fround(bin < (last + 1) >> 1 ? weakest + step * bin : strongest - step * (last - bin));
}

/** An operation at a magnitude, its sign and place drawn; undefined where it changes nothing. */
export function drawPolicyOp(
  entry: PolicyEntry,
  magnitude: number,
  { interpolation, fill }: PolicyStyle,
  random: Random,
): ImageOp | undefined {
  const signed = entry.signed && random.chance(0.5) ? -magnitude : magnitude;
  const moved = { interpolation, fill: rgbOf(fill) };
  switch (entry.op) {
    case "identity":
      return undefined;
    case "shearX":
      return signed === 0 ? undefined : { op: "affine", matrix: [1, signed, 0, 0, 1, 0], ...moved };
    case "shearY":
      return signed === 0 ? undefined : { op: "affine", matrix: [1, 0, 0, signed, 1, 0], ...moved };
    case "translateX":
      return signed === 0 ? undefined : { op: "translate", x: hairMore(signed), y: 0, unit: "share", ...moved };
    case "translateY":
      return signed === 0 ? undefined : { op: "translate", x: 0, y: hairMore(signed), unit: "share", ...moved };
    case "shiftX":
      return Math.trunc(signed) === 0
        ? undefined
        : { op: "translate", x: Math.trunc(signed), y: 0, unit: "pixels", ...moved };
    case "shiftY":
      return Math.trunc(signed) === 0
        ? undefined
        : { op: "translate", x: 0, y: Math.trunc(signed), unit: "pixels", ...moved };
    case "rotate":
      return signed === 0 ? undefined : { op: "rotate", degrees: signed, ...moved };
    case "brightness":
    case "contrast":
    case "sharpness":
      return signed === 0 ? undefined : { op: entry.op, factor: 1 + signed };
    case "color":
      return signed === 0 ? undefined : { op: "saturation", factor: 1 + signed };
    case "posterize": {
      const bits = halfToEven(magnitude);
      return bits >= 8 ? undefined : { op: "posterize", bits };
    }
    case "solarize":
      return magnitude > 255 ? undefined : { op: "solarize", threshold: magnitude };
    case "solarizeAdd":
      return magnitude === 0 ? undefined : { op: "solarizeAdd", amount: magnitude, threshold: 128 };
    case "autoContrast":
    case "equalize":
    case "invert":
      return { op: entry.op };
    case "cutout": {
      const [across, down] = [random.uniform(), random.uniform()];
      return magnitude === 0 ? undefined : { op: "cutout", across, down, size: 2 * magnitude, fill: rgbOf(fill) };
    }
    default:
      return entry.op satisfies never;
  }
}

/**
 * torchvision rounds the product of share and side to float32 before it cuts it to whole pixels, so that 149.99999999 is
 * 150. A hair more gives the same pixels without the rounding.
 */
function hairMore(share: number): number {
  return share * (1 + 2 ** -30);
}

/** As `round` of Python and PyTorch. */
function halfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
