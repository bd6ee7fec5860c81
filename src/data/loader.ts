import { availableParallelism } from "node:os";
import { ArgumentError } from "../errors.js";
import { type Batch, BatchMaker, BatchMemory, type SkippedImage } from "./batch.js";
import type { Dataset, Size } from "./image-set.js";
import { type NativePool, nativeImages } from "./native.js";
import { checkSampler, epochOrder, type Sampler } from "./sampler.js";
import { type Mix, outputSize, type Transform } from "./transforms/index.js";

/** Order of the axes of a batch in memory: channels first (as PyTorch writes shapes) or last. */
export type Layout = "nchw" | "nhwc";

/** From an epoch on, what is done to images; for progressive learning. */
export interface Stage {
  /** Counted from 0. */
  readonly fromEpoch: number;
  readonly transforms: readonly Transform[];
  readonly mix?: Mix;
}

export interface LoaderOptions {
  /** Images of a step, those of all ranks together; the last of an epoch may have fewer. */
  readonly batchSize: number;
  /** What is done to each image; the result must have one size. Without `normalize` values are in [0, 1]. */
  readonly transforms: readonly Transform[];
  /** Mixup and CutMix; needs labelled images. Default none. */
  readonly mix?: Mix;
  /** Replace `transforms` and `mix` from their epochs on, in ascending order. Default none. */
  readonly stages?: readonly Stage[];
  /** Default `{ name: "sequential" }`. */
  readonly sampler?: Sampler;
  /** Decides order, augmentation and mixing. Default 0. */
  readonly seed?: number;
  /** Leave out a last batch that is not full. Default false. */
  readonly dropLast?: boolean;
  /** Default `"nchw"`. */
  readonly layout?: Layout;
  /**
   * Channels of the batches. 3: red, green, blue. 1: the first channel alone, for grey images, whose three are equal; a
   * colour image needs the transform `grayscale` before. Default 3.
   */
  readonly channels?: 3 | 1;
  /** Threads that decode and change images; 0: the main thread, when a batch is asked for. Default: the machine's cores. */
  readonly workers?: number;
  /** How many batches are made ahead of the one that is used. Default 2. */
  readonly prefetch?: number;
  /** Which part of every batch is this process's, from 0. Default 0. */
  readonly rank?: number;
  /** How many processes share every batch. Default 1. */
  readonly ranks?: number;
  /** Whether an image that cannot be read ends the epoch, or is left out of its batch and told to `onSkip`. Default `"stop"`. */
  readonly onUnreadable?: "stop" | "skip";
  readonly onSkip?: (image: SkippedImage) => void;
}

/**
 * A set of images in batches.
 *
 * What comes out is a pure function of the set, the options and the number of the epoch: it does not depend on the number of
 * workers, on where an epoch is begun, or on how many ranks share it (the parts of the ranks, put together, are the batch of
 * one). Images are decoded and changed by threads of the images addon, `prefetch` batches ahead.
 *
 * @example
 * const loader = new Loader(train, { batchSize: 64, transforms, sampler: { name: "shuffle" } });
 * for await (const { images, shape, labels } of loader.epoch(0)) …
 */
export class Loader {
  readonly set: Dataset;
  readonly options: Required<Omit<LoaderOptions, "mix" | "onSkip">> & Pick<LoaderOptions, "mix" | "onSkip">;
  /** The number of batches of an epoch. */
  readonly batches: number;
  readonly #memory: BatchMemory;

