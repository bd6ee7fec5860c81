import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { FileError, messageOf } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import type { EpochRecord, Scores } from "./epoch.js";

// JSON has no NaN or infinity, and a run that diverged has: they are written as strings.
const anyNumber = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"]).transform(Number)]);
const share = z.union([z.number().min(0).max(1), z.literal("NaN").transform(Number)]);

const scores: z.ZodType<Scores> = z.object({
  loss: anyNumber,
  accuracy: share,
  balancedAccuracy: share,
  macroF1: share,
  top5Accuracy: share,
  rocAuc: share,
  calibrationError: share,
});

/** A record as JSON keeps it. */
export const recordSchema: z.ZodType<EpochRecord> = z.object({
  epoch: z.int().min(1),
  train: z.object({ loss: anyNumber, accuracy: share }),
  validation: scores,
  average: scores.optional(),
  learningRate: anyNumber,
  seconds: anyNumber,
  imagesPerSecond: anyNumber,
});

/** Writes all records, replacing the file whole. @throws FileError */
export function writeRecords(path: string, records: readonly EpochRecord[]): void {
  writeFileAtomic(path, records.map(line).join(""));
}

/**
 * Adds one record at the end of the file, which is made if missing, and waits until it is on the disk. What stood there
 * stays as it is, except for an unfinished last line (left by a crash in the middle of a write), which is cut off first.
 *
 * @throws FileError when the file cannot be written
 */
export function appendRecord(path: string, record: EpochRecord): void {
  try {
    mkdirSync(resolve(dirname(path)), { recursive: true });
    const fd = openSync(path, "a+");
    try {
      const bytes = readFileSync(fd);
      const { whole, rest } = splitTail(bytes);
      const restIsWhole = rest !== "" && isJson(rest);
      if (rest !== "" && !restIsWhole) ftruncateSync(fd, whole);
      writeSync(fd, `${restIsWhole ? "\n" : ""}${line(record)}`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw new FileError(path, `could not be written (${messageOf(cause)})`, { cause });
  }
}

/**
 * Reads the records of a run. A last line without its end that is no JSON is what a crash in the middle of a write
 * leaves: it is passed over. Anything else that is not a record is an error.
 *
 * @throws FileError naming the line when the file is missing, a line is no valid record, or epochs do not increase
 */
export function readRecords(path: string): EpochRecord[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new FileError(path, `could not be read (${messageOf(cause)})`, { cause });
  }
  const { whole, rest } = splitTail(bytes);
  const lines = bytes.subarray(0, whole).toString("utf8").split("\n");
  lines.pop();
  if (isJson(rest)) lines.push(rest);

  const records: EpochRecord[] = [];
  for (const [i, text] of lines.entries()) {
    if (text.trim() === "") continue;
    const record = parse(text, path, i + 1);
    const before = records.at(-1);
    if (before !== undefined && record.epoch <= before.epoch) {
      throw new FileError(path, `line ${i + 1}: epoch ${record.epoch} follows epoch ${before.epoch}`);
    }
    records.push(record);
  }
  return records;
}

function line(record: EpochRecord): string {
  return `${jsonText(record)}\n`;
}

/** As JSON, in which numbers that are not finite are strings. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "number" && !Number.isFinite(part) ? String(part) : part,
  );
}

/** The length in bytes of the finished lines, and the text after them. */
function splitTail(bytes: Buffer): { whole: number; rest: string } {
  const whole = bytes.lastIndexOf(0x0a) + 1;
  return { whole, rest: bytes.subarray(whole).toString("utf8") };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parse(text: string, path: string, number: number): EpochRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FileError(path, `line ${number} is not JSON (${messageOf(cause)})`, { cause });
  }
  const result = recordSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".") || "record"}: ${issue.message}`);
  throw new FileError(path, `line ${number} is not the record of an epoch (${problems.join("; ")})`);
}
