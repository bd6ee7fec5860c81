import type { Loader } from "../data/index.js";
import { ArgumentError } from "../errors.js";
import type { Loss, Module } from "../nn/index.js";
import { constant, type Optimizer, type Schedule } from "../optim/index.js";
import type { Callback } from "./callback.js";
import type { EpochRecord } from "./epoch.js";
import { type Evaluation, evaluate, type Precision, type Predictions, predict } from "./evaluate.js";
import { Fit, limited } from "./fit.js";
import type { TrainingState } from "./training-state.js";

/** A mean of the weights that is kept, and evaluated, beside them. */
export type Averaging =
  /** Exponential, after every `every` updates; see {@link WeightAverage}. */
  | { readonly name: "ema"; readonly decay: number; readonly every: number; readonly warmUp: boolean }
  /** Of the weights at the end of each epoch after `after` epochs (Izmailov et al. 2018, arXiv 1803.05407). */
  | { readonly name: "swa"; readonly after: number };

export interface TrainerOptions {
  /** Materialised on the device. */
  model: Module;
  /** Of the model's parameters. */
  optimizer: Optimizer;
  /** Materialised on the device, where it has weights of classes. */
  loss: Loss;
  /** Sets the learning rate before every update; default: the optimiser's own throughout. */
  schedule?: Schedule;
  /** Decides what dropout drops; default 0. */
  seed?: number;
  /** Default `cpu`. */
  device?: string;
  callbacks?: readonly Callback[];
  /** Batches whose mean gradient makes one update; default 1. */
  accumulateGradBatches?: number;
  /** Bounds gradients, by their common norm or each element, before every update. Default none. */
  clip?: { readonly norm: number } | { readonly value: number };
  /** Times the sum of the weights' absolute values, added to the loss; see `addL1Gradient`. Default 0. */
  l1?: number;
  /** Default `float32`. */
  precision?: Precision;
  /** Default none. */
  average?: Averaging;
  /** Stops when a batch's loss is so many times the mean of the hundred before it; default never. */
  lossSpike?: number;
  /** No more batches than this in an epoch, of training and of validation: numbers from 1, or shares below 1. Default all. */
  limitTrainBatches?: number;
  limitValBatches?: number;
}

export interface FitOptions {
  epochs: number;
  /** Stops cleanly after the update that runs, in training and in validation. */
  signal?: AbortSignal;
  /** Where to go on. The network has the weights of that moment. */
  from?: TrainingState;
}

export interface FitResult {
  /** One for each epoch that was finished. */
  records: EpochRecord[];
  /** The signal stopped it before the last epoch was over. */
  interrupted: boolean;
  /** Why a callback stopped it before the last epoch. */
  stopped: string | undefined;
}

/** {@link TrainerOptions} with their defaults. */
export type TrainerSettings = Required<Omit<TrainerOptions, "clip" | "average" | "lossSpike">> &
  Pick<TrainerOptions, "clip" | "average" | "lossSpike">;

/**
 * Trains a classifier: over epochs and batches, forward, loss, backward, update; validation after every epoch.
 *
 * The same settings and seeds give the same numbers on the same machine: what is random in a step depends on the seed, the
 * epoch and the batch alone. So a training that goes on from a {@link TrainingState} gives the same bits as one that was never
 * interrupted.
 */
export class Trainer {
  readonly #options: TrainerSettings;

  constructor(options: TrainerOptions) {
    const { schedule = constant(options.optimizer.learningRate), accumulateGradBatches = 1 } = options;
    if (!Number.isInteger(accumulateGradBatches) || accumulateGradBatches < 1) {
      throw new ArgumentError(`accumulateGradBatches must be a whole number from 1, not ${accumulateGradBatches}`);
    }
    this.#options = {
      ...options,
      schedule,
      accumulateGradBatches,
      seed: options.seed ?? 0,
      device: options.device ?? "cpu",
      callbacks: options.callbacks ?? [],
      l1: options.l1 ?? 0,
      precision: options.precision ?? "float32",
      limitTrainBatches: options.limitTrainBatches ?? Number.POSITIVE_INFINITY,
      limitValBatches: options.limitValBatches ?? Number.POSITIVE_INFINITY,
    };
  }

  /**
   * Trains up to a number of epochs. The network is in training mode afterwards.
   *
   * @param validation in order, with its last batch
   * @throws DivergedError when the loss is no longer a number, or rose past `lossSpike`; FoveaError with the code DIVERGED when
   *   what the network says of a validation image is not a number
   * @throws ArgumentError when `from` is of another network or another training
   */
  async fit(train: Loader, validation: Loader, options: FitOptions): Promise<FitResult> {
    const fit = new Fit(this.#options, train, validation, options);
    try {
      return await fit.run();
    } catch (error) {
      for (const callback of this.#options.callbacks) await callback.onException?.(error);
      throw error;
    } finally {
      fit.release();
    }
  }

  /** Evaluates the network on no more than `limitValBatches` of labelled images. */
  validate(validation: Loader, signal?: AbortSignal): Promise<Evaluation> {
    const { model, device, precision, limitValBatches } = this.#options;
    const batches = limited(validation.batches, limitValBatches);
    return evaluate(model, validation, { device, precision, batches, signal });
  }

  /** Evaluates the network on all images of a set that had no part in choosing it. */
  test(set: Loader, signal?: AbortSignal): Promise<Evaluation> {
    const { model, device, precision } = this.#options;
    return evaluate(model, set, { device, precision, signal });
  }

  /** The probabilities of images, labelled or not. */
  predict(images: Loader, signal?: AbortSignal): Promise<Predictions> {
    const { model, device, precision } = this.#options;
    return predict(model, images, { device, precision, signal });
  }
}
