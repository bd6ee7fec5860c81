import { writeFileAtomic } from "../files.js";
import type { EpochRecord } from "../train/epoch.js";
import { scoreNames } from "./logged-values.js";

const columns: readonly (readonly [string, (record: EpochRecord) => number | undefined])[] = [
  ["epoch", (r) => r.epoch],
  ["train_loss", (r) => r.train.loss],
  ["train_accuracy", (r) => r.train.accuracy],
  ...scoreNames.map(([key, name]) => [`validation_${name}`, (r: EpochRecord) => r.validation[key]] as const),
  ...scoreNames.map(([key, name]) => [`average_${name}`, (r: EpochRecord) => r.average?.[key]] as const),
  ["learning_rate", (r) => r.learningRate],
  ["seconds", (r) => r.seconds],
  ["images_per_second", (r) => r.imagesPerSecond],
];

/**
 * A run's records as CSV: a line of names, then a line for every epoch. Shares are 0 … 1; numbers keep all their
 * digits, and those that are not finite are `NaN`, `Infinity` and `-Infinity`, which pandas and R read too. The columns
 * of the averaged weights are empty where there are none.
 */
export function recordsCsv(records: readonly EpochRecord[]): string {
  const lines = records.map((record) => columns.map(([, value]) => value(record) ?? "").join(","));
  return `${[columns.map(([name]) => name).join(","), ...lines].join("\n")}\n`;
}

/** Writes {@link recordsCsv}. @throws FileError when it cannot be written */
export function writeRecordsCsv(path: string, records: readonly EpochRecord[]): void {
  writeFileAtomic(path, recordsCsv(records));
}
