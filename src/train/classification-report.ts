import { ArgumentError } from "../errors.js";
import { type Calibration, calibration } from "./calibration.js";
import { LabelledProbabilities } from "./labelled-probabilities.js";
import type { ClassMetrics, ConfusionMatrix, MacroAverages } from "./metrics.js";
import { meanOfDefined, rankingScores, topKAccuracy } from "./ranking.js";
import { brierScore, negativeLogLikelihood } from "./scoring-rules.js";

/** ROC-AUC and average precision, of a class or as a mean; see `RankingScores`. */
export interface Ranking {
  rocAuc: number;
  averagePrecision: number;
}

/**
 * Everything that is told of a network's predictions, as plain data. What is undefined is NaN, which `JSON.stringify` writes
 * as null.
 */
export interface ClassificationReport {
  classes: string[];
  /** `counts[true][predicted]`. */
  counts: number[][];
  /** Samples. */
  total: number;
  accuracy: number;
  balancedAccuracy: number;
  /** The share of samples whose true class is among the five most probable; null for five classes or fewer. */
  top5Accuracy: number | null;
  /** In the order of `classes`. */
  perClass: (ClassMetrics & Ranking)[];
  /** Unweighted means over classes; of the ranking's, over those for which they are defined. */
  macro: MacroAverages & Ranking;
  /** The ranking's means over the classes for which they are defined, weighted by the classes' supports. */
  weighted: Ranking;
  negativeLogLikelihood: number;
  brierScore: number;
  /** With 15 bins. */
  calibration: Calibration;
}

/**
 * All metrics at once, from what `evaluate` gives.
 *
 * @param matrix the predictions that were counted
 * @param probabilities `[N, K]` of the same samples, K being the matrix's classes
 * @param labels `[N]`, their true classes
 * @throws ArgumentError when the probabilities and labels are not N samples of K classes (see `LabelledProbabilities`), or
 *   are not those that the matrix has counted
 */
export function classificationReport(
  matrix: ConfusionMatrix,
  probabilities: Float32Array,
  labels: ArrayLike<number | bigint>,
): ClassificationReport {
  const samples = new LabelledProbabilities(probabilities, labels, matrix.classes.length);
  const counted = matrix.toJSON();
  const supports = samples.supports();
  const other = counted.perClass.find(({ support }, i) => support !== supports[i]);
  if (other !== undefined) {
    const given = supports[counted.perClass.indexOf(other)];
    throw new ArgumentError(
      `the matrix has counted ${other.support} samples of class ${JSON.stringify(other.name)}, the labels have ${given}`,
    );
  }
  const { rocAuc, averagePrecision } = rankingScores(samples);
  return {
    ...counted,
    top5Accuracy: samples.classes > 5 ? topKAccuracy(samples, 5) : null,
    perClass: counted.perClass.map((metrics, i) => ({
      ...metrics,
      rocAuc: rocAuc[i] as number,
      averagePrecision: averagePrecision[i] as number,
    })),
    macro: {
      ...counted.macro,
      rocAuc: meanOfDefined(rocAuc),
      averagePrecision: meanOfDefined(averagePrecision),
    },
    weighted: {
      rocAuc: meanOfDefined(rocAuc, supports),
      averagePrecision: meanOfDefined(averagePrecision, supports),
    },
    negativeLogLikelihood: negativeLogLikelihood(samples),
    brierScore: brierScore(samples),
    calibration: calibration(samples),
  };
}
