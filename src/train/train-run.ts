import {
  type Dataset,
  Loader,
  type LoaderOptions,
  type OpenedData,
  openDataset,
  type PackOptions,
  packWhereSmall,
  type SkippedImage,
} from "../data/index.js";
import { FileError } from "../errors.js";
import { CrossEntropyLoss, type Module } from "../nn/index.js";
import { AdamW, constant, cosine, type Optimizer, oneCycle, type Schedule, SGD } from "../optim/index.js";
import type { Callback } from "./callback.js";
import { balancedClassWeights } from "./class-weights.js";
import { requireDevice } from "./device.js";
import type { Run } from "./run.js";
import type { RunSettings } from "./settings.js";
import { type FitResult, Trainer } from "./trainer.js";

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

/** How a run's images become batches for evaluation; its network takes channels last. */
export function evaluationLoader(
  images: Dataset,
  { batchSize, transforms, data }: RunSettings,
  options: Pick<LoaderOptions, "onSkip" | "onUnreadable"> = {},
): Loader {
  return new Loader(images, {
    ...{ batchSize, transforms: transforms.evaluation, layout: "nhwc", onUnreadable: unreadableOf(data) },
    ...options,
  });
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
  options: { callbacks?: readonly Callback[]; signal?: AbortSignal; onSkip?: (image: SkippedImage) => void } = {},
): Promise<FitResult & { model: Module }> {
  const { settings } = run;
  const { batchSize, transforms, mix, sampler, seed, epochs } = settings;
  const { onSkip } = options;
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
    transforms: transforms.train,
    mix,
    sampler,
    seed,
    // A last batch of a few images would unsettle batch norm; a set smaller than one batch is taken whole.
    dropLast: data.train.size >= batchSize,
    layout: "nhwc",
    onUnreadable: unreadableOf(settings.data),
    onSkip,
  });
  const result = await trainer.fit(train, evaluationLoader(data.validation, settings, { onSkip }), {
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
