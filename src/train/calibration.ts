import { ArgumentError } from "../errors.js";
import { type LabelledProbabilities, mostProbable } from "./labelled-probabilities.js";

/** The samples whose confidence, the probability of the predicted class, lies in `(low, high]`. */
export interface ReliabilityBin {
  low: number;
  high: number;
  count: number;
  /** Their mean confidence, 0 … 1; NaN without samples. */
  confidence: number;
  /** The share of them that is predicted right, 0 … 1; NaN without samples. */
  accuracy: number;
}

/** How far a network's confidence can be taken at its word. */
export interface Calibration {
  /** ECE: the mean over samples of their bin's distance between confidence and accuracy, 0 … 1. */
  expectedError: number;
  /** MCE: the largest such distance of a bin that has samples, 0 … 1. */
  maximumError: number;
  /** The bins, of equal width, from 0 to 1: the table of a reliability diagram. */
  bins: ReliabilityBin[];
}

/**
 * The calibration of the predicted classes' probabilities (Guo et al. 2017, "On Calibration of Modern Neural Networks").
 *
 * @param bins how many; default 15, as in the paper
 * @throws ArgumentError when that is not a whole number from 1 to 10,000
 */
export function calibration(samples: LabelledProbabilities, bins = 15): Calibration {
  if (!Number.isInteger(bins) || bins < 1 || bins > 10_000) {
    throw new ArgumentError(`the number of bins is ${bins}, not a whole number from 1 to 10000`);
  }
  const counts = new Array<number>(bins).fill(0);
  const confidences = new Array<number>(bins).fill(0);
  const hits = new Array<number>(bins).fill(0);
  for (const [i, label] of samples.labels.entries()) {
    const row = samples.row(i);
    const predicted = mostProbable(row);
    const confidence = row[predicted] as number;
    // A product of a float32 and a small whole number is exact: no bound is missed by rounding. What rounding has put a
    // little above 1 belongs to the last bin.
    const bin = Math.min(bins, Math.ceil(confidence * bins)) - 1;
    counts[bin] = (counts[bin] as number) + 1;
    confidences[bin] = (confidences[bin] as number) + confidence;
    if (predicted === label) hits[bin] = (hits[bin] as number) + 1;
  }
  const table = counts.map((count, i) => ({
    low: i / bins,
    high: (i + 1) / bins,
    count,
    confidence: (confidences[i] as number) / count,
    accuracy: (hits[i] as number) / count,
  }));
  const filled = table.filter(({ count }) => count > 0);
  const gaps = filled.map(({ confidence, accuracy }) => Math.abs(confidence - accuracy));
  return {
    expectedError: filled.reduce((sum, { count }, i) => sum + count * (gaps[i] ?? 0), 0) / samples.samples,
    maximumError: Math.max(...gaps),
    bins: table,
  };
}
