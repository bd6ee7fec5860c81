import { calibration } from "./calibration.js";
import type { Scores } from "./epoch.js";
import type { Evaluation } from "./evaluate.js";
import { LabelledProbabilities } from "./labelled-probabilities.js";
import { meanOfDefined, rankingScores, topKAccuracy } from "./ranking.js";

/** The numbers that an epoch's record keeps of an evaluation. */
export function scores({ loss, matrix, probabilities, labels }: Evaluation): Scores {
  const samples = new LabelledProbabilities(probabilities, labels, matrix.classes.length);
  return {
    loss,
    accuracy: matrix.accuracy,
    balancedAccuracy: matrix.balancedAccuracy,
    macroF1: matrix.macro().f1,
    top5Accuracy: samples.classes > 5 ? topKAccuracy(samples, 5) : 1,
    rocAuc: meanOfDefined(rankingScores(samples).rocAuc),
    calibrationError: calibration(samples).expectedError,
  };
}
