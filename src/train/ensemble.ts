import type { Labelled } from "../data/index.js";
import { ArgumentError } from "../errors.js";
import type { Evaluation, Predictions } from "./evaluate.js";
import { mostProbable } from "./labelled-probabilities.js";
import { ConfusionMatrix } from "./metrics.js";
import { leastProbability } from "./scoring-rules.js";

/** What one network of an ensemble says of the images that all were asked about. */
export interface EnsembleMember extends Predictions {
  /** What the columns of the probabilities stand for. */
  classes: readonly string[];
  /** How much it counts, at least 0, in proportion to the others; default 1. */
  weight?: number;
}

/**
 * The weighted mean of the probabilities of several networks (deep ensembles: Lakshminarayanan et al. 2017,
 * arXiv 1612.01474), as predictions. Sums are kept in float64. The members may have been given the images in other sizes
 * and normalised otherwise.
 *
 * @param members each the predictions for the same images of one set
 * @param classes the order of the columns of the result; default that of the first. A member's are matched by name
 * @throws ArgumentError without members, when a weight is negative or all are 0, or when classes or images differ
 */
export function meanPredictions(members: readonly EnsembleMember[], classes?: readonly string[]): Predictions {
  const { means, indices } = meanProbabilities(members, classes ?? members[0]?.classes ?? []);
  return { probabilities: Float32Array.from(means), indices };
}

/**
 * An ensemble's {@link Evaluation}: of each image the most probable class by {@link meanPredictions}, and as the loss the
 * negative log-likelihood of those means in float64, in which a probability of 0 counts as 2^-149 (it is one that float32 has
 * rounded). Of one member alone it is that network's.
 *
 * @param set the images that the members were asked about; the classes come out in its order
 * @throws ArgumentError as {@link meanPredictions}, and when an image has no label
 */
export function ensemble(
  members: readonly EnsembleMember[],
  { classes, labels }: Pick<Labelled, "classes" | "labels">,
): Evaluation {
  const { means, indices } = meanProbabilities(members, classes);
  const probabilities = Float32Array.from(means);
  const matrix = new ConfusionMatrix(classes);
  const count = classes.length;
  const truths = Int32Array.from(indices, (index) => labels[index] ?? -1);
  // Of the probabilities that are given out, so that whoever counts them again comes to the same.
  const predicted = truths.map((_, i) => mostProbable(probabilities.subarray(i * count, (i + 1) * count)));
  matrix.add(truths, predicted);
  let loss = 0;
  for (const [i, label] of truths.entries()) {
    loss -= Math.log(Math.max(means[i * count + label] as number, leastProbability));
  }
  return { loss: loss / truths.length, matrix, probabilities, indices, labels: truths };
}

/**
 * Where each class of `to` stands in `from`.
 *
 * @param whose classes `from` are, for the error
 * @throws ArgumentError that names the classes that only one of them has
 */
export function classOrder(from: readonly string[], to: readonly string[], whose: string): number[] {
  const lacks = to.filter((name) => !from.includes(name));
  const besides = from.filter((name) => !to.includes(name));
  if (lacks.length + besides.length > 0) {
    const parts = [
      ...(lacks.length > 0 ? [`lacks ${lacks.join(", ")}`] : []),
      ...(besides.length > 0 ? [`has ${besides.join(", ")} besides`] : []),
    ];
    throw new ArgumentError(`${whose}: its classes are not those of the others: it ${parts.join(" and ")}`);
  }
  return to.map((name) => from.indexOf(name));
}

/** `[N, K]` in float64. */
function meanProbabilities(
  members: readonly EnsembleMember[],
  classes: readonly string[],
): { means: Float64Array; indices: Uint32Array } {
  const [first] = members;
  if (first === undefined) throw new ArgumentError("an ensemble needs at least one member");
  const { indices } = first;
  const weights = members.map(({ weight = 1 }, i) => {
    if (weight >= 0 && weight < Number.POSITIVE_INFINITY) return weight;
    throw new ArgumentError(`member ${i + 1} of the ensemble: its weight is ${weight}, not a number of at least 0`);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) throw new ArgumentError("the weights of an ensemble are all 0");
  const means = new Float64Array(indices.length * classes.length);
  for (const [m, member] of members.entries()) {
    const here = `member ${m + 1} of the ensemble`;
    const order = classOrder(member.classes, classes, here);
    requireSameImages(member, first, here);
    const weight = (weights[m] as number) / total;
    for (let i = 0; i < means.length; i += classes.length) {
      for (const [to, from] of order.entries()) {
        means[i + to] = (means[i + to] as number) + weight * (member.probabilities[i + from] as number);
      }
    }
  }
  return { means, indices };
}

function requireSameImages(
  { classes, indices, probabilities }: EnsembleMember,
  first: EnsembleMember,
  here: string,
): void {
  const needed = indices.length * classes.length;
  if (probabilities.length !== needed) {
    throw new ArgumentError(
      `${here}: ${indices.length} images of ${classes.length} classes need ${needed} probabilities, not ${probabilities.length}`,
    );
  }
  const place = indices.findIndex((index, i) => index !== first.indices[i]);
  if (place < 0 && indices.length === first.indices.length) return;
  const images = place < 0 || place >= first.indices.length ? "" : `; in place ${place} it has image ${indices[place]}`;
  throw new ArgumentError(
    `${here}: it was given ${indices.length} images, the first ${first.indices.length}${images}`,
    "Give all the same images, in the same order.",
  );
}
