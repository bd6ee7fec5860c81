import { writeFileAtomic } from "../files.js";
import type { EpochRecord } from "../train/epoch.js";

const columns: readonly (readonly [string, (record: EpochRecord) => number])[] = [
  ["epoch", (r) => r.epoch],
  ["train_loss", (r) => r.train.loss],
  ["train_accuracy", (r) => r.train.accuracy],
  ["validation_loss", (r) => r.validation.loss],
  ["validation_accuracy", (r) => r.validation.accuracy],
  ["validation_balanced_accuracy", (r) => r.validation.balancedAccuracy],
  ["learning_rate", (r) => r.learningRate],
  ["seconds", (r) => r.seconds],
  ["images_per_second", (r) => r.imagesPerSecond],
];

/**
 * A run's records as CSV: a line of names, then a line for every epoch. Shares are 0 … 1; numbers keep all their digits,
 * and those that are not finite are `NaN`, `Infinity` and `-Infinity`, which pandas and R read too.
 */
export function recordsCsv(records: readonly EpochRecord[]): string {
  const lines = records.map((record) => columns.map(([, value]) => value(record)).join(","));
  return `${[columns.map(([name]) => name).join(","), ...lines].join("\n")}\n`;
}

/** Writes {@link recordsCsv}. @throws FileError when it cannot be written */
export function writeRecordsCsv(path: string, records: readonly EpochRecord[]): void {
  writeFileAtomic(path, recordsCsv(records));
}
