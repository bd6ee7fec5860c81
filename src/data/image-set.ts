import { ArgumentError, ShapeError } from "../errors.js";

/** Three numbers, one per colour channel: red, green, blue. */
export type Rgb = readonly [number, number, number];

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** An image of 8-bit RGB pixels, `[H, W, 3]`. */
export interface Image extends Size {
  readonly pixels: Uint8Array;
}

/** Mean and (population) standard deviation per channel, of pixel values in [0, 1]. */
export interface ChannelStatistics {
  readonly mean: Rgb;
  readonly std: Rgb;
}

/** The label of an image whose class is not known. */
export const UNLABELLED = -1;

/** What is known of labelled images besides their pixels. */
export interface Labelled {
  /** What the set is called in messages, e.g. `"nuclei/train"`. */
  readonly name: string;
  /** Class names; a label is an index into them. Empty where nothing is labelled. */
  readonly classes: readonly string[];
  /** `[N]`, each an index into `classes`, or {@link UNLABELLED}. */
  readonly labels: ArrayLike<number>;
  /** `[N]`, where each image came from: a path relative to the root of its folder, or e.g. `"synthetic/17"`. */
  readonly names: readonly string[];
  /** `[N]`, what images belong together and must not be divided, such as the patient; absent where nothing does. */
  readonly groups?: readonly string[];
}

abstract class LabelledSet implements Labelled {
  readonly name: string;
  readonly classes: readonly string[];
  readonly labels: Int32Array;
  readonly names: readonly string[];
  readonly groups?: readonly string[];

  constructor({ name, classes, labels, names, groups }: Labelled) {
    if (new Set(classes).size !== classes.length) {
      throw new ArgumentError(`${name}: a class appears twice in ${classes.join(", ")}`);
    }
    if (names.length !== labels.length) {
      throw new ShapeError(`${name}: ${labels.length} labels but ${names.length} names`);
    }
    if (groups && groups.length !== labels.length) {
      throw new ShapeError(`${name}: ${labels.length} labels but ${groups.length} groups`);
    }
    const own = Int32Array.from(labels);
    const wrong = own.findIndex((label) => label >= classes.length || label < UNLABELLED);
    if (wrong >= 0) {
      throw new ArgumentError(
        `${name}: image ${wrong} (${names[wrong]}) has label ${labels[wrong]}, but ${classes.length} classes`,
      );
    }
    this.name = name;
    this.classes = classes;
    this.labels = own;
    this.names = names;
    this.groups = groups;
  }

  /** The number of images. */
  get size(): number {
    return this.labels.length;
  }

  /** How many images each class has, in the order of `classes`; unlabelled images count nowhere. */
  classCounts(): number[] {
    const counts = new Array<number>(this.classes.length).fill(0);
    for (const label of this.labels) {
      if (label !== UNLABELLED) counts[label] = (counts[label] as number) + 1;
    }
    return counts;
  }

  /** What is known of the images at `indices`. @throws ArgumentError when an index names no image */
  protected labelsAt(indices: ArrayLike<number>, name: string): Labelled {
    const labels = new Int32Array(indices.length);
    const names: string[] = [];
    const groups: string[] | undefined = this.groups && [];
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] as number;
      this.checkIndex(index);
      labels[i] = this.labels[index] as number;
      names.push(this.names[index] as string);
      groups?.push(this.groups?.[index] as string);
    }
    return { name, classes: this.classes, labels, names, groups };
  }

  protected checkIndex(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.size) {
      throw new ArgumentError(`${this.name}: there is no image ${index}; it has ${this.size}, counted from 0`);
    }
  }
}

/** What an {@link ImageSet} is made of. */
export interface ImageSetParts extends Labelled {
  /** The one size of all images, or `[N, 2]`: the width and height of each. */
  readonly sizes: Size | Uint32Array;
  /** RGB, rows from the top, one image after the other without gaps. Not copied: whoever writes to it changes the set. */
  readonly pixels: Uint8Array;
  /** `[N]`: where in `pixels` each image begins; absent where they follow each other in order. */
  readonly offsets?: Float64Array;
}

/** Decoded images with their labels, in memory (which may be a mapped file). */
export class ImageSet extends LabelledSet {
  readonly kind = "pixels";
  readonly pixels: Uint8Array;
  readonly #sizes: Size | Uint32Array;
  readonly #offsets: Float64Array;

