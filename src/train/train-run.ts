import {
  type Dataset,
  type Layout,
  Loader,
  type LoaderOptions,
  type OpenedData,
  openDataset,
  type PackOptions,
  packWhereSmall,
  type SkippedImage,
} from "../data/index.js";
import { ArgumentError, FileError, FoveaError } from "../errors.js";
import { CrossEntropyLoss, headDropout, type Module } from "../nn/index.js";
import type { Device } from "../tensor/index.js";
import type { PretrainedOptions } from "../weights/index.js";
import { balancedClassWeights } from "./class-weights.js";
import { requireDevice } from "./device.js";
import { BatchOfDivergence } from "./divergence.js";
import { EarlyStopping } from "./early-stopping.js";
import { Finetuning } from "./finetuning.js";
import { ModelCheckpoint } from "./model-checkpoint.js";
import { optimizerOf, scheduleOf } from "./optimisation.js";
import { ProgressiveDropout, progressiveStages, stagesOf } from "./progressive.js";
import type { Run } from "./run.js";
import { channelsOf, type RunSettings } from "./settings.js";
import { startModel } from "./start-weights.js";
import { type Averaging, type FitResult, Trainer, type TrainerOptions } from "./trainer.js";
import type { TrainingState } from "./training-state.js";

/** The images of a run: in memory where they are small, else in their files. */
export interface RunData {
  train: Dataset;
  validation: Dataset;
  /** Images that could not be read and were left out. */
  skipped: readonly SkippedImage[];
}

interface ReadingOptions {
  /** In place of what the settings say. */
  onUnreadable?: "stop" | "skip";
  /** Called with the images of one part that are read so far, and how many there are. */
  onProgress?: (done: number, total: number) => void;
  /** Called with the bytes of a published set that have come, and how many there are. */
  onDownload?: (done: number, total: number) => void;
}

/**
 * Reads or generates what the settings name. Small sets are decoded, once (see `packDataset`).
 *
 * @throws FileError that names the folder or image
 */
export async function loadData(data: RunSettings["data"], options: ReadingOptions = {}): Promise<RunData> {
  const opened = await open(data, options);
  const packing = packOptions(data, options);
  const train = await packWhereSmall(opened.train, packing);
  const validation = await packWhereSmall(opened.validation, packing);
  const skipped = [...opened.problems, ...train.skipped, ...validation.skipped];
  return { train: requireEveryClass(train.images), validation: requireEveryClass(validation.images), skipped };
}

/**
 * The validation images of a run's own data, as {@link loadData} gives them, without reading the others.
 *
 * @throws FileError as {@link loadData}, and when the classes are no longer those of the run
 */
export async function loadValidation(
  { data, classes }: RunSettings,
  options: ReadingOptions = {},
): Promise<{ images: Dataset; skipped: readonly SkippedImage[] }> {
  const { validation, problems } = await open(data, options);
  if (validation.classes.join("\n") !== classes.join("\n")) {
    throw new FileError(
      "path" in data && data.path !== undefined ? data.path : validation.name,
      `its classes, ${validation.classes.join(", ")}, are no longer those of the run, ${classes.join(", ")}`,
    );
  }
  const { images, skipped } = await packWhereSmall(validation, packOptions(data, options));
  return { images: requireEveryClass(images), skipped: [...problems, ...skipped] };
}

function open(data: RunSettings["data"], { onUnreadable, onDownload }: ReadingOptions): Promise<OpenedData> {
  return openDataset(data, { onUnreadable, onProgress: onDownload });
}

function packOptions(data: RunSettings["data"], { onUnreadable, onProgress }: ReadingOptions): PackOptions {
  return { onProgress, onUnreadable: onUnreadable ?? unreadableOf(data) };
}

function unreadableOf(data: RunSettings["data"]): "stop" | "skip" {
  return "onUnreadable" in data ? data.onUnreadable : "stop";
}

function requireEveryClass(set: Dataset): Dataset {
  const counts = set.classCounts();
  const empty = set.classes.filter((_, label) => counts[label] === 0);
  if (empty.length === 0) return set;
  throw new FileError(set.name, `no image of ${empty.join(", ")} could be read`);
}

/** How a run's images become batches for evaluation. */
export function evaluationLoader(
  images: Dataset,
  settings: RunSettings,
  options: Pick<LoaderOptions, "onSkip" | "onUnreadable"> = {},
): Loader {
  const { batchSize, transforms, data } = settings;
  return new Loader(images, {
    ...{ batchSize, transforms: transforms.evaluation, onUnreadable: unreadableOf(data) },
    ...{ layout: layoutOf(settings), channels: channelsOf(settings) },
    ...options,
  });
}

/** How a run's images become batches for training. */
export function trainingLoader(
  images: Dataset,
  settings: RunSettings,
  options: Pick<LoaderOptions, "onSkip" | "layout"> = {},
): Loader {
  const { batchSize, transforms, mix, sampler, seed, data } = settings;
  return new Loader(images, {
    ...{ batchSize, transforms: transforms.train, mix, sampler, seed },
    ...{ stages: stagesOf(settings, transforms.train, mix), channels: channelsOf(settings) },
    // A last batch of a few images would unsettle batch norm; a set smaller than one batch is taken whole.
    dropLast: images.size >= batchSize,
    layout: layoutOf(settings),
    onUnreadable: unreadableOf(data),
    ...options,
  });
}