  /**
   * @throws ArgumentError when the set is empty, an option is out of range, the images would come out in different sizes,
   *   or `dropLast` would leave no batch
   */
  constructor(set: Dataset, options: LoaderOptions) {
    this.set = set;
    this.options = {
      stages: [],
      sampler: { name: "sequential" },
      seed: 0,
      dropLast: false,
      layout: "nchw",
      channels: 3,
      workers: availableParallelism(),
      prefetch: 2,
      rank: 0,
      ranks: 1,
      onUnreadable: "stop",
      ...options,
    };
    const { batchSize, dropLast, workers, prefetch, rank, ranks, channels, sampler, stages } = this.options;
    if (set.size === 0) throw new ArgumentError(`${set.name}: an empty set has no batches`);
    requireWhole("a batch size", batchSize, 1);
    requireWhole("a number of workers", workers, 0, 256);
    requireWhole("a number of batches to prefetch", prefetch, 0);
    requireWhole("a number of ranks", ranks, 1);
    requireWhole("a rank", rank, 0, ranks - 1);
    if (batchSize % ranks !== 0) {
      throw new ArgumentError(`a batch of ${batchSize} cannot be divided evenly among ${ranks} ranks`);
    }
    if (channels !== 3 && channels !== 1) throw new ArgumentError(`a batch has 3 channels or 1, not ${channels}`);
    checkSampler(sampler, set);
    for (const [i, stage] of stages.entries()) {
      requireWhole("the epoch of a stage", stage.fromEpoch, i === 0 ? 0 : (stages[i - 1]?.fromEpoch ?? 0) + 1);
    }
    for (const stage of [this.#stageOf(0), ...stages]) {
      this.#sizeOf(stage);
      if (stage.mix && set.classes.length === 0) throw new ArgumentError(`${set.name}: mixing needs labelled images`);
    }
    this.#memory = new BatchMemory(prefetch + 2);
    this.batches = dropLast ? Math.floor(set.size / batchSize) : Math.ceil(set.size / batchSize);
    if (this.batches === 0) {
      throw new ArgumentError(
        `${set.name}: ${set.size} images do not fill one batch of ${batchSize}`,
        "Use a smaller batch size, or keep the last batch.",
      );
    }
  }

  /** Height and width of the images of an epoch. */
  imageSize(epoch = 0): Size {
    return this.#sizeOf(this.#stageOf(epoch));
  }

  /**
   * The batches of epoch `epoch` (from 0). It can be iterated again, and gives the same again.
   *
   * @param options.from the first batch, to go on in the middle of an epoch; default 0
   * @throws ArgumentError when there is no such batch
   * @throws FileError (while iterating) that names an image that cannot be read, unless they are skipped
   */
  epoch(epoch: number, options: { from?: number } = {}): AsyncIterable<Batch> {
    const { from = 0 } = options;
    requireWhole("an epoch", epoch, 0);
    requireWhole("the first batch", from, 0, this.batches);
    return { [Symbol.asyncIterator]: () => this.#iterate(epoch, from) };
  }

  /**
   * Gives the memory of a batch's images back for a later one, which saves a good part of the time of making it. Neither
   * the array nor a tensor that shares its memory may be used afterwards.
   */
  recycle({ images }: Batch): void {
    this.#memory.give(images);
  }

  async *#iterate(epoch: number, from: number): AsyncGenerator<Batch, void, undefined> {
    const { workers, prefetch } = this.options;
    const pool = workers > 0 ? nativeImages().createPool(workers) : undefined;
    try {
      const maker = this.#maker(epoch, pool);
      const ahead: Promise<Batch | undefined>[] = [];
      // The one that is asked for, and those ahead of it.
      const wanted = pool === undefined ? 1 : prefetch + 1;
      for (let next = from; ; ) {
        for (; ahead.length < wanted && next < this.batches; next++) {
          const batch = maker(next);
          // It is awaited below, maybe after the consumer has left.
          batch.catch(() => {});
          ahead.push(batch);
        }
        const first = ahead.shift();
        if (first === undefined) return;
        const batch = await first;
        if (batch !== undefined) yield batch;
      }
    } finally {
      if (pool !== undefined) nativeImages().closePool(pool);
    }
  }

  /** What makes batch b of an epoch; undefined where none of its images could be read. */
  #maker(epoch: number, pool: NativePool | undefined): (batch: number) => Promise<Batch | undefined> {
    const { sampler, seed, batchSize, rank, ranks } = this.options;
    const stage = this.#stageOf(epoch);
    const order = epochOrder(sampler, this.set, seed, epoch);
    const maker = new BatchMaker(this.set, {
      ...this.options,
      ...stage,
      size: this.#sizeOf(stage),
      epoch,
      pool,
      memory: this.#memory,
    });
    return (batch) => {
      const begin = batch * batchSize;
      const count = Math.min(this.set.size - begin, batchSize);
      const part = { from: Math.floor((rank * count) / ranks), to: Math.floor(((rank + 1) * count) / ranks) };
      return maker.make({
        number: batch,
        indices: order.indices.subarray(begin, begin + count),
        occurrences: order.occurrences?.subarray(begin, begin + count),
        ...part,
      });
    };
  }

  #stageOf(epoch: number): Stage {
    const { transforms, mix, stages } = this.options;
    return stages.findLast(({ fromEpoch }) => fromEpoch <= epoch) ?? { fromEpoch: 0, transforms, mix };
  }

  #sizeOf({ transforms }: Stage): Size {
    const input = this.set.kind === "pixels" ? this.set.uniformSize : undefined;
    const size = outputSize(transforms, input);
    if (size) return size;
    throw new ArgumentError(
      `${this.set.name}: the images have different sizes, or sizes that are not known, and the transforms do not give them one`,
      "Add resize with height and width, or a crop.",
    );
  }
}

function requireWhole(what: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new ArgumentError(`${what} must be a whole number ${range}, not ${value}`);
}
