import { SGD } from "../../src/optim/index.js";
import type { EpochRecord, FitContext, StepRecord, TrainingPosition } from "../../src/train/index.js";
import { someScores, TinyNet } from "./tiny.js";

/**
 * What callbacks are told at the start of a training of 3 epochs with 4 batches, at a position of which some is given.
 */
export function someFit(position: Partial<TrainingPosition> = {}, batches = 4): FitContext {
  const model = new TinyNet();
  const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
  const sums = { loss: 0, correct: 0, images: 0, seconds: 0 };
  const start = { epoch: 0, batch: 0, sums, records: [], learningRate: 0.1, updates: {}, averaged: 0, callbacks: {} };
  return {
    model,
    optimizer,
    epochs: 3,
    batches,
    stop: () => undefined,
    state: () => ({ position: { ...start, ...position }, tensors: new Map() }),
  };
}

/** Where training stands after so many batches. */
export function someStep(globalStep: number, changes: Partial<StepRecord> = {}, batches = 4): StepRecord {
  return {
    epoch: Math.ceil(globalStep / batches),
    step: ((globalStep - 1) % batches) + 1,
    steps: batches,
    globalStep,
    batchLoss: 1 / globalStep,
    loss: 0.6,
    accuracy: 0.7,
    learningRate: 0.1,
    images: 40,
    imagesPerSecond: 100,
    ...changes,
  };
}

/** What an epoch might come to. */
export function someRecord(epoch: number, changes: Partial<EpochRecord> = {}): EpochRecord {
  return {
    epoch,
    train: { loss: 0.6 / epoch, accuracy: 0.7 },
    validation: someScores({ loss: 0.5 / epoch }),
    learningRate: 0.1,
    seconds: 1,
    imagesPerSecond: 100,
    ...changes,
  };
}