  /**
   * @throws ShapeError when the lengths of pixels, labels and names disagree
   * @throws ArgumentError when a size is not positive, a class appears twice or a label names no class
   */
  constructor(parts: ImageSetParts) {
    super(parts);
    const { name, sizes, pixels } = parts;
    const count = this.size;
    if (sizes instanceof Uint32Array && sizes.length !== 2 * count) {
      throw new ShapeError(`${name}: ${count} labels but ${sizes.length / 2} sizes`);
    }
    const offsets = parts.offsets ?? new Float64Array(count);
    let end = 0;
    for (let i = 0; i < count; i++) {
      const { width, height } = sizeAt(sizes, i);
      if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
        throw new ArgumentError(`${name}: an image of ${width}x${height} pixels is impossible`);
      }
      if (!parts.offsets) offsets[i] = end;
      end += width * height * 3;
      if (parts.offsets && (offsets[i] as number) + width * height * 3 > pixels.length) {
        throw new ShapeError(`${name}: image ${i} lies beyond the ${pixels.length} bytes of pixels`);
      }
    }
    if (!parts.offsets && end !== pixels.length) {
      throw new ShapeError(`${name}: ${count} RGB images of their sizes are ${end} bytes, not ${pixels.length}`);
    }
    this.pixels = pixels;
    this.#sizes = sizes;
    this.#offsets = offsets;
  }

  /** The size of every image, where they have one. */
  get uniformSize(): Size | undefined {
    if (!(this.#sizes instanceof Uint32Array)) return this.#sizes;
    const [width, height] = this.#sizes;
    if (width === undefined || height === undefined) return undefined;
    return this.#sizes.every((side, i) => side === (i % 2 === 0 ? width : height)) ? { width, height } : undefined;
  }

  /**
   * Image `index`; its pixels are a view, not a copy.
   *
   * @throws ArgumentError when there is no such image
   */
  image(index: number): Image {
    this.checkIndex(index);
    const { width, height } = sizeAt(this.#sizes, index);
    const offset = this.#offsets[index] as number;
    return { width, height, pixels: this.pixels.subarray(offset, offset + width * height * 3) };
  }

  /**
   * The images at `indices`, in that order; an index may repeat. The pixels are shared, not copied.
   *
   * @throws ArgumentError when an index names no image
   */
  subset(indices: ArrayLike<number>, name = this.name): ImageSet {
    const labelled = this.labelsAt(indices, name);
    const sizes = this.#sizes;
    const offsets = Float64Array.from(indices, (index) => this.#offsets[index] as number);
    if (!(sizes instanceof Uint32Array)) return new ImageSet({ ...labelled, sizes, offsets, pixels: this.pixels });
    const own = new Uint32Array(2 * indices.length);
    for (let i = 0; i < indices.length; i++)
      own.set(sizes.subarray(2 * (indices[i] ?? 0), 2 * (indices[i] ?? 0) + 2), 2 * i);
    return new ImageSet({ ...labelled, sizes: own, offsets, pixels: this.pixels });
  }
}

/** Labelled image files, decoded whenever they are asked for. */
export class FileSet extends LabelledSet {
  readonly kind = "files";
  /** `[N]` */
  readonly paths: readonly string[];

  /** @throws as {@link ImageSet} */
  constructor(parts: Labelled & { readonly paths: readonly string[] }) {
    super(parts);
    if (parts.paths.length !== this.size) {
      throw new ShapeError(`${parts.name}: ${this.size} labels but ${parts.paths.length} paths`);
    }
    this.paths = parts.paths;
  }

  /** Where image `index` lies. @throws ArgumentError when there is no such image */
  pathOf(index: number): string {
    this.checkIndex(index);
    return this.paths[index] as string;
  }

  /** As {@link ImageSet.subset}. */
  subset(indices: ArrayLike<number>, name = this.name): FileSet {
    return new FileSet({
      ...this.labelsAt(indices, name),
      paths: Array.from(indices, (index) => this.paths[index] as string),
    });
  }
}

/** Images with labels, in memory or in files. */
export type Dataset = ImageSet | FileSet;

function sizeAt(sizes: Size | Uint32Array, index: number): Size {
  if (!(sizes instanceof Uint32Array)) return sizes;
  return { width: sizes[2 * index] ?? 0, height: sizes[2 * index + 1] ?? 0 };
}
