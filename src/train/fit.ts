import type { Batch, Loader } from "../data/index.js";
import { ArgumentError, FoveaError } from "../errors.js";
import { addL1Gradient, clipGradNorm, clipGradValue, type OptimizerState } from "../optim/index.js";
import { Random } from "../random.js";
import { manualSeed, scope, TorchTensor, tensor } from "../tensor/torch/index.js";
import { measureBatchNorm } from "./batch-norm-statistics.js";
import type { Callback } from "./callback.js";
import { DivergedError, SpikeGuard } from "./divergence.js";
import type { EpochRecord } from "./epoch.js";
import { EpochMeter } from "./epoch-meter.js";
import { type Evaluation, evaluate, imagesOf, inPrecision, nextTurn } from "./evaluate.js";
import { scores } from "./scores.js";
import type { FitOptions, FitResult, TrainerSettings } from "./trainer.js";
import { averageOf, type TrainingState, tensorsBelow } from "./training-state.js";
import { WeightAverage } from "./weight-average.js";

/** On a GPU the losses of so many batches are read at once: each reading waits for it. */
const batchesPerReading = 50;

/** One training, from its beginning or from where it stood, to its end; see `Trainer.fit`. */
export class Fit {
  readonly #options: TrainerSettings;
  readonly #train: Loader;
  readonly #validation: Loader;
  readonly #epochs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #average: WeightAverage | undefined;
  readonly #guard: SpikeGuard | undefined;
  /** Of an epoch. */
  readonly #batches: number;
  readonly #records: EpochRecord[];
  /** Epochs that are over. */
  #epoch: number;
  /** Batches done of the one that has begun. */
  #batch: number;
  /** Batches since the last update. */
  #pending = 0;
  #meter: EpochMeter;
  #stopped: string | undefined;

  constructor(options: TrainerSettings, train: Loader, validation: Loader, { epochs, signal, from }: FitOptions) {
    const { model, average, lossSpike, limitTrainBatches } = options;
    this.#options = options;
    this.#train = train;
    this.#validation = validation;
    this.#epochs = epochs;
    this.#signal = signal;
    this.#batches = limited(train.batches, limitTrainBatches);
    this.#guard = lossSpike === undefined ? undefined : new SpikeGuard(lossSpike);
    this.#average = average && new WeightAverage(model, average.name === "ema" ? average : { name: "mean" });
    this.#records = [...(from?.position.records ?? [])];
    this.#epoch = from?.position.epoch ?? 0;
    this.#batch = from?.position.batch ?? 0;
    this.#meter = new EpochMeter(from?.position.sums);
    this.#stopped = from?.position.stopped;
    if (from) this.#restore(from);
  }

