import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { someScores } from "../../test/support/tiny.js";
import { FileError } from "../errors.js";
import { bestEpoch, type EpochRecord } from "./epoch.js";
import { appendRecord, readRecords, writeRecords } from "./records.js";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-records-"));
  path = join(folder, "run", "metrics.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("metrics.jsonl", () => {
  it("gives back what was written, one line an epoch", () => {
    const records = [record(1), record(2), record(5)];
    writeRecords(path, records);
    expect(readRecords(path)).toEqual(records);
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(4);
  });

  it("grows by appending, from nothing", () => {
    appendRecord(path, record(1));
    appendRecord(path, record(2));
    expect(readRecords(path)).toEqual([record(1), record(2)]);
  });

  it("keeps the numbers of a run that diverged", () => {
    const diverged = record(1);
    diverged.train.loss = Number.NaN;
    diverged.validation = someScores({
      loss: Number.POSITIVE_INFINITY,
      balancedAccuracy: Number.NaN,
      rocAuc: Number.NaN,
    });
    diverged.average = someScores({ loss: Number.NaN });
    appendRecord(path, diverged);
    expect(readRecords(path)).toEqual([diverged]);
  });

  it("survives a write that was cut off at any byte", () => {
    writeRecords(path, [record(1)]);
    const first = readFileSync(path);
    const both = Buffer.concat([first, Buffer.from(`${JSON.stringify(record(2))}\n`)]);
    for (let length = first.length; length < both.length - 1; length++) {
      writeFileSync(path, both.subarray(0, length));
      expect(readRecords(path)).toEqual([record(1)]);
      appendRecord(path, record(2));
      expect(readFileSync(path)).toEqual(both);
    }
    // All there but the end of the line: nothing is lost.
    writeFileSync(path, both.subarray(0, both.length - 1));
    expect(readRecords(path)).toEqual([record(1), record(2)]);
    appendRecord(path, record(3));
    expect(readRecords(path)).toEqual([record(1), record(2), record(3)]);
  });

  it("names file and line of what is no record", () => {
    writeRecords(path, [record(1), record(2)]);
    const good = readFileSync(path, "utf8");
    const cases: [string, RegExp][] = [
      ["{broken\n", /metrics\.jsonl: line 3 is not JSON/],
      [`${JSON.stringify({ ...record(3), epoch: 0 })}\n`, /line 3 .*epoch: /],
      [`${JSON.stringify({ ...record(3), train: { loss: "high", accuracy: 1 } })}\n`, /line 3 .*train\.loss: /],
      [
        `${JSON.stringify({ ...record(3), validation: { ...record(3).validation, accuracy: 2 } })}`,
        /line 3 .*accuracy/,
      ],
      [`${JSON.stringify(record(2))}\n`, /line 3: epoch 2 follows epoch 2/],
      ["null\n", /line 3 /],
    ];
    for (const [tail, message] of cases) {
      writeFileSync(path, good);
      appendFileSync(path, tail);
      expect(() => readRecords(path), tail).toThrow(message);
      expect(() => readRecords(path), tail).toThrow(FileError);
    }
  });

  it("says which file is missing", () => {
    expect(() => readRecords(path)).toThrow(/metrics\.jsonl: could not be read/);
  });
});

describe("bestEpoch", () => {
  it("takes the highest balanced accuracy, then the lower loss, then the earlier", () => {
    expect(bestEpoch([])).toBeUndefined();
    expect(bestEpoch([scored(1, 0.5, 1), scored(2, 0.8, 1), scored(3, 0.7, 0.1)])?.epoch).toBe(2);
    expect(bestEpoch([scored(1, 0.8, 1), scored(2, 0.8, 0.9), scored(3, 0.8, 0.9)])?.epoch).toBe(2);
  });

  it("goes by the metric that is asked for, where less is better by the least", () => {
    const records = [scored(1, 0.5, 0.1), scored(2, 0.8, 1)];
    expect(bestEpoch(records, "loss")?.epoch).toBe(1);
    const calibrated = records.map((one, i) => ({ ...one, validation: someScores({ calibrationError: i / 10 }) }));
    expect(bestEpoch(calibrated, "calibrationError")?.epoch).toBe(1);
  });

  it("judges averaged weights where there are such", () => {
    const averaged = { ...scored(1, 0.5, 1), average: someScores({ balancedAccuracy: 0.9 }) };
    expect(bestEpoch([averaged, scored(2, 0.8, 1)])).toBe(averaged);
  });

  it("never prefers NaN", () => {
    expect(bestEpoch([scored(1, Number.NaN, Number.NaN), scored(2, 0.1, 9), scored(3, Number.NaN, 0)])?.epoch).toBe(2);
    expect(bestEpoch([scored(1, 0.5, Number.NaN), scored(2, 0.5, 9)])?.epoch).toBe(2);
  });
});

function record(epoch: number): EpochRecord {
  return {
    epoch,
    train: { loss: 1 / epoch, accuracy: 0.5 },
    validation: someScores({ loss: 1.25 / epoch, accuracy: 0.625, balancedAccuracy: 0.6 }),
    learningRate: 0.001,
    seconds: 12.5,
    imagesPerSecond: 320,
  };
}

function scored(epoch: number, balancedAccuracy: number, loss: number): EpochRecord {
  return { ...record(epoch), validation: someScores({ loss, balancedAccuracy }) };
}
