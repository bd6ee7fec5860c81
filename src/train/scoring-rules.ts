import type { LabelledProbabilities } from "./labelled-probabilities.js";

/** The smallest float32 above 0, which a probability that was rounded to 0 counts as. */
export const leastProbability = 2 ** -149;

/**
 * The mean over samples of minus the natural logarithm of the true class's probability, at least 0; 0 is best. A
 * probability of 0 counts as 2^-149, the smallest that float32 can hold: it is one that was rounded. `evaluate`'s loss is
 * the same mean, of logarithms that were never rounded so.
 */
export function negativeLogLikelihood({ probabilities, labels, classes, samples }: LabelledProbabilities): number {
  let sum = 0;
  for (const [i, label] of labels.entries()) {
    sum -= Math.log(Math.max(probabilities[i * classes + label] as number, leastProbability));
  }
  return sum / samples;
}

/**
 * The mean over samples of the squared distance between the probabilities and the truth as 0 and 1, summed over classes, 0 … 2;
 * 0 is best (Brier 1950). For two classes it is twice what scikit-learn's `brier_score_loss` says of one of them.
 */
export function brierScore(samples: LabelledProbabilities): number {
  let sum = 0;
  for (const [i, label] of samples.labels.entries()) {
    const row = samples.row(i);
    for (let j = 0; j < row.length; j++) sum += ((row[j] as number) - (j === label ? 1 : 0)) ** 2;
  }
  return sum / samples.samples;
}
