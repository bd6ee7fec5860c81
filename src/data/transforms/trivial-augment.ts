import type { Random } from "../../random.js";
import type { ImageOp } from "./image-op.js";
import { binMagnitude, drawPolicyOp, type PolicyEntry } from "./policy.js";
import type { TransformOf } from "./schema.js";

/** The operations of torchvision's TrivialAugmentWide; the magnitudes belong to the first and the last bin. */
export const TRIVIAL_AUGMENT_WIDE: readonly PolicyEntry[] = [
  { op: "identity" },
  { op: "shearX", magnitudes: [0, 0.99], signed: true },
  { op: "shearY", magnitudes: [0, 0.99], signed: true },
  { op: "shiftX", magnitudes: [0, 32], signed: true },
  { op: "shiftY", magnitudes: [0, 32], signed: true },
  { op: "rotate", magnitudes: [0, 135], signed: true },
  { op: "brightness", magnitudes: [0, 0.99], signed: true },
  { op: "color", magnitudes: [0, 0.99], signed: true },
  { op: "contrast", magnitudes: [0, 0.99], signed: true },
  { op: "sharpness", magnitudes: [0, 0.99], signed: true },
  { op: "posterize", magnitudes: [8, 2] },
  { op: "solarize", magnitudes: [255, 0] },
  { op: "autoContrast" },
  { op: "equalize" },
];

/** One operation, chosen uniformly, and its bin too. */
export function drawTrivialAugment(transform: TransformOf<"trivialAugmentWide">, random: Random): ImageOp[] {
  const entry = TRIVIAL_AUGMENT_WIDE[random.below(TRIVIAL_AUGMENT_WIDE.length)] as PolicyEntry;
  const bin = random.below(transform.magnitudeBins);
  const op = drawPolicyOp(entry, binMagnitude(entry, bin, transform.magnitudeBins - 1), transform, random);
  return op ? [op] : [];
}
