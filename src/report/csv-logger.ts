import type { Callback } from "../train/callback.js";
import type { EpochRecord } from "../train/epoch.js";
import { writeRecordsCsv } from "./records-csv.js";

/**
 * Keeps the epochs' records as CSV, the whole file anew after every epoch; see `recordsCsv`. Where a training goes on,
 * the file is what was kept of it, and what an interrupted epoch left there is gone.
 *
 * Its hooks throw FileError when the file cannot be written.
 */
export function csvLogger(path: string): Callback {
  const records: EpochRecord[] = [];
  return {
    onFitStart: (fit) => {
      records.splice(0, records.length, ...fit.state().position.records);
      writeRecordsCsv(path, records);
    },
    onTrainEpochEnd: (record) => {
      records.push(record);
      writeRecordsCsv(path, records);
    },
  };
}
