/** What one epoch of training came to: a line of a run's `metrics.jsonl`. Losses are means per sample; shares are 0 … 1. */
export type EpochRecord = {
  /** Counted from 1. */
  epoch: number;
  /** Over the batches as they were trained on, augmented, with weights that change meanwhile. */
  train: { loss: number; accuracy: number };
  /** Over the validation set, after the epoch. */
  validation: { loss: number; accuracy: number; balancedAccuracy: number };
  /** At the epoch's last step. */
  learningRate: number;
  /** Wall clock of training and validation. */
  seconds: number;
  /** Training samples a second. */
  imagesPerSecond: number;
};

/**
 * The epoch whose weights are kept as the best: the highest balanced validation accuracy, the lower validation loss
 * where equal, then the earlier epoch.
 *
 * @returns undefined without records
 */
export function bestEpoch(records: readonly EpochRecord[]): EpochRecord | undefined {
  let best: EpochRecord | undefined;
  for (const record of records) {
    if (best === undefined || isBetter(record.validation, best.validation)) best = record;
  }
  return best;
}

function isBetter(a: EpochRecord["validation"], b: EpochRecord["validation"]): boolean {
  // NaN loses against everything: it must neither become the best nor stay it.
  const gain = orLowest(a.balancedAccuracy) - orLowest(b.balancedAccuracy);
  return gain > 0 || (gain === 0 && orLowest(-a.loss) > orLowest(-b.loss));
}

function orLowest(value: number): number {
  return Number.isNaN(value) ? -Number.MAX_VALUE : Math.max(value, -Number.MAX_VALUE);
}
