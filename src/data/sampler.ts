import { z } from "zod";
import { ArgumentError } from "../errors.js";
import { Random } from "../random.js";
import type { Dataset } from "./image-set.js";

/**
 * In what order, and how often, an epoch takes the images of a set; its length is that of the set.
 *
 * - `sequential`: in the order of the set;
 * - `shuffle`: each once, in an order of the epoch's own;
 * - `balanced`: drawn with replacement such that every class is equally likely, and every image of a class;
 * - `weighted`: drawn with replacement, each with a probability in proportion to its weight (PyTorch's
 *   WeightedRandomSampler);
 * - `repeated`: each image of a shuffled order `times` times in a row, each time changed otherwise, until the epoch is full
 *   (repeated augmentation: Hoffer et al. 2020, "Augment your batch"; torchvision's RASampler).
 */
export const samplerSchema = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("sequential") }),
  z.strictObject({ name: z.literal("shuffle") }),
  z.strictObject({ name: z.literal("balanced") }),
  z.strictObject({ name: z.literal("weighted"), weights: z.array(z.number().min(0)).min(1) }),
  z.strictObject({ name: z.literal("repeated"), times: z.int().min(2) }),
]);

/** See {@link samplerSchema}. */
export type Sampler = z.infer<typeof samplerSchema>;

/** The images of an epoch in the order in which they are taken. */
export interface EpochOrder {
  /** `[N]`, which images of the set. */
  readonly indices: Uint32Array;
  /** `[N]`, how often each was taken before in this epoch; absent where none is taken twice. */
  readonly occurrences?: Uint32Array;
}

/** @throws ArgumentError when the sampler does not fit the set */
export function checkSampler(sampler: Sampler, set: Dataset): void {
  if (sampler.name === "weighted") {
    const { weights } = sampler;
    if (weights.length !== set.size) {
      throw new ArgumentError(`${set.name}: ${set.size} images but ${weights.length} weights of the sampler`);
    }
    if (!weights.every((weight) => weight >= 0 && Number.isFinite(weight)) || !weights.some((weight) => weight > 0)) {
      throw new ArgumentError(`${set.name}: the sampler's weights must be numbers from 0, and some above it`);
    }
  }
  if (sampler.name === "balanced" && set.labels.some((label) => label < 0)) {
    throw new ArgumentError(`${set.name}: a balanced order needs the label of every image`);
  }
}

/** A pure function of its arguments. */
export function epochOrder(sampler: Sampler, set: Dataset, seed: number, epoch: number): EpochOrder {
  const { size } = set;
  switch (sampler.name) {
    case "sequential":
      return { indices: Uint32Array.from({ length: size }, (_, i) => i) };
    case "shuffle":
      return { indices: new Random(seed, "shuffle", epoch).permutation(size) };
    case "balanced": {
      const counts = set.classCounts();
      const weights = Array.from(set.labels, (label) => 1 / (counts[label] ?? 1));
      return drawn(weights, new Random(seed, "sampler", epoch));
    }
    case "weighted":
      return drawn(sampler.weights, new Random(seed, "sampler", epoch));
    case "repeated": {
      const order = new Random(seed, "shuffle", epoch).permutation(size);
      const { times } = sampler;
      return {
        indices: Uint32Array.from({ length: size }, (_, i) => order[Math.floor(i / times)] as number),
        occurrences: Uint32Array.from({ length: size }, (_, i) => i % times),
      };
    }
    default:
      return sampler satisfies never;
  }
}

/** As many draws with replacement as there are weights. */
function drawn(weights: readonly number[], random: Random): EpochOrder {
  const bounds = new Float64Array(weights.length);
  let sum = 0;
  for (const [i, weight] of weights.entries()) {
    sum += weight;
    bounds[i] = sum;
  }
  const taken = new Uint32Array(weights.length);
  const occurrences = new Uint32Array(weights.length);
  const indices = Uint32Array.from({ length: weights.length }, (_, i) => {
    const index = firstAbove(bounds, random.uniform(0, sum));
    occurrences[i] = taken[index] as number;
    taken[index] = (taken[index] as number) + 1;
    return index;
  });
  return { indices, occurrences };
}

/** The first place whose bound is greater than `value`; an image of weight 0 has no such value. */
function firstAbove(bounds: Float64Array, value: number): number {
  let low = 0;
  let high = bounds.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bounds[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
