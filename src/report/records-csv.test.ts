import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { expect, it } from "vitest";
import type { EpochRecord } from "../train/index.js";
import { recordsCsv, writeRecordsCsv } from "./records-csv.js";

const records: EpochRecord[] = [
  {
    epoch: 1,
    train: { loss: 0.1 + 0.2, accuracy: 0.5 },
    validation: { loss: Number.NaN, accuracy: 0.25, balancedAccuracy: 1 / 3 },
    learningRate: 1e-7,
    seconds: 12,
    imagesPerSecond: Number.POSITIVE_INFINITY,
  },
  {
    epoch: 2,
    train: { loss: 1, accuracy: 0 },
    validation: { loss: 2, accuracy: 1, balancedAccuracy: 1 },
    learningRate: 0,
    seconds: 1e21,
    imagesPerSecond: 3,
  },
];

it("a run's records as CSV lose nothing", () => {
  const rows: Record<string, string>[] = parse(recordsCsv(records), { columns: true });
  const numbers = rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)])),
  );
  expect(numbers).toEqual(
    records.map((record) => ({
      epoch: record.epoch,
      train_loss: record.train.loss,
      train_accuracy: record.train.accuracy,
      validation_loss: record.validation.loss,
      validation_accuracy: record.validation.accuracy,
      validation_balanced_accuracy: record.validation.balancedAccuracy,
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
    expect(readFileSync(join(folder, "new", "metrics.csv"), "utf8")).toMatch(/^epoch,train_loss,[a-z_,]+\n$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
