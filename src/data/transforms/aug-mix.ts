import type { Random } from "../../random.js";
import type { ImageOp } from "./image-op.js";
import { binMagnitude, drawPolicyOp, type PolicyEntry } from "./policy.js";
import type { TransformOf } from "./schema.js";

/** The operations of torchvision's AugMix; the magnitudes belong to the first and the last of ten bins. */
export const AUG_MIX: readonly PolicyEntry[] = [
  { op: "shearX", magnitudes: [0, 0.3], signed: true },
  { op: "shearY", magnitudes: [0, 0.3], signed: true },
  { op: "translateX", magnitudes: [0, 1 / 3], signed: true },
  { op: "translateY", magnitudes: [0, 1 / 3], signed: true },
  { op: "rotate", magnitudes: [0, 30], signed: true },
  { op: "posterize", magnitudes: [4, 0] },
  { op: "solarize", magnitudes: [255, 0] },
  { op: "autoContrast" },
  { op: "equalize" },
];

/** Those that `allOps` adds. */
export const AUG_MIX_COLOUR: readonly PolicyEntry[] = [
  { op: "brightness", magnitudes: [0, 0.9], signed: true },
  { op: "color", magnitudes: [0, 0.9], signed: true },
  { op: "contrast", magnitudes: [0, 0.9], signed: true },
  { op: "sharpness", magnitudes: [0, 0.9], signed: true },
];

const ALL = [...AUG_MIX, ...AUG_MIX_COLOUR];
const BINS = 10;

/** Chains of operations and the weights they are mixed with. */
export function drawAugMix(transform: TransformOf<"augMix">, random: Random): ImageOp {
  const { severity, mixtureWidth, chainDepth, alpha } = transform;
  const entries = transform.allOps ? ALL : AUG_MIX;
  const [original = 0, augmented = 0] = dirichlet(alpha, 2, random);
  const chains = dirichlet(alpha, mixtureWidth, random).map((weight) => {
    const depth = chainDepth > 0 ? chainDepth : 1 + random.below(3);
    const ops: ImageOp[] = [];
    for (let i = 0; i < depth; i++) {
      const entry = entries[random.below(entries.length)] as PolicyEntry;
      const magnitude = binMagnitude(entry, random.below(severity), BINS - 1);
      const op = drawPolicyOp(entry, magnitude, transform, random);
      if (op) ops.push(op);
    }
    return { weight: weight * augmented, ops };
  });
  return { op: "mixChains", original, chains };
}

/** `count` weights that sum to 1, of the symmetric Dirichlet distribution. */
function dirichlet(alpha: number, count: number, random: Random): number[] {
  let weights: number[];
  let sum: number;
  do {
    weights = Array.from({ length: count }, () => random.gamma(alpha));
    sum = weights.reduce((a, b) => a + b, 0);
    // With a small alpha all may be too small for a number.
  } while (sum === 0);
  return weights.map((weight) => weight / sum);
}
