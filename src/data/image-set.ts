import { ArgumentError, ShapeError } from "../errors.js";

/** Three numbers, one per colour channel: red, green, blue. */
export type Rgb = readonly [number, number, number];

/** Mean and (population) standard deviation per channel, of pixel values in [0, 1]. */
export interface ChannelStatistics {
  readonly mean: Rgb;
  readonly std: Rgb;
}

/** What an {@link ImageSet} is made of. */
export interface ImageSetParts {
  readonly name: string;
  readonly classes: readonly string[];
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array | Int32Array;
  readonly names: readonly string[];
}

/** The label of an image whose class is not known. */
export const UNLABELLED = -1;

/** Decoded 8-bit RGB images of one size, held in memory with their labels. */
export class ImageSet implements ImageSetParts {
  /** What the set is called in messages, e.g. `"nuclei/train"`. */
  readonly name: string;
  /** Class names; a label is an index into them. Empty where nothing is labelled. */
  readonly classes: readonly string[];
  readonly width: number;
  readonly height: number;
  /** `[N, H, W, 3]`, rows from the top, red first. Not copied: whoever writes to it changes the set. */
  readonly pixels: Uint8Array;
  /** `[N]`, each an index into `classes`, or {@link UNLABELLED}. */
  readonly labels: Uint8Array | Int32Array;
  /** `[N]`, where each image came from: a path relative to the root of its folder, or e.g. `"synthetic/17"`. */
  readonly names: readonly string[];

  /**
   * @throws ShapeError when the lengths of pixels, labels and names disagree
   * @throws ArgumentError when the size is not positive, a class appears twice or a label names no class
   */
  constructor(parts: ImageSetParts) {
    const { name, classes, width, height, pixels, labels, names } = parts;
    if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
      throw new ArgumentError(`${name}: an image of ${width}x${height} pixels is impossible`);
    }
    if (new Set(classes).size !== classes.length) {
      throw new ArgumentError(`${name}: a class appears twice in ${classes.join(", ")}`);
    }
    if (names.length !== labels.length) {
      throw new ShapeError(`${name}: ${labels.length} labels but ${names.length} names`);
    }
    const expected = labels.length * width * height * 3;
    if (pixels.length !== expected) {
      throw new ShapeError(
        `${name}: ${labels.length} RGB images of ${width}x${height} are ${expected} bytes, not ${pixels.length}`,
      );
    }
    for (const [i, label] of labels.entries()) {
      if (label >= classes.length || label < UNLABELLED) {
        throw new ArgumentError(`${name}: image ${i} (${names[i]}) has label ${label}, but ${classes.length} classes`);
      }
    }
    this.name = name;
    this.classes = classes;
    this.width = width;
    this.height = height;
    this.pixels = pixels;
    this.labels = labels;
    this.names = names;
  }

  /** The number of images. */
  get size(): number {
    return this.labels.length;
  }

  /**
   * The pixels of image `index`, `[H, W, 3]`: a view, not a copy.
   *
   * @throws ArgumentError when there is no such image
   */
  image(index: number): Uint8Array {
    this.#check(index);
    const bytes = this.width * this.height * 3;
    return this.pixels.subarray(index * bytes, (index + 1) * bytes);
  }

  /** How many images each class has, in the order of `classes`; unlabelled images count nowhere. */
  classCounts(): number[] {
    const counts = new Array<number>(this.classes.length).fill(0);
    for (const label of this.labels) {
      if (label !== UNLABELLED) counts[label] = (counts[label] as number) + 1;
    }
    return counts;
  }

  /**
   * A new set of copies of the images at `indices`, in that order; an index may repeat.
   *
   * @throws ArgumentError when an index names no image
   */
  subset(indices: ArrayLike<number>, name = this.name): ImageSet {
    const bytes = this.width * this.height * 3;
    const pixels = new Uint8Array(indices.length * bytes);
    const labels = this.labels instanceof Int32Array ? new Int32Array(indices.length) : new Uint8Array(indices.length);
    const names: string[] = [];
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] as number;
      pixels.set(this.image(index), i * bytes);
      labels[i] = this.labels[index] as number;
      names.push(this.names[index] as string);
    }
    const { classes, width, height } = this;
    return new ImageSet({ name, classes, width, height, pixels, labels, names });
  }

  /**
   * Mean and standard deviation of each channel over every pixel, in [0, 1]. The sums are of whole numbers, so exact.
   *
   * @throws ArgumentError when the set is empty
   */
  channelStatistics(): ChannelStatistics {
    if (this.size === 0) throw new ArgumentError(`${this.name}: an empty set has no channel statistics`);
    const { pixels } = this;
    const counts = [new Float64Array(256), new Float64Array(256), new Float64Array(256)] as const;
    const [red, green, blue] = counts;
    for (let i = 0; i < pixels.length; i += 3) {
      (red[pixels[i] as number] as number)++;
      (green[pixels[i + 1] as number] as number)++;
      (blue[pixels[i + 2] as number] as number)++;
    }
    const [r, g, b] = [momentsOf(red), momentsOf(green), momentsOf(blue)];
    return { mean: [r.mean, g.mean, b.mean], std: [r.std, g.std, b.std] };
  }

  #check(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.size) {
      throw new ArgumentError(`${this.name}: there is no image ${index}; it has ${this.size}, counted from 0`);
    }
  }
}

/** Mean and deviation, in [0, 1], of the bytes that a histogram counts. */
function momentsOf(histogram: Float64Array): { mean: number; std: number } {
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (const [value, times] of histogram.entries()) {
    count += times;
    sum += value * times;
    squares += value * value * times;
  }
  const mean = sum / count;
  return { mean: mean / 255, std: Math.sqrt(Math.max(0, squares / count - mean * mean)) / 255 };
}
