import { join } from "node:path";
import { z } from "zod";
import type { Batch, Loader } from "../data/index.js";
import { ArgumentError, FoveaError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import type { DType } from "../tensor/index.js";
import { type SafetensorsEntry, writeSafetensors } from "../weights/index.js";
import type { Callback } from "./callback.js";

/** How many losses a mean is of, at most and at least. */
const WINDOW = 100;
const LEAST = 20;

/** Watches the losses of batches for one that is far above those before it. */
export class SpikeGuard {
  readonly #times: number;
  #losses: number[] = [];

  /**
   * @param times a loss above so many times the mean is a spike
   * @throws ArgumentError unless that is above 1
   */
  constructor(times: number) {
    if (!(times > 1)) throw new ArgumentError(`a spike must be more than 1 times the mean, not ${times}`);
    this.#times = times;
  }

  /** Of the last hundred losses; NaN before the first. */
  get mean(): number {
    return this.#losses.reduce((sum, loss) => sum + loss, 0) / this.#losses.length;
  }

  /**
   * Whether this loss is a spike, which none is before twenty were seen. Spikes, and what is no finite number, do not
   * go into the mean.
   */
  check(loss: number): boolean {
    const spike = this.#losses.length >= LEAST && loss > this.#times * this.mean;
    if (!spike && Number.isFinite(loss)) this.#losses = [...this.#losses, loss].slice(-WINDOW);
    return spike;
  }

  state(): unknown {
    return { losses: this.#losses };
  }

  loadState(state: unknown): void {
    this.#losses = z.object({ losses: z.array(z.number()).max(WINDOW) }).parse(state).losses;
  }
}

/** Where a training went astray. */
interface Divergence {
  /** Counted from 1. */
  readonly epoch: number;
  /** In the epoch, counted from 1. */
  readonly step: number;
  /** Of that batch. */
  readonly loss: number;
  /** `[N]`, where in the set the batch's images stand. */
  readonly indices: Uint32Array;
  /** Of the losses before, where a spike is what ends the training. */
  readonly mean?: number;
}

/** The loss of a batch is no number, or far above those before it. */
export class DivergedError extends FoveaError {
  readonly epoch: number;
  readonly step: number;
  readonly loss: number;
  readonly indices: Uint32Array;

  constructor({ epoch, step, loss, indices, mean }: Divergence) {
    const where = `in epoch ${epoch}, step ${step}`;
    super(
      "DIVERGED",
      mean === undefined || !Number.isFinite(loss)
        ? `The loss became ${loss} ${where}.`
        : `The loss rose to ${short(loss)} ${where}, ${short(loss / mean)} times the mean before.`,
      { hint: "Try a lower learning rate." },
    );
    this.epoch = epoch;
    this.step = step;
    this.loss = loss;
    this.indices = indices;
  }
}

/**
 * Writes a batch down for inspection: `batch.safetensors` with `images` as they went into the network (axes in the
 * loader's order), `labels`, `targets` where it was mixed, and `indices`; `batch.json` with the images' names, their
 * labels, the loss, epoch and step. A loss that is no number is written as a string there.
 *
 * @param folder made if missing
 * @param batch not yet given back to its loader
 * @param names of all images of the set
 * @throws FileError
 */
export function saveBatch(
  folder: string,
  batch: Batch & { readonly loss: number; readonly epoch: number; readonly step: number },
  names: readonly string[],
): void {
  const { images, shape, labels, targets, indices, loss, epoch, step } = batch;
  const entries = new Map([
    ["images", entryOf("float32", shape, images)],
    ["labels", entryOf("int64", [labels.length], labels)],
    ["indices", entryOf("int64", [indices.length], BigInt64Array.from(indices, BigInt))],
  ]);
  if (targets) {
    entries.set("targets", entryOf("float32", [labels.length, targets.length / labels.length], targets));
  }
  writeSafetensors(join(folder, "batch.safetensors"), entries);
  const words = {
    epoch,
    step,
    loss: Number.isFinite(loss) ? loss : String(loss),
    names: Array.from(indices, (index) => names[index]),
    labels: Array.from(labels, Number),
  };
  writeFileAtomic(join(folder, "batch.json"), `${JSON.stringify(words, null, 2)}\n`);
}

function entryOf(dtype: DType, shape: readonly number[], data: Float32Array | BigInt64Array): SafetensorsEntry {
  return { dtype, shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/** Three digits. */
function short(value: number): number {
  return Number(value.toPrecision(3));
}

/** Writes the batch down that ended a run's training, to the folder `diverged` of the run. */
export class BatchOfDivergence implements Callback {
  readonly #folder: string;
  readonly #loader: Loader;

  /** @param loader of the training: it gives the same batch again, also where it is long gone */
  constructor(folder: string, loader: Loader) {
    this.#folder = folder;
    this.#loader = loader;
  }

  async onException(error: unknown): Promise<void> {
    if (!(error instanceof DivergedError)) return;
    const { epoch, step, loss } = error;
    for await (const batch of this.#loader.epoch(epoch - 1, { from: step - 1 })) {
      saveBatch(this.#folder, { ...batch, loss, epoch, step }, this.#loader.set.names);
      return;
    }
  }
}