/** Cross-entropy as the settings have it, with weights by the training images' classes. */
export function lossOf({ loss }: RunSettings, images: Dataset, device: Device): CrossEntropyLoss {
  const classWeights = loss.classWeights === "balanced" ? balancedClassWeights(images.classCounts()) : null;
  return new CrossEntropyLoss({ classWeights, labelSmoothing: loss.labelSmoothing }).materialize(device);
}

export interface TrainRunOptions
  extends Pick<TrainerOptions, "callbacks" | "limitTrainBatches" | "limitValBatches">,
    Pick<PretrainedOptions, "onProgress"> {
  /** As {@link FitOptions.signal}. */
  signal?: AbortSignal;
  onSkip?: (image: SkippedImage) => void;
  /** Go on where the run's newest whole checkpoint stands; default false. */
  resume?: boolean;
  /** Called when the newest checkpoint was not whole and the one before is taken. */
  onPassedOver?: (why: string) => void;
}

/**
 * Trains a run as its settings say, keeping records, weights and the training's state in its folder.
 *
 * @returns the network as the last epoch left it, and what became of the training
 * @throws DivergedError when the loss is no longer a number; its batch is then in the run's folder `diverged`
 * @throws FoveaError with the code DEVICE when there is no such device, NOT_STARTED when there is nothing to resume
 * @throws FileError when records or weights cannot be written or read
 */
export async function trainRun(
  run: Run,
  data: RunData,
  options: TrainRunOptions = {},
): Promise<FitResult & { model: Module }> {
  const { settings } = run;
  const { onSkip, signal, onProgress, limitTrainBatches, limitValBatches } = options;
  const target = requireDevice(settings.device);
  checkEveryBatches(settings);
  // A checkpoint has all weights: those that training began with need not be there any more.
  const model = options.resume
    ? run.createModel().materialize(target, settings.seed)
    : await startModel(settings, target, { onProgress, signal });
  const train = trainingLoader(data.train, settings, { onSkip });
  const { schedule, callbacks } = scheduleOf(settings);
  const trainer = new Trainer({
    model,
    optimizer: optimizerOf(settings, model),
    schedule,
    loss: lossOf(settings, data.train, target),
    ...{ seed: settings.seed, device: settings.device, precision: settings.precision },
    ...{ accumulateGradBatches: settings.accumulate, clip: settings.clip, l1: settings.loss.l1 },
    ...{ average: averagingOf(settings), lossSpike: settings.lossSpike, limitTrainBatches, limitValBatches },
    callbacks: [
      ...callbacks,
      ...(settings.progressive?.dropout
        ? [new ProgressiveDropout(progressiveStages(settings), headDropout(model))]
        : []),
      ...(settings.finetune ? [new Finetuning(settings.finetune)] : []),
      ...(settings.earlyStopping ? [new EarlyStopping(settings.earlyStopping)] : []),
      new BatchOfDivergence(run.file("diverged"), train),
      ...(options.callbacks ?? []),
      new ModelCheckpoint(run),
    ],
  });
  const from = options.resume ? restore(run, model, options) : undefined;
  const validation = evaluationLoader(data.validation, settings, { onSkip });
  try {
    const result = await trainer.fit(train, validation, { epochs: settings.epochs, signal, from });
    return { ...result, model };
  } finally {
    for (const tensor of from?.tensors.values() ?? []) tensor.dispose();
  }
}

/** Gives the network the weights of the run's checkpoint. @returns where its training stands */
function restore(run: Run, model: Module, { onPassedOver }: TrainRunOptions): TrainingState {
  const point = run.resumePoint(run.settings.device);
  if (!point) {
    throw new FoveaError("NOT_STARTED", `The run in ${run.path} has no checkpoint to go on from.`, {
      hint: "It was stopped before its first one was written: train it from the start.",
    });
  }
  if (point.passedOver !== undefined) onPassedOver?.(point.passedOver);
  model.loadStateDict(point.weights);
  for (const tensor of point.weights.values()) tensor.dispose();
  return point.state;
}

function averagingOf({ average, epochs }: RunSettings): Averaging | undefined {
  return average?.name === "swa" ? { name: "swa", after: Math.floor(average.from * epochs) } : average;
}

function layoutOf({ layout }: RunSettings): Layout {
  return layout === "channelsFirst" ? "nchw" : "nhwc";
}

function checkEveryBatches({ checkpoint: { everyBatches }, accumulate }: RunSettings): void {
  if (everyBatches === undefined || everyBatches % accumulate === 0) return;
  throw new ArgumentError(
    `checkpoint.everyBatches is ${everyBatches}, not a multiple of accumulate, ${accumulate}`,
    "A training can be kept only between updates.",
  );
}
