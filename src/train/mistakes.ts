import type { Predictions } from "./evaluate.js";
import { mostProbable } from "./labelled-probabilities.js";

/** An image that was predicted wrong. */
export interface Mistake {
  /** Of the image in its set. */
  index: number;
  /** The true class, an index. */
  truth: number;
  /** The class predicted, an index. */
  predicted: number;
  /** The probability that the predicted class was given, 0 … 1. */
  confidence: number;
}

/**
 * The mistakes that a network was surest of, the surest first; of equals, the one that was predicted first.
 *
 * @param evaluation what `evaluate` or `predict` gives
 * @param labels `[images of the set]`, the true classes: `set.labels`
 * @param count how many at most; default all
 */
export function mostConfidentMistakes(
  { probabilities, indices }: Predictions,
  labels: ArrayLike<number>,
  count = Number.POSITIVE_INFINITY,
): Mistake[] {
  const classes = probabilities.length / indices.length;
  const mistakes: Mistake[] = [];
  for (const [i, index] of indices.entries()) {
    const row = probabilities.subarray(i * classes, (i + 1) * classes);
    const [truth, predicted] = [labels[index], mostProbable(row)];
    if (truth !== undefined && truth !== predicted) {
      mistakes.push({ index, truth, predicted, confidence: row[predicted] ?? 0 });
    }
  }
  return mistakes.sort((a, b) => b.confidence - a.confidence).slice(0, count);
}
