import { ArgumentError } from "../errors.js";
import type { LabelledProbabilities } from "./labelled-probabilities.js";

/** How well each class's probability tells its samples from all others, whatever the threshold. */
export interface RankingScores {
  /**
   * `[K]`: the area under the ROC curve, one class against the rest, 0 … 1: how often a sample of the class has a higher
   * probability than one of another class, ties counting half. NaN where there are none to compare: the class does not
   * occur, or no other does.
   */
  rocAuc: number[];
  /**
   * `[K]`: average precision, 0 … 1: the sum over thresholds, from the highest, of the gain in recall times the precision,
   * without interpolation. NaN where the class does not occur.
   */
  averagePrecision: number[];
}

/**
 * The share of samples whose true class is among the k most probable ones, 0 … 1. Of equal probabilities that of the lower
 * class comes first, so that k = 1 gives the accuracy.
 *
 * @throws ArgumentError when k is not a whole number from 1 to K
 */
export function topKAccuracy(samples: LabelledProbabilities, k: number): number {
  if (!Number.isInteger(k) || k < 1 || k > samples.classes) {
    throw new ArgumentError(`k is ${k}, not a whole number from 1 to the ${samples.classes} classes`);
  }
  let hits = 0;
  for (const [i, label] of samples.labels.entries()) if (rankOf(samples.row(i), label) < k) hits++;
  return hits / samples.samples;
}

/** The classes that come before one. */
function rankOf(row: Float32Array, label: number): number {
  const own = row[label] as number;
  let before = 0;
  for (let i = 0; i < row.length; i++) {
    const other = row[i] as number;
    if (other > own || (other === own && i < label)) before++;
  }
  return before;
}

/** ROC-AUC and average precision of each class; samples of equal probability share a threshold, as in scikit-learn. */
export function rankingScores(samples: LabelledProbabilities): RankingScores {
  const supports = samples.supports();
  const ranked = Array.from({ length: samples.classes }, (_, index) => rankClass(samples, index, supports));
  return {
    rocAuc: ranked.map((scores) => scores.rocAuc),
    averagePrecision: ranked.map((scores) => scores.averagePrecision),
  };
}

function rankClass(
  samples: LabelledProbabilities,
  index: number,
  supports: readonly number[],
): { rocAuc: number; averagePrecision: number } {
  const keys = sortedKeys(samples, index);
  const positives = supports[index] as number;
  const negatives = samples.samples - positives;
  let [hits, misses, area, precision] = [0, 0, 0, 0];
  for (let i = keys.length - 1; i >= 0; ) {
    const score = Math.floor((keys[i] as number) / 2);
    const [hitsBefore, missesBefore] = [hits, misses];
    for (; i >= 0 && Math.floor((keys[i] as number) / 2) === score; i--) {
      if ((keys[i] as number) % 2 === 1) hits++;
      else misses++;
    }
    // A trapezoid of the curve, times both counts: exact, for they are whole numbers and halves.
    area += ((misses - missesBefore) * (hits + hitsBefore)) / 2;
    precision += ((hits - hitsBefore) * hits) / (hits + misses);
  }
  return { rocAuc: area / (positives * negatives), averagePrecision: precision / positives };
}

/**
 * The samples by their probability of a class, ascending, each as one number: twice the bits of its float32, and one more
 * where it is of the class. The bits of numbers that are not negative have the order of the numbers, and a typed array sorts
 * many times faster without a function that compares.
 */
function sortedKeys({ probabilities, labels, classes }: LabelledProbabilities, index: number): Float64Array {
  const bits = new Uint32Array(probabilities.buffer, probabilities.byteOffset, probabilities.length);
  const keys = new Float64Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    // Without its sign -0 is 0.
    const score = (bits[i * classes + index] as number) & 0x7fffffff;
    keys[i] = 2 * score + (labels[i] === index ? 1 : 0);
  }
  return keys.sort();
}

/**
 * A mean over classes that leaves out those whose value is NaN; NaN where none is left.
 *
 * @param weights of the classes, such as their supports; by default all alike
 */
export function meanOfDefined(values: readonly number[], weights?: readonly number[]): number {
  let [sum, total] = [0, 0];
  for (const [i, value] of values.entries()) {
    if (Number.isNaN(value)) continue;
    const weight = weights === undefined ? 1 : (weights[i] ?? 0);
    sum += weight * value;
    total += weight;
  }
  return sum / total;
}
