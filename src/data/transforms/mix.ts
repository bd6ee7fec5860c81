import { z } from "zod";
import { ArgumentError } from "../../errors.js";
import { Random } from "../../random.js";
import type { Size } from "../image-set.js";
import { number, probability } from "./properties.js";

/**
 * Mixing the images of a batch: mixup (Zhang et al. 2018, arXiv 1710.09412) blends each with another one, CutMix (Yun et al.
 * 2019, arXiv 1905.04899) pastes a rectangle of another one into it. `mixup` and `cutmix` are the alpha of the Beta(alpha,
 * alpha) distribution of the share that stays; 0 switches one off. A batch is mixed with `probability`, and where both are
 * on, by CutMix with `switchProbability`.
 */
export const mixSchema = z
  .strictObject({
    mixup: number(0, 1000).default(0),
    cutmix: number(0, 1000).default(0),
    probability: probability.default(1),
    switchProbability: probability.default(0.5),
  })
  .refine(({ mixup, cutmix }) => mixup > 0 || cutmix > 0, "mixup or cutmix must be above 0");

/** How batches are mixed; see {@link mixSchema}. */
export type Mix = z.output<typeof mixSchema>;

/** As one writes it. */
export type MixInput = z.input<typeof mixSchema>;

/** A rectangle in pixels. */
export interface MixBox extends Size {
  readonly x: number;
  readonly y: number;
}

/** What is done to one batch; `lambda` is the share of each image that stays. */
export type DrawnMix =
  | { readonly kind: "mixup"; readonly lambda: number }
  | { readonly kind: "cutmix"; readonly lambda: number; readonly box: MixBox };

/** @throws ArgumentError naming the property that is wrong */
export function parseMix(value: unknown): Mix {
  const parsed = mixSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ArgumentError(
    parsed.error.issues.map(({ path, message }) => ["mix:", ...path, message].join(" ")).join("; "),
  );
}

/**
 * How a batch of images of one size is mixed, as in torchvision's reference training: a pure function of its arguments.
 *
 * @param key what the batch is, such as seed, epoch and its number
 * @returns undefined where it is left as it is
 */
export function drawMix(mix: Mix, key: readonly (number | string)[], { width, height }: Size): DrawnMix | undefined {
  const random = new Random(...key, "mix");
  if (!random.chance(mix.probability)) return undefined;
  // Drawn also where only one of the two is on, so that switching the other one on changes no more than it must.
  const switched = random.chance(mix.switchProbability);
  const cut = mix.cutmix > 0 && (switched || mix.mixup === 0);
  const alpha = cut ? mix.cutmix : mix.mixup;
  const lambda = random.beta(alpha, alpha);
  if (!cut) return { kind: "mixup", lambda };
  const x = random.below(width);
  const y = random.below(height);
  const half = Math.sqrt(1 - lambda) / 2;
  const [left, right] = [Math.max(0, x - Math.trunc(half * width)), Math.min(width, x + Math.trunc(half * width))];
  const [top, bottom] = [Math.max(0, y - Math.trunc(half * height)), Math.min(height, y + Math.trunc(half * height))];
  const box = { x: left, y: top, width: right - left, height: bottom - top };
  if (box.width === 0 || box.height === 0) return undefined;
  // The border may have cut the box: what counts is what is pasted.
  return { kind: "cutmix", lambda: 1 - (box.width * box.height) / (width * height), box };
}

/**
 * How much of each class is in the images of a mixed batch, where the partner of each is the one before it.
 *
 * @param labels `[N]`, each in [0, classes)
 * @param firstPartner the label of the first one's partner; default that of the last
 * @returns `[N, classes]`, rows that sum to 1
 * @throws ArgumentError when a label is no class
 */
export function mixTargets(
  labels: ArrayLike<number>,
  classes: number,
  lambda: number,
  firstPartner = labels[labels.length - 1],
): Float32Array {
  const targets = new Float32Array(labels.length * classes);
  let partner = firstPartner;
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    for (const [own, share] of [
      [label, lambda],
      [partner, 1 - lambda],
    ] as const) {
      if (own === undefined || !Number.isInteger(own) || own < 0 || own >= classes) {
        throw new ArgumentError(`label ${own} of a mixed batch is none of ${classes} classes`);
      }
      const at = row * classes + own;
      targets[at] = (targets[at] as number) + share;
    }
    partner = label;
  }
  return targets;
}
