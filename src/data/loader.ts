import { ArgumentError } from "../errors.js";
import { Random } from "../random.js";
import { type Augmentation, checkAugmentation, drawAugmentation, UNCHANGED } from "./augment.js";
import type { ChannelStatistics, ImageSet } from "./image-set.js";
import { type Layout, orientationTable, SampleWriter } from "./sample.js";

export interface LoaderOptions {
  /** Images in a batch; the last of an epoch may have fewer. */
  readonly batchSize: number;
  /** Subtracted and divided by, per channel, after scaling to [0, 1]. */
  readonly normalization: ChannelStatistics;
  /** Whether each epoch has its own random order. Default false: the order of the set. */
  readonly shuffle?: boolean;
  /** Decides the order and the augmentation. Default 0. */
  readonly seed?: number;
  /** Leave out a last batch that is not full. Default false. */
  readonly dropLast?: boolean;
  /** Random changes to each image. Default none. */
  readonly augmentation?: Augmentation;
  /** Default `"nchw"`. */
  readonly layout?: Layout;
}

/** Some images, ready for a network. The arrays are the receiver's own; no later batch uses them. */
export interface Batch {
  /** `(x / 255 - mean) / std`, in the order that `shape` says. */
  readonly images: Float32Array;
  /** `[N, 3, H, W]`, or `[N, H, W, 3]` where the layout is `"nhwc"`. */
  readonly shape: readonly [number, number, number, number];
  /** `[N]` */
  readonly labels: BigInt64Array;
  /** `[N]`, where in the set each image stands. */
  readonly indices: Uint32Array;
}

/**
 * An image set in batches. What comes out is a pure function of the set, the options and the number of the epoch.
 *
 * @example
 * const loader = new Loader(train, { batchSize: 64, shuffle: true, normalization: train.channelStatistics() });
 * for (const { images, shape, labels } of loader.epoch(0)) …
 */
export class Loader {
  readonly set: ImageSet;
  readonly options: Required<Omit<LoaderOptions, "augmentation">> & Pick<LoaderOptions, "augmentation">;
  /** The number of batches of an epoch. */
  readonly batches: number;
  /** By `turns + 4 * flip`, made when first needed. */
  readonly #orders: (Int32Array | undefined)[] = [];

  /**
   * @throws ArgumentError when the set is empty, an option is out of range, or `dropLast` would leave no batch
   */
  constructor(set: ImageSet, options: LoaderOptions) {
    this.set = set;
    this.options = { shuffle: false, seed: 0, dropLast: false, layout: "nchw", ...options };
    const { batchSize, dropLast, normalization, augmentation } = this.options;
    if (set.size === 0) throw new ArgumentError(`${set.name}: an empty set has no batches`);
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ArgumentError(`a batch size must be a whole number from 1, not ${batchSize}`);
    }
    if (!normalization.std.every((deviation) => deviation > 0) || !normalization.mean.every(Number.isFinite)) {
      const { mean, std } = normalization;
      throw new ArgumentError(`cannot normalise by mean ${mean.join(", ")} and deviation ${std.join(", ")}`);
    }
    if (augmentation) checkAugmentation(augmentation, set.width, set.height);
    this.batches = dropLast ? Math.floor(set.size / batchSize) : Math.ceil(set.size / batchSize);
    if (this.batches === 0) {
      throw new ArgumentError(
        `${set.name}: ${set.size} images do not fill one batch of ${batchSize}`,
        "Use a smaller batch size, or keep the last batch.",
      );
    }
  }

  /** The batches of epoch `epoch` (from 0). It can be iterated again, and gives the same again. */
  epoch(epoch: number): Iterable<Batch> {
    return { [Symbol.iterator]: () => this.#iterate(epoch) };
  }

  *#iterate(epoch: number): Generator<Batch, void, undefined> {
    const { shuffle, seed, batchSize, normalization, layout } = this.options;
    const { size } = this.set;
    const order = shuffle
      ? new Random(seed, "shuffle", epoch).permutation(size)
      : Uint32Array.from({ length: size }, (_, i) => i);
    const writer = new SampleWriter(normalization, layout);
    for (let b = 0; b < this.batches; b++) {
      yield this.#batch(writer, epoch, order.slice(b * batchSize, Math.min(size, (b + 1) * batchSize)));
    }
  }

  #batch(writer: SampleWriter, epoch: number, indices: Uint32Array): Batch {
    const { width, height, labels } = this.set;
    const { augmentation, seed, layout } = this.options;
    const values = width * height * 3;
    const images = new Float32Array(indices.length * values);
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] as number;
      const draw = augmentation ? drawAugmentation(augmentation, seed, epoch, index) : UNCHANGED;
      writer.write(this.set.image(index), this.#orderOf(draw.flip, draw.turns), draw, images, i * values);
    }
    const n = indices.length;
    return {
      images,
      shape: layout === "nchw" ? [n, 3, height, width] : [n, height, width, 3],
      labels: BigInt64Array.from(indices, (index) => BigInt(labels[index] as number)),
      indices,
    };
  }

  #orderOf(flip: boolean, turns: number): Int32Array {
    const key = turns + (flip ? 4 : 0);
    const order = this.#orders[key] ?? orientationTable(this.set.width, this.set.height, flip, turns);
    this.#orders[key] = order;
    return order;
  }
}
