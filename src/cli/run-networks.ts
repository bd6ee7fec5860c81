import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Dataset, SkippedImage } from "../data/index.js";
import { FileError } from "../errors.js";
import type { Module } from "../nn/index.js";
import { StateDictError } from "../nn/index.js";
import { printable } from "../report/index.js";
import type { TorchTensor } from "../tensor/torch/index.js";
import {
  classOrder,
  type EnsembleMember,
  evaluationLoader,
  isCheckpoint,
  predict,
  Run,
  requireDevice,
} from "../train/index.js";
import { loadWeights } from "../weights/index.js";
import { progressBar } from "./progress.js";
import type { RunOptions } from "./run-options.js";

/** Whether a path is a run's folder, not images or other files. */
export function isRun(path: string): boolean {
  return existsSync(join(path, "recipe.yaml"));
}

/**
 * Opens runs that tell the same classes apart. On stderr it says of which the classes stand in another order than the first's.
 *
 * @throws FileError when one is no run; ArgumentError when its classes are others
 */
export function openRuns(folders: readonly string[]): Run[] {
  const runs = folders.map((folder) => Run.open(folder));
  const { classes = [] } = runs[0]?.settings ?? {};
  for (const { path, settings } of runs) {
    if (classOrder(settings.classes, classes, path).some((from, to) => from !== to)) {
      console.error(`The classes of ${printable(path)} stand in another order; they are matched by their names.`);
    }
  }
  return runs;
}

/**
 * A run's network in evaluation mode.
 *
 * @param weights `best`, `last`, `average`, or a file of weights
 * @throws as `Run.loadModel`
 */
export function loadRunModel(run: Run, weights: string, on: string): Module {
  if (isCheckpoint(weights)) return run.loadModel(weights, on);
  return withWeights(run.createModel(), loadWeights(weights, { device: requireDevice(on).name }).state, weights).eval();
}

/** Puts weights into a network, and frees them. @throws FileError with the path when they are another network's */
export function withWeights(model: Module, state: ReadonlyMap<string, TorchTensor>, path: string): Module {
  try {
    model.loadStateDict(state);
    return model;
  } catch (error) {
    if (error instanceof StateDictError) throw new FileError(path, error.message, { cause: error });
    throw error;
  } finally {
    for (const weights of state.values()) weights.dispose();
  }
}

/** What the network of each run says of the images, one network after the other: images are made as each needs them. */
export async function predictEach(
  runs: readonly Run[],
  images: Dataset,
  options: Pick<RunOptions, "weights" | "device"> & {
    onUnreadable: "stop" | "skip";
    onSkip: (image: SkippedImage) => void;
  },
): Promise<EnsembleMember[]> {
  const { weights, device, onUnreadable, onSkip } = options;
  const members: EnsembleMember[] = [];
  for (const [i, run] of runs.entries()) {
    const model = loadRunModel(run, weights, device);
    // Images that the first cannot read are told once.
    const loader = evaluationLoader(images, run.settings, { onUnreadable, ...(i === 0 && { onSkip }) });
    const running = progressBar(runs.length === 1 ? "predicting" : `predicting ${i + 1}/${runs.length}`);
    try {
      const onBatch = (done: number) => running.update(done, images.size);
      members.push({ ...(await predict(model, loader, { device, onBatch })), classes: run.settings.classes });
    } finally {
      running.stop();
      model.release();
    }
  }
  return members;
}
