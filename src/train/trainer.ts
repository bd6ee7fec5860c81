import type { Batch, Loader } from "../data/index.js";
import { FoveaError } from "../errors.js";
import type { Loss, Module } from "../nn/index.js";
import { constant, type Moment, type Optimizer, type Schedule } from "../optim/index.js";
import { Random } from "../random.js";
import { manualSeed, scope, TorchTensor, tensor } from "../tensor/torch/index.js";
import type { Callback } from "./callback.js";
import type { EpochRecord } from "./epoch.js";
import { type Evaluation, evaluate, imagesOf, nextTurn } from "./evaluate.js";

export interface TrainerOptions {
  /** Materialised on the device. */
  model: Module;
  /** Of the model's parameters. */
  optimizer: Optimizer;
  /** Materialised on the device, where it has weights of classes. */
  loss: Loss;
  /** Sets the learning rate before every step; default: the optimiser's own throughout. */
  schedule?: Schedule;
  /** Decides what dropout drops; default 0. */
  seed?: number;
  /** Default `cpu`. */
  device?: string;
  callbacks?: readonly Callback[];
}

export interface FitResult {
  /** One for each epoch that was finished. */
  records: EpochRecord[];
  /** The signal stopped it before the last epoch was over. */
  interrupted: boolean;
}

/**
 * Trains a classifier: over epochs and batches, forward, loss, backward, update; validation after every epoch.
 *
 * The same settings and seeds give the same numbers on the same machine: what is random in a step depends on the seed, the
 * epoch and the step alone.
 */
export class Trainer {
  readonly #options: Required<TrainerOptions>;

  constructor(options: TrainerOptions) {
    const { model, optimizer, loss, seed = 0, device = "cpu", callbacks = [] } = options;
    const { schedule = constant(optimizer.learningRate) } = options;
    this.#options = { model, optimizer, loss, schedule, seed, device, callbacks };
  }

  /**
   * Trains for a number of epochs. The network is in training mode afterwards.
   *
   * @param validation in order, with its last batch
   * @param options.signal stops cleanly after the batch that runs, in training and in validation
   * @throws FoveaError with the code DIVERGED when the loss, or what the network says of a validation image, is no longer
   *   a number
   */
  async fit(train: Loader, validation: Loader, options: { epochs: number; signal?: AbortSignal }): Promise<FitResult> {
    const { epochs, signal } = options;
    const records: EpochRecord[] = [];
    for (let epoch = 1; epoch <= epochs && !signal?.aborted; epoch++) {
      const record = await this.#epoch(train, validation, epoch, epochs, signal);
      if (!record) break;
      records.push(record);
    }
    await this.#each((callback) => callback.onFitEnd?.(records));
    return { records, interrupted: records.length < epochs };
  }

  /** Undefined when the signal came before the epoch was over. */
  async #epoch(
    train: Loader,
    validation: Loader,
    epoch: number,
    epochs: number,
    signal: AbortSignal | undefined,
  ): Promise<EpochRecord | undefined> {
    const { model, optimizer } = this.#options;
    const start = performance.now();
    model.train();
    await this.#each((callback) => callback.onEpochStart?.(epoch, epochs));
    let loss = 0;
    let correct = 0;
    let images = 0;
    let step = 0;
    let imagesPerSecond = 0;
    for await (const batch of train.epoch(epoch - 1)) {
      if (signal?.aborted) return undefined;
      const done = (epoch - 1) * train.batches + step;
      const steps = epochs * train.batches;
      const result = this.#step(train, batch, epoch, step, { step: done, steps, epoch: done / train.batches, epochs });
      const count = batch.labels.length;
      loss += result.loss * count;
      correct += result.correct;
      images += count;
      step++;
      imagesPerSecond = images / ((performance.now() - start) / 1000);
      const { learningRate } = optimizer;
      const where = { epoch, step, steps: train.batches, learningRate, images, imagesPerSecond };
      await this.#each((callback) => callback.onStep?.({ ...where, loss: loss / images, accuracy: correct / images }));
      await nextTurn();
    }
    if (signal?.aborted) return undefined;
    if (images === 0) throw new FoveaError("FILE", "None of the images to train on could be read.");
    await this.#each((callback) => callback.onValidationStart?.(epoch));
    const evaluation = await this.#validate(validation, signal);
    if (!evaluation) return undefined;
    const record: EpochRecord = {
      epoch,
      train: { loss: loss / images, accuracy: correct / images },
      validation: {
        loss: evaluation.loss,
        accuracy: evaluation.matrix.accuracy,
        balancedAccuracy: evaluation.matrix.balancedAccuracy,
      },
      learningRate: optimizer.learningRate,
      seconds: (performance.now() - start) / 1000,
      imagesPerSecond,
    };
    await this.#each((callback) => callback.onEpochEnd?.(record, evaluation));
    return record;
  }

  /** Undefined when the signal came before it was over. */
  async #validate(validation: Loader, signal: AbortSignal | undefined): Promise<Evaluation | undefined> {
    const { model, device } = this.#options;
    try {
      return await evaluate(model, validation, { device, signal });
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return undefined;
      throw error;
    }
  }

  #step(loader: Loader, batch: Batch, epoch: number, step: number, moment: Moment): { loss: number; correct: number } {
    const { model, optimizer, loss: criterion, schedule, seed, device } = this.#options;
    manualSeed(new Random(seed, "step", epoch, step).uint32());
    optimizer.learningRate = schedule(moment);
    return scope(() => {
      const labels = tensor(batch.labels, [batch.labels.length], { device });
      const images = imagesOf(batch, loader.options.layout, device);
      loader.recycle(batch);
      const logits = TorchTensor.of(model.forward(images));
      const targets = batch.targets ? tensor(batch.targets, logits.shape, { device }) : labels;
      const loss = TorchTensor.of(criterion.forward(logits, targets));
      optimizer.zeroGrad();
      loss.backward();
      const value = loss.item();
      if (!Number.isFinite(value)) {
        throw new FoveaError("DIVERGED", `The loss became ${value} in epoch ${epoch}, step ${step + 1}.`, {
          hint: "Try a lower learning rate.",
        });
      }
      optimizer.step();
      return { loss: value, correct: TorchTensor.of(logits.argmax(1).eq(labels).sum()).item() };
    });
  }

  async #each(call: (callback: Callback) => void | Promise<void>): Promise<void> {
    for (const callback of this.#options.callbacks) await call(callback);
  }
}
