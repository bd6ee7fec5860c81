import { readFileSync } from "node:fs";
import { z } from "zod";
import { FileError, messageOf } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import type { TorchTensor } from "../tensor/torch/index.js";
import type { EpochRecord } from "./epoch.js";
import type { EpochSums } from "./epoch-meter.js";
import { jsonText, recordSchema } from "./records.js";

/** Where a training stands, exactly: with the network's weights, it goes on from here as if it had never stopped. */
export interface TrainingState {
  readonly position: TrainingPosition;
  /**
   * By name: `optimizer/<slot>/<parameter>`, and `average/<name>` for averaged weights. They are the training's own: to be
   * written before it goes on.
   */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
}

/**
 * The part of a {@link TrainingState} that is plain data. Generators have no part in it: what is random follows from the seed, the
 * epoch and the batch.
 */
export interface TrainingPosition {
  /** Epochs that are over. */
  readonly epoch: number;
  /** Batches done of the epoch that has begun; 0 between epochs. */
  readonly batch: number;
  /** Over those batches. */
  readonly sums: EpochSums;
  /** Of the epochs that are over. */
  readonly records: readonly EpochRecord[];
  /** Of the newest update. */
  readonly learningRate: number;
  /** Updates that each parameter has had. */
  readonly updates: Readonly<Record<string, number>>;
  /** Updates that the averaged weights have had. */
  readonly averaged: number;
  /** What the callbacks remember, by their names. */
  readonly callbacks: Readonly<Record<string, unknown>>;
  /** Why it stopped before its last epoch; absent while it may go on. */
  readonly stopped?: string;
}

/** The averaged weights of a training that keeps them, by the names of the network's state dict. */
export function averageOf({ tensors }: TrainingState): Map<string, TorchTensor> {
  return tensorsBelow("average/", tensors);
}

/** Tensors whose names begin with a prefix, without it. */
export function tensorsBelow(prefix: string, tensors: TrainingState["tensors"]): Map<string, TorchTensor> {
  const entries = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(entries.map(([name, value]) => [name.slice(prefix.length), value]));
}

const VERSION = 1;

const count = z.int().min(0);

const stateSchema = z.object({
  version: z.literal(VERSION),
  epoch: count,
  batch: count,
  sums: z.object({ loss: z.number(), correct: count, images: count, seconds: z.number().min(0) }),
  records: z.array(recordSchema),
  learningRate: z.number().min(0),
  updates: z.record(z.string(), count),
  averaged: count,
  callbacks: z.record(z.string(), z.unknown()),
  stopped: z.string().optional(),
});

/** Writes the plain part as JSON. @throws FileError */
export function writePosition(path: string, position: TrainingPosition): void {
  writeFileAtomic(path, `${jsonText({ version: VERSION, ...position })}\n`);
}

/** @throws FileError when the file is missing or damaged */
export function readPosition(path: string): TrainingPosition {
  try {
    const { version: _, ...position } = stateSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    return position;
  } catch (cause) {
    const [problem] = cause instanceof z.ZodError ? cause.issues : [];
    const why = problem ? `${problem.path.join(".")}: ${problem.message}` : messageOf(cause);
    throw new FileError(path, `is not where a training stood (${why})`, { cause });
  }
}
