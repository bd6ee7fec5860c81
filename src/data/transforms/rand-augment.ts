import type { Random } from "../../random.js";
import type { ImageOp } from "./image-op.js";
import { binMagnitude, drawPolicyOp, magnitudeOf, type PolicyEntry } from "./policy.js";
import type { TransformOf } from "./schema.js";

/** Of the 331 pixels that AutoAugment's search used, 150; other sizes move in proportion. */
export const TRANSLATED_SHARE = 150 / 331;

/** The operations of torchvision's RandAugment; the magnitudes belong to the first and the last bin. */
export const RAND_AUGMENT: readonly PolicyEntry[] = [
  { op: "identity" },
  { op: "shearX", magnitudes: [0, 0.3], signed: true },
  { op: "shearY", magnitudes: [0, 0.3], signed: true },
  { op: "translateX", magnitudes: [0, TRANSLATED_SHARE], signed: true },
  { op: "translateY", magnitudes: [0, TRANSLATED_SHARE], signed: true },
  { op: "rotate", magnitudes: [0, 30], signed: true },
  { op: "brightness", magnitudes: [0, 0.9], signed: true },
  { op: "color", magnitudes: [0, 0.9], signed: true },
  { op: "contrast", magnitudes: [0, 0.9], signed: true },
  { op: "sharpness", magnitudes: [0, 0.9], signed: true },
  { op: "posterize", magnitudes: [8, 4] },
  { op: "solarize", magnitudes: [255, 0] },
  { op: "autoContrast" },
  { op: "equalize" },
];

/**
 * The operations of the official EfficientNetV2 (google/automl, `efficientnetv2/autoaugment.py`); the magnitudes belong to
 * the levels 0 and 10, and go on evenly above.
 *
 * As there, more is not always stronger: posterising keeps more bits and solarising inverts less as the level grows, and
 * both change nothing from some level on. Colours change as in Pillow, whereas the official contrast blends with a grey that
 * depends on the number of pixels.
 */
export const EFFICIENTNETV2_AUGMENT: readonly PolicyEntry[] = [
  { op: "autoContrast" },
  { op: "equalize" },
  { op: "invert" },
  { op: "rotate", magnitudes: [0, 30], signed: true },
  { op: "posterize", magnitudes: [0, 4], whole: true },
  { op: "solarize", magnitudes: [0, 256], whole: true },
  { op: "color", magnitudes: [-0.9, 0.9] },
  { op: "contrast", magnitudes: [-0.9, 0.9] },
  { op: "brightness", magnitudes: [-0.9, 0.9] },
  { op: "sharpness", magnitudes: [-0.9, 0.9] },
  { op: "shearX", magnitudes: [0, 0.3], signed: true },
  { op: "shearY", magnitudes: [0, 0.3], signed: true },
  { op: "shiftX", magnitudes: [0, 100], signed: true },
  { op: "shiftY", magnitudes: [0, 100], signed: true },
  { op: "cutout", magnitudes: [0, 40], whole: true },
  { op: "solarizeAdd", magnitudes: [0, 110], whole: true },
];

/** Level 10 of EfficientNetV2's operations is what their table says. */
const STRONG_LEVEL = 10;
/** TensorFlow keeps at least one bit. */
const LEAST_BITS = 1;
const GREY = 128;

/** `numOps` operations, each chosen uniformly, with replacement. */
export function drawRandAugment(transform: TransformOf<"randAugment">, random: Random): ImageOp[] {
  const official = transform.ops === "efficientnetv2";
  const entries = official ? EFFICIENTNETV2_AUGMENT : RAND_AUGMENT;
  const steps = official ? STRONG_LEVEL : transform.magnitudeBins - 1;
  const style = { interpolation: transform.interpolation, fill: transform.fill ?? (official ? GREY : 0) };
  const ops: ImageOp[] = [];
  for (let i = 0; i < transform.numOps; i++) {
    const entry = entries[random.below(entries.length)] as PolicyEntry;
    const magnitude = (official ? magnitudeOf : binMagnitude)(entry, transform.magnitude, steps);
    const least = entry.op === "posterize" ? LEAST_BITS : Number.NEGATIVE_INFINITY;
    const op = drawPolicyOp(entry, Math.max(least, magnitude), style, random);
    if (op) ops.push(op);
  }
  return ops;
}