  async run(): Promise<FitResult> {
    const { model, optimizer } = this.#options;
    const stop = (reason: string) => {
      this.#stopped ??= reason;
    };
    const context = {
      model,
      optimizer,
      epochs: this.#epochs,
      batches: this.#batches,
      stop,
      state: () => this.#state(),
    };
    await this.#each((callback) => callback.onFitStart?.(context));
    while (this.#epoch < this.#epochs && this.#stopped === undefined) {
      if (!this.#signal?.aborted && (await this.#runEpoch())) continue;
      await this.#each((callback) => callback.onCheckpoint?.(this.#state()));
      break;
    }
    await this.#each((callback) => callback.onFitEnd?.(this.#records));
    const interrupted = this.#records.length < this.#epochs && this.#stopped === undefined;
    return { records: this.#records, interrupted, stopped: this.#stopped };
  }

  /** Frees what training alone needs. */
  release(): void {
    this.#average?.release();
    this.#meter.discard();
  }

  /** False when the signal came before the epoch was over. */
  async #runEpoch(): Promise<boolean> {
    const { model, optimizer } = this.#options;
    const epoch = this.#epoch + 1;
    model.train();
    await this.#each((callback) => callback.onTrainEpochStart?.(epoch, this.#epochs));
    if (!(await this.#trainEpoch(epoch))) return false;
    const { loss, correct, images, seconds } = this.#meter.sums;
    if (images === 0) throw new FoveaError("FILE", "None of the images to train on could be read.");
    await this.#each((callback) => callback.onValidationStart?.(epoch));
    const evaluation = await this.#validate();
    if (!evaluation) return false;
    const average = await this.#validateAverage(epoch);
    const record: EpochRecord = {
      epoch,
      train: { loss: loss / images, accuracy: correct / images },
      validation: scores(evaluation),
      ...(average ? { average: scores(average) } : {}),
      learningRate: optimizer.learningRate,
      seconds: this.#meter.sums.seconds,
      imagesPerSecond: images / seconds,
    };
    this.#records.push(record);
    this.#epoch = epoch;
    this.#batch = 0;
    this.#meter = new EpochMeter();
    await this.#each((callback) => callback.onTrainEpochEnd?.(record, evaluation, average));
    await this.#each((callback) => callback.onCheckpoint?.(this.#state()));
    return true;
  }

  /** False when the signal came before the last batch. */
  async #trainEpoch(epoch: number): Promise<boolean> {
    const { optimizer, device } = this.#options;
    const reading = device === "cpu" ? 1 : batchesPerReading;
    for await (const batch of this.#train.epoch(epoch - 1, { from: this.#batch })) {
      if (batch.number >= this.#batches) break;
      if (this.#signal?.aborted && this.#pending === 0) return false;
      const { number } = batch;
      this.#backward(batch, epoch);
      // Before the update: a loss that is not a number must not reach the weights.
      if (this.#meter.unread >= reading) this.#read(epoch);
      this.#updateWhenDue(epoch, number);
      this.#batch = number + 1;
      const { sums, images } = this.#meter;
      const where = {
        epoch,
        step: this.#batch,
        steps: this.#batches,
        globalStep: (epoch - 1) * this.#batches + this.#batch,
        batchLoss: this.#meter.newest,
        loss: sums.loss / sums.images,
        accuracy: sums.correct / sums.images,
        learningRate: optimizer.learningRate,
        images,
        imagesPerSecond: images / sums.seconds,
      };
      await this.#each((callback) => callback.onTrainBatchEnd?.(where));
      await nextTurn();
    }
    this.#read(epoch);
    return !this.#signal?.aborted;
  }

  /** Adds a batch's gradients to those that are there. */
  #backward(batch: Batch, epoch: number): void {
    const {
      model,
      optimizer,
      loss: criterion,
      schedule,
      seed,
      device,
      precision,
      accumulateGradBatches,
    } = this.#options;
    const { number } = batch;
    manualSeed(new Random(seed, "step", epoch, number).uint32());
    const group = Math.floor(number / accumulateGradBatches);
    if (this.#pending === 0) {
      const groups = Math.ceil(this.#batches / accumulateGradBatches);
      const step = (epoch - 1) * groups + group;
      optimizer.learningRate = schedule({
        step,
        steps: this.#epochs * groups,
        epoch: step / groups,
        epochs: this.#epochs,
      });
      optimizer.zeroGrad();
    }
    scope(() => {
      const labels = tensor(batch.labels, [batch.labels.length], { device });
      const images = imagesOf(batch, this.#train.options.layout, device);
      this.#train.recycle(batch);
      const [logits, loss] = inPrecision(precision, device, () => {
        const outputs = TorchTensor.of(model.forward(images));
        const targets = batch.targets ? tensor(batch.targets, outputs.shape, { device }) : labels;
        return [outputs, TorchTensor.of(criterion.forward(outputs, targets))] as const;
      });
      const inGroup = Math.min(accumulateGradBatches, this.#batches - group * accumulateGradBatches);
      (inGroup === 1 ? loss : TorchTensor.of(loss.mul(1 / inGroup))).backward();
      this.#meter.add(number, batch.indices, loss, TorchTensor.of(logits.argmax(1).eq(labels).sum()));
    });
    this.#pending++;
  }

  #updateWhenDue(epoch: number, batch: number): void {
    const { model, optimizer, accumulateGradBatches, clip, l1, average } = this.#options;
    if (this.#pending < accumulateGradBatches && batch + 1 < this.#batches) return;
    if (l1 > 0) addL1Gradient(model.parameters(), l1);
    if (clip && "norm" in clip) clipGradNorm(model.parameters(), clip.norm);
    if (clip && "value" in clip) clipGradValue(model.parameters(), clip.value);
    optimizer.step();
    this.#pending = 0;
    if (average?.name !== "ema") return;
    const groups = Math.ceil(this.#batches / accumulateGradBatches);
    const updates = (epoch - 1) * groups + Math.ceil((batch + 1) / accumulateGradBatches);
    if (updates % average.every === 0) this.#average?.update();
  }

  /** Reads the losses that the device has told of. @throws DivergedError where they are those of no training */
  #read(epoch: number): void {
    this.#meter.read((loss, batch, indices) => {
      const where = { epoch, step: batch + 1, loss, indices };
      if (!Number.isFinite(loss)) throw new DivergedError(where);
      const mean = this.#guard?.mean;
      if (this.#guard?.check(loss)) throw new DivergedError({ ...where, mean });
    });
  }

  /** Undefined when the signal came before it was over. */
  async #validate(): Promise<Evaluation | undefined> {
    const { model, device, precision, limitValBatches } = this.#options;
    const batches = limited(this.#validation.batches, limitValBatches);
    try {
      return await evaluate(model, this.#validation, { device, precision, batches, signal: this.#signal });
    } catch (error) {
      if (this.#signal?.aborted && error === this.#signal.reason) return undefined;
      throw error;
    }
  }

  /** Undefined where no averaged weights are kept. No signal ends it: an epoch must not be taken into a mean twice. */
  async #validateAverage(epoch: number): Promise<Evaluation | undefined> {
    const { model, device, precision, average, limitValBatches } = this.#options;
    const weights = this.#average;
    if (!average || !weights) return undefined;
    if (average.name === "swa") {
      if (epoch <= average.after) return undefined;
      weights.update();
    }
    if (weights.updates === 0) return undefined;
    return weights.apply(async () => {
      if (average.name === "swa") {
        await measureBatchNorm(model, this.#train, { epoch: epoch - 1, device, seed: this.#options.seed });
        weights.takeBuffers();
      }
      const batches = limited(this.#validation.batches, limitValBatches);
      return evaluate(model, this.#validation, { device, precision, batches });
    });
  }

  #state(): TrainingState {
    if (this.#pending > 0) {
      throw new ArgumentError("a training can be kept only between updates", "Wait until its gradients are used.");
    }
    const { optimizer, callbacks } = this.#options;
    const { steps, tensors } = optimizer.stateDict();
    const kept = callbacks.flatMap((callback) =>
      callback.name === undefined ? [] : [[callback.name, callback.state?.()] as const],
    );
    return {
      position: {
        epoch: this.#epoch,
        batch: this.#batch,
        sums: this.#meter.sums,
        records: this.#records,
        learningRate: optimizer.learningRate,
        updates: Object.fromEntries(steps),
        averaged: this.#average?.updates ?? 0,
        callbacks: Object.fromEntries(kept),
        ...(this.#stopped === undefined ? {} : { stopped: this.#stopped }),
      },
      tensors: new Map([
        ...[...tensors].map(([name, value]) => [`optimizer/${name}`, value] as const),
        ...[...(this.#average?.tensors() ?? [])].map(([name, value]) => [`average/${name}`, value] as const),
      ]),
    };
  }

  #restore({ position, tensors }: TrainingState): void {
    const { optimizer, callbacks } = this.#options;
    const state: OptimizerState = {
      steps: new Map(Object.entries(position.updates)),
      tensors: tensorsBelow("optimizer/", tensors),
    };
    optimizer.loadStateDict(state);
    optimizer.learningRate = position.learningRate;
    this.#average?.load(averageOf({ position, tensors }), position.averaged);
    for (const callback of callbacks) {
      if (callback.name === undefined || !(callback.name in position.callbacks)) continue;
      callback.loadState?.(position.callbacks[callback.name]);
    }
  }

  async #each(call: (callback: Callback) => void | Promise<void>): Promise<void> {
    for (const callback of this.#options.callbacks) await call(callback);
  }
}

/** How many batches a limit leaves: a number from 1, or a share below 1 of all, of which one is left at least. */
export function limited(batches: number, limit: number): number {
  if (!(limit > 0)) throw new ArgumentError(`a limit of batches must be a number above 0, not ${limit}`);
  if (limit < 1) return Math.max(1, Math.floor(batches * limit));
  return Math.min(batches, Math.floor(limit));
}
