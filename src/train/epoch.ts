/** What a network came to on a set of images, in numbers that an epoch's record keeps. Shares are 0 … 1. */
export type Scores = {
  /** Mean cross-entropy per image, without label smoothing or class weights. */
  loss: number;
  accuracy: number;
  /** Mean recall of the classes. */
  balancedAccuracy: number;
  /** Mean F1 of the classes. */
  macroF1: number;
  /** Of the five most probable classes one is right; 1 with five classes or fewer. */
  top5Accuracy: number;
  /** Mean over the classes of the area under the ROC curve, one class against the rest. NaN where no class has one. */
  rocAuc: number;
  /** Expected calibration error, 15 bins. */
  calibrationError: number;
};

/** What one epoch of training came to: a line of a run's `metrics.jsonl`. */
export type EpochRecord = {
  /** Counted from 1. */
  epoch: number;
  /** Over the batches as they were trained on, augmented, with weights that change meanwhile. Means per sample. */
  train: { loss: number; accuracy: number };
  /** Over the validation set, after the epoch. */
  validation: Scores;
  /** The same of the averaged weights, where they are kept. */
  average?: Scores;
  /** At the epoch's last step. */
  learningRate: number;
  /** Wall clock of training and validation. */
  seconds: number;
  /** Training samples a second. */
  imagesPerSecond: number;
};

/** What epochs can be compared by. */
export const METRICS = [
  "balancedAccuracy",
  "accuracy",
  "loss",
  "macroF1",
  "top5Accuracy",
  "rocAuc",
  "calibrationError",
] as const satisfies readonly (keyof Scores)[];

export type Metric = (typeof METRICS)[number];

/** The scores that an epoch is judged by: those of the averaged weights where there are such, for they are what is kept. */
export function scoresOf({ validation, average }: EpochRecord): Scores {
  return average ?? validation;
}

/** Whether less of a metric is better. */
export function isCost(metric: Metric): boolean {
  return metric === "loss" || metric === "calibrationError";
}

/** How good an epoch is by a metric: greater is better. NaN loses against everything. */
export function goodness(record: EpochRecord, metric: Metric): number {
  const value = scoresOf(record)[metric];
  return orLowest(isCost(metric) ? -value : value);
}

/** Whether a is better than b; where the metric is equal, the one with the lower loss. */
export function isBetter(a: EpochRecord, b: EpochRecord, metric: Metric): boolean {
  const gain = goodness(a, metric) - goodness(b, metric);
  return gain > 0 || (gain === 0 && goodness(a, "loss") > goodness(b, "loss"));
}

/**
 * The epoch whose weights are kept as the best: that of the highest balanced validation accuracy or of what else is asked
 * for, the lower validation loss where equal, then the earlier epoch.
 *
 * @returns undefined without records
 */
export function bestEpoch(
  records: readonly EpochRecord[],
  metric: Metric = "balancedAccuracy",
): EpochRecord | undefined {
  let best: EpochRecord | undefined;
  for (const record of records) {
    if (best === undefined || isBetter(record, best, metric)) best = record;
  }
  return best;
}

function orLowest(value: number): number {
  return Number.isNaN(value) ? -Number.MAX_VALUE : Math.max(value, -Number.MAX_VALUE);
}
