import type { Random } from "../../random.js";
import type { ImageOp } from "./image-op.js";
import { binMagnitude, drawPolicyOp, type PolicyEntry, type PolicyOp } from "./policy.js";
import { RAND_AUGMENT } from "./rand-augment.js";
import type { TransformOf } from "./schema.js";

/** The magnitudes of torchvision's AutoAugment: RandAugment's, over ten bins, and inverting. */
export const AUTO_AUGMENT: readonly PolicyEntry[] = [
  ...RAND_AUGMENT.filter(({ op }) => op !== "identity"),
  { op: "invert" },
];
const BINS = 10;
const ENTRIES = new Map(AUTO_AUGMENT.map((entry) => [entry.op, entry]));

/** An operation, the probability that it is done, and the bin of its magnitude, for those that have one. */
export type PolicyStep = readonly [op: PolicyOp, probability: number, bin?: number];

/** The sub-policies that were found for each data set (Cubuk et al. 2019, appendix), as torchvision has them. */
// biome-ignore format: a sub-policy is a line.
export const AUTO_AUGMENT_POLICIES: Record<
  TransformOf<"autoAugment">["policy"],
  readonly (readonly [PolicyStep, PolicyStep])[]
> = {
  imagenet: [
    [["posterize", 0.4, 8], ["rotate", 0.6, 9]],
    [["solarize", 0.6, 5], ["autoContrast", 0.6]],
    [["equalize", 0.8], ["equalize", 0.6]],
    [["posterize", 0.6, 7], ["posterize", 0.6, 6]],
    [["equalize", 0.4], ["solarize", 0.2, 4]],
    [["equalize", 0.4], ["rotate", 0.8, 8]],
    [["solarize", 0.6, 3], ["equalize", 0.6]],
    [["posterize", 0.8, 5], ["equalize", 1]],
    [["rotate", 0.2, 3], ["solarize", 0.6, 8]],
    [["equalize", 0.6], ["posterize", 0.4, 6]],
    [["rotate", 0.8, 8], ["color", 0.4, 0]],
    [["rotate", 0.4, 9], ["equalize", 0.6]],
    [["equalize", 0], ["equalize", 0.8]],
    [["invert", 0.6], ["equalize", 1]],
    [["color", 0.6, 4], ["contrast", 1, 8]],
    [["rotate", 0.8, 8], ["color", 1, 2]],
    [["color", 0.8, 8], ["solarize", 0.8, 7]],
    [["sharpness", 0.4, 7], ["invert", 0.6]],
    [["shearX", 0.6, 5], ["equalize", 1]],
    [["color", 0.4, 0], ["equalize", 0.6]],
    [["equalize", 0.4], ["solarize", 0.2, 4]],
    [["solarize", 0.6, 5], ["autoContrast", 0.6]],
    [["invert", 0.6], ["equalize", 1]],
    [["color", 0.6, 4], ["contrast", 1, 8]],
    [["equalize", 0.8], ["equalize", 0.6]],
  ],
  cifar10: [
    [["invert", 0.1], ["contrast", 0.2, 6]],
    [["rotate", 0.7, 2], ["translateX", 0.3, 9]],
    [["sharpness", 0.8, 1], ["sharpness", 0.9, 3]],
    [["shearY", 0.5, 8], ["translateY", 0.7, 9]],
    [["autoContrast", 0.5], ["equalize", 0.9]],
    [["shearY", 0.2, 7], ["posterize", 0.3, 7]],
    [["color", 0.4, 3], ["brightness", 0.6, 7]],
    [["sharpness", 0.3, 9], ["brightness", 0.7, 9]],
    [["equalize", 0.6], ["equalize", 0.5]],
    [["contrast", 0.6, 7], ["sharpness", 0.6, 5]],
    [["color", 0.7, 7], ["translateX", 0.5, 8]],
    [["equalize", 0.3], ["autoContrast", 0.4]],
    [["translateY", 0.4, 3], ["sharpness", 0.2, 6]],
    [["brightness", 0.9, 6], ["color", 0.2, 8]],
    [["solarize", 0.5, 2], ["invert", 0]],
    [["equalize", 0.2], ["autoContrast", 0.6]],
    [["equalize", 0.2], ["equalize", 0.6]],
    [["color", 0.9, 9], ["equalize", 0.6]],
    [["autoContrast", 0.8], ["solarize", 0.2, 8]],
    [["brightness", 0.1, 3], ["color", 0.7, 0]],
    [["solarize", 0.4, 5], ["autoContrast", 0.9]],
    [["translateY", 0.9, 9], ["translateY", 0.7, 9]],
    [["autoContrast", 0.9], ["solarize", 0.8, 3]],
    [["equalize", 0.8], ["invert", 0.1]],
    [["translateY", 0.7, 9], ["autoContrast", 0.9]],
  ],
};

/** One sub-policy, chosen uniformly; each of its two steps with its probability. */
export function drawAutoAugment(transform: TransformOf<"autoAugment">, random: Random): ImageOp[] {
  const policies = AUTO_AUGMENT_POLICIES[transform.policy];
  const ops: ImageOp[] = [];
  for (const [name, probability, bin = 0] of policies[random.below(policies.length)] ?? []) {
    const entry = ENTRIES.get(name);
    if (!entry || !random.chance(probability)) continue;
    const op = drawPolicyOp(entry, binMagnitude(entry, bin, BINS - 1), transform, random);
    if (op) ops.push(op);
  }
  return ops;
}
