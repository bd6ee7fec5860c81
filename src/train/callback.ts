import type { Module } from "../nn/index.js";
import type { Optimizer } from "../optim/index.js";
import type { EpochRecord } from "./epoch.js";
import type { Evaluation } from "./evaluate.js";
import type { TrainingState } from "./training-state.js";

/** Where training stands after a batch. */
export interface StepRecord {
  /** Counted from 1. */
  epoch: number;
  /** Batches of this epoch that are done, counted from 1. */
  step: number;
  /** Batches of an epoch. */
  steps: number;
  /** Batches done since training began. */
  globalStep: number;
  /** Of the newest batch that the device has told of: this one on the CPU. */
  batchLoss: number;
  /** Means over the epoch so far. */
  loss: number;
  accuracy: number;
  learningRate: number;
  /** Images trained on since the epoch began. */
  images: number;
  /** Over the epoch so far. */
  imagesPerSecond: number;
}

/** What callbacks are given when a training begins. */
export interface FitContext {
  readonly model: Module;
  readonly optimizer: Optimizer;
  /** Of the whole training. */
  readonly epochs: number;
  /** Batches of an epoch. */
  readonly batches: number;
  /** Ends the training after this epoch; the reason is told to the user. */
  stop(reason: string): void;
  /** Everything that training needs in order to go on exactly here. To be written before the next batch. */
  state(): TrainingState;
}

/**
 * Takes part in training: each hook is called at its moment and awaited, one callback's after the other's. The names are
 * Lightning's where the moment is the same.
 */
export interface Callback {
  /** Its state's name in checkpoints; needed with `state`. */
  readonly name?: string;
  /** Also when a training goes on; its state has been loaded by then. */
  onFitStart?(fit: FitContext): void | Promise<void>;
  /** The network is in training mode. Counted from 1; also where an epoch goes on in its middle. */
  onTrainEpochStart?(epoch: number, epochs: number): void | Promise<void>;
  onTrainBatchEnd?(step: StepRecord): void | Promise<void>;
  onValidationStart?(epoch: number): void | Promise<void>;
  /** After validation. `average` is the evaluation of the averaged weights, where they are kept. */
  onTrainEpochEnd?(record: EpochRecord, evaluation: Evaluation, average?: Evaluation): void | Promise<void>;
  /** After every callback's `onTrainEpochEnd`, and at an interruption in the middle of an epoch: what to keep is kept now. */
  onCheckpoint?(state: TrainingState): void | Promise<void>;
  /** Also after an interruption, but not after an error; `records` are the epochs that were finished. */
  onFitEnd?(records: readonly EpochRecord[]): void | Promise<void>;
  /** Training ends with this error. */
  onException?(error: unknown): void | Promise<void>;
  /** What it must remember when a training goes on later: plain data, as JSON keeps it. */
  state?(): unknown;
  loadState?(state: unknown): void;
}
