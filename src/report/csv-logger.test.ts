import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { someFit, someRecord } from "../../test/support/fit.js";
import { ConfusionMatrix, type Evaluation } from "../train/index.js";
import { csvLogger } from "./csv-logger.js";
import { recordsCsv, writeRecordsCsv } from "./records-csv.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-csv-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const evaluation: Evaluation = {
  loss: 1,
  matrix: new ConfusionMatrix(["a"]),
  probabilities: new Float32Array(),
  indices: new Uint32Array(),
  labels: new Int32Array(),
};

it("csvLogger keeps every epoch, and goes on after those that there were", async () => {
  const path = join(folder, "new", "metrics.csv");
  const records = [1, 2, 3].map((epoch) => someRecord(epoch));
  const begun = csvLogger(path);
  await begun.onFitStart?.(someFit());
  for (const [i, record] of records.slice(0, 2).entries()) {
    await begun.onTrainEpochEnd?.(record, evaluation);
    expect(readFileSync(path, "utf8")).toBe(recordsCsv(records.slice(0, i + 1)));
  }

  // Of what the file holds, only the epochs that the training goes on from count.
  const later = csvLogger(path);
  await later.onFitStart?.(someFit({ epoch: 1, records: records.slice(0, 1) }));
  expect(readFileSync(path, "utf8")).toBe(recordsCsv(records.slice(0, 1)));
  const again = someRecord(2, { learningRate: 0.05 });
  await later.onTrainEpochEnd?.(again, evaluation);
  expect(readFileSync(path, "utf8")).toBe(recordsCsv([someRecord(1), again]));
});

it("csvLogger replaces the file of another training", async () => {
  const path = join(folder, "metrics.csv");
  writeRecordsCsv(path, [someRecord(7)]);
  await csvLogger(path).onFitStart?.(someFit());
  expect(readFileSync(path, "utf8")).toBe(recordsCsv([]));
});
