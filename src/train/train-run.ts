import {
  type ImageSet,
  Loader,
  loadImageFolder,
  loadLabelledFolder,
  type SkippedImage,
  syntheticNuclei,
} from "../data/index.js";
import { validationFolderIn } from "../data/scan.js";
import { FileError } from "../errors.js";
import { CrossEntropyLoss, type Module } from "../nn/index.js";
import { AdamW, constant, cosine, type Optimizer, oneCycle, type Schedule, SGD } from "../optim/index.js";
import type { Callback } from "./callback.js";
import { balancedClassWeights } from "./class-weights.js";
import { requireDevice } from "./device.js";
import type { Run } from "./run.js";
import type { RunSettings } from "./settings.js";
import { type FitResult, Trainer } from "./trainer.js";

/** The images of a run, in memory. */
export interface RunData {
  train: ImageSet;
  validation: ImageSet;
  /** Images that could not be read and were left out. */
  skipped: readonly SkippedImage[];
}

/** Called with the images that are read so far, and how many there are. */
type Progress = (done: number, total: number) => void;

/**
 * Reads or generates what the settings name, resized to `size` by `size`.
 *
 * @param options.seed decides which images are held out, where the folder has no validation part
 * @throws FileError that names the folder or image
 */
export async function loadData(
  data: RunSettings["data"],
  options: { size: number; seed: number; onProgress?: Progress },
): Promise<RunData> {
  const { size, seed, onProgress } = options;
  switch (data.source) {
    case "synthetic": {
      const { train, validation, seed: world } = data;
      return {
        train: syntheticNuclei({ count: train, size, seed: world }),
        validation: syntheticNuclei({ count: validation, size, seed: world, start: train }),
        skipped: [],
      };
    }
    case "folder": {
      const { path, validationFraction, onUnreadable } = data;
      return loadImageFolder(path, { size, seed, validationFraction, onUnreadable, progress: onProgress });
    }
    default:
      return data satisfies never;
  }
}

/**
 * The validation images of a run's own data, as {@link loadData} gives them, without reading the others where that can be
 * avoided.
 *
 * @param options.onUnreadable default: as the settings say
 * @throws FileError that names the folder or image, and when the folder's classes are no longer the run's
 */
export async function loadValidation(
  settings: RunSettings,
  options: { onUnreadable?: "stop" | "skip"; onProgress?: Progress } = {},
): Promise<{ images: ImageSet; skipped: readonly SkippedImage[] }> {
  const { data, size, seed, classes } = settings;
  if (data.source === "synthetic") {
    const { train, validation, seed: world } = data;
    return { images: syntheticNuclei({ count: validation, size, seed: world, start: train }), skipped: [] };
  }
  const { onUnreadable = data.onUnreadable, onProgress } = options;
  if (validationFolderIn(data.path) !== undefined) {
    return loadLabelledFolder(data.path, classes, { size, onUnreadable, progress: onProgress });
  }
  const { validation, skipped } = await loadData({ ...data, onUnreadable }, { size, seed, onProgress });
  if (validation.classes.join("\n") !== classes.join("\n")) {
    throw new FileError(
      data.path,
      `its classes, ${validation.classes.join(", ")}, are no longer those of the run, ${classes.join(", ")}`,
    );
  }
  return { images: validation, skipped };
}

/** How a run's images become batches for evaluation; its network takes channels last. */
export function evaluationLoader(images: ImageSet, settings: RunSettings): Loader {
  const { batchSize, normalization } = settings;
  return new Loader(images, { batchSize, normalization, layout: "nhwc" });
}

/**
 * Trains a run as its settings say, keeping records and weights in its folder.
 *
 * @param options.signal as {@link Trainer.fit}
 * @returns the network as the last epoch left it, and what became of the training
 * @throws FoveaError with the code DIVERGED when the loss is no longer a number, DEVICE when there is no such device
 * @throws FileError when records or weights cannot be written
 */
export async function trainRun(
  run: Run,
  data: RunData,
  options: { callbacks?: readonly Callback[]; signal?: AbortSignal } = {},
): Promise<FitResult & { model: Module }> {
  const { settings } = run;
  const { batchSize, normalization, augmentation, seed, epochs } = settings;
  const target = requireDevice(settings.device);
  const model = run.createModel().materialize(target, seed);
  const classWeights =
    settings.loss.classWeights === "balanced" ? balancedClassWeights(data.train.classCounts()) : null;
  const trainer = new Trainer({
    model,
    optimizer: optimizerOf(settings, model),
    schedule: scheduleOf(settings),
    loss: new CrossEntropyLoss({ classWeights, labelSmoothing: settings.loss.labelSmoothing }).materialize(target),
    seed,
    device: settings.device,
    callbacks: [run.recorder(model), ...(options.callbacks ?? [])],
  });
  const train = new Loader(data.train, {
    batchSize,
    normalization,
    augmentation,
    seed,
    shuffle: true,
    // A last batch of a few images would unsettle batch norm; a set smaller than one batch is taken whole.
    dropLast: data.train.size >= batchSize,
    layout: "nhwc",
  });
  const result = await trainer.fit(train, evaluationLoader(data.validation, settings), {
    epochs,
    signal: options.signal,
  });
  return { ...result, model };
}

function optimizerOf({ optimizer }: RunSettings, model: Module): Optimizer {
  switch (optimizer.name) {
    case "adamw":
      return new AdamW(model.parameters(), optimizer);
    case "sgd":
      return new SGD(model.parameters(), optimizer);
    default:
      return optimizer satisfies never;
  }
}

function scheduleOf({ schedule, optimizer: { learningRate } }: RunSettings): Schedule {
  switch (schedule) {
    case "constant":
      return constant(learningRate);
    case "cosine":
      return cosine(learningRate);
    case "onecycle":
      return oneCycle(learningRate);
    default:
      return schedule satisfies never;
  }
}
