import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { expect, it } from "vitest";
import { someScores } from "../../test/support/tiny.js";
import type { EpochRecord } from "../train/index.js";
import { recordsCsv, writeRecordsCsv } from "./records-csv.js";

const records: EpochRecord[] = [
  {
    epoch: 1,
    train: { loss: 0.1 + 0.2, accuracy: 0.5 },
    validation: someScores({ loss: Number.NaN, accuracy: 0.25, balancedAccuracy: 1 / 3, rocAuc: Number.NaN }),
    learningRate: 1e-7,
    seconds: 12,
    imagesPerSecond: Number.POSITIVE_INFINITY,
  },
  {
    epoch: 2,
    train: { loss: 1, accuracy: 0 },
    validation: someScores({ loss: 2, accuracy: 1, balancedAccuracy: 1 }),
    average: someScores({ loss: 0.1 + 0.7, macroF1: 1 / 7, top5Accuracy: 0.99, calibrationError: 1e-9 }),
    learningRate: 0,
    seconds: 1e21,
    imagesPerSecond: 3,
  },
];

it("a run's records as CSV lose nothing", () => {
  const rows: Record<string, string>[] = parse(recordsCsv(records), { columns: true });
  const numbers = rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === "" ? undefined : Number(value)])),
  );
  expect(numbers).toEqual(
    records.map((record) => ({
      epoch: record.epoch,
      train_loss: record.train.loss,
      train_accuracy: record.train.accuracy,
      validation_loss: record.validation.loss,
      validation_accuracy: record.validation.accuracy,
      validation_balanced_accuracy: record.validation.balancedAccuracy,
      validation_macro_f1: record.validation.macroF1,
      validation_top5_accuracy: record.validation.top5Accuracy,
      validation_roc_auc: record.validation.rocAuc,
      validation_calibration_error: record.validation.calibrationError,
      average_loss: record.average?.loss,
      average_accuracy: record.average?.accuracy,
      average_balanced_accuracy: record.average?.balancedAccuracy,
      average_macro_f1: record.average?.macroF1,
      average_top5_accuracy: record.average?.top5Accuracy,
      average_roc_auc: record.average?.rocAuc,
      average_calibration_error: record.average?.calibrationError,
      learning_rate: record.learningRate,
      seconds: record.seconds,
      images_per_second: record.imagesPerSecond,
    })),
  );
});

it("without records it is the line of names, and it can be written", () => {
  const folder = mkdtempSync(join(tmpdir(), "fovea-csv-"));
  try {
    writeRecordsCsv(join(folder, "new", "metrics.csv"), []);
    expect(readFileSync(join(folder, "new", "metrics.csv"), "utf8")).toMatch(/^epoch,train_loss,[a-z0-9_,]+\n$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
