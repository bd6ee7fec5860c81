import type { StepRecord } from "../train/callback.js";
import type { EpochRecord, Scores } from "../train/epoch.js";

/** The scores of an evaluation by the names that tables and loggers give them, in that order. */
export const scoreNames = [
  ["loss", "loss"],
  ["accuracy", "accuracy"],
  ["balancedAccuracy", "balanced_accuracy"],
  ["macroF1", "macro_f1"],
  ["top5Accuracy", "top5_accuracy"],
  ["rocAuc", "roc_auc"],
  ["calibrationError", "calibration_error"],
] as const satisfies readonly (readonly [keyof Scores, string])[];

/** What loggers keep of a batch. */
export function stepValues({ batchLoss, learningRate }: StepRecord): Record<string, number> {
  return { "train/loss_step": batchLoss, learning_rate: learningRate };
}

/** What loggers keep of an epoch. Its number is among it, since they count in batches. */
export function epochValues({ epoch, train, validation, average }: EpochRecord): Record<string, number> {
  return {
    epoch,
    "train/loss": train.loss,
    "train/accuracy": train.accuracy,
    ...scoreValues("validation/", validation),
    ...(average && scoreValues("average/", average)),
  };
}

/** Scores by their names, each with the prefix before it. */
export function scoreValues(prefix: string, scores: Scores): Record<string, number> {
  return Object.fromEntries(scoreNames.map(([key, name]) => [`${prefix}${name}`, scores[key]]));
}
