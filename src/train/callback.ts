import type { EpochRecord } from "./epoch.js";
import type { Evaluation } from "./evaluate.js";

/** Where training stands after a step. */
export interface StepRecord {
  /** Counted from 1. */
  epoch: number;
  /** Counted from 1 in each epoch. */
  step: number;
  /** Steps of an epoch. */
  steps: number;
  /** Means over the epoch so far. */
  loss: number;
  accuracy: number;
  learningRate: number;
  /** Images trained on since the epoch began. */
  images: number;
  /** Over the epoch so far. */
  imagesPerSecond: number;
}

/** Takes part in training: each hook is called at its moment and awaited, one callback's after the other's. */
export interface Callback {
  /** The network is in training mode. */
  onEpochStart?(epoch: number, epochs: number): void | Promise<void>;
  onStep?(step: StepRecord): void | Promise<void>;
  onValidationStart?(epoch: number): void | Promise<void>;
  onEpochEnd?(record: EpochRecord, evaluation: Evaluation): void | Promise<void>;
  /** Also after an interruption, but not after an error; `records` are the epochs that were finished. */
  onFitEnd?(records: readonly EpochRecord[]): void | Promise<void>;
}
