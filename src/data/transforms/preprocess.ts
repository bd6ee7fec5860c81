import { ArgumentError } from "../../errors.js";
import type { ChannelStatistics, Image, Rgb, Size } from "../image-set.js";
import { resizeRgb } from "../resize.js";
import type { Interpolation, PaddingMode } from "./image-op.js";
import { shorterSide } from "./output-size.js";
import { paddingOf, rgbOf, sizeOf } from "./properties.js";
import type { Transform } from "./schema.js";

/** An image as a network takes it. */
export interface Preprocessed extends Size {
  /** `[3, height, width]` */
  readonly values: Float32Array;
}

/**
 * Runs a pipeline in which nothing is random, anywhere JavaScript runs, bit for bit as torchvision does it on a PIL image.
 * Without `normalize` values are in [0, 1].
 *
 * @throws ArgumentError when a transform is one for training
 */
export function preprocess(image: Image, pipeline: readonly Transform[]): Preprocessed {
  let current = image;
  let normalization: ChannelStatistics | undefined;
  for (const [i, transform] of pipeline.entries()) {
    switch (transform.name) {
      case "resize": {
        const { size, interpolation } = transform;
        const target = typeof size === "number" ? shorterSide(current, size) : sizeOf(size);
        current = resize(current, target, interpolation);
        break;
      }
      case "centerCrop":
        current = centerCrop(current, sizeOf(transform.size));
        break;
      case "pad":
        current = pad(current, paddingOf(transform.padding), transform.mode, rgbOf(transform.fill));
        break;
      case "grayscale":
        current = { ...current, pixels: grayscale(current.pixels) };
        break;
      case "normalize":
        normalization = transform;
        break;
      default:
        throw new ArgumentError(
          `transform ${i + 1} (${transform.name}) is for training and cannot prepare an image for a network`,
          "Use resize, centerCrop, pad, grayscale and normalize.",
        );
    }
  }
  return { width: current.width, height: current.height, values: toValues(current, normalization) };
}

function resize(image: Image, to: Size, interpolation: Interpolation): Image {
  const pixels =
    interpolation === "nearest"
      ? gather(image, nearestPlaces(image.width, to.width), nearestPlaces(image.height, to.height))
      : resizeRgb(image.pixels, image, to, interpolation);
  return { ...to, pixels };
}

/** The steps are summed up one by one, as Pillow does, since rounding decides which of two pixels is nearest. */
function nearestPlaces(from: number, to: number): Int32Array {
  const places = new Int32Array(to);
  const step = from / to;
  let place = step / 2;
  for (let i = 0; i < to; i++, place += step) places[i] = Math.min(from - 1, Math.trunc(place));
  return places;
}

function centerCrop(image: Image, { width, height }: Size): Image {
  return { width, height, pixels: gather(image, middle(image.width, width), middle(image.height, height)) };
}

/** Which pixels of a side the middle `crop` of it are; -1 beyond it. */
function middle(length: number, crop: number): Int32Array {
  const before = length < crop ? Math.floor((crop - length) / 2) : -halfToEven(length - crop);
  return Int32Array.from({ length: crop }, (_, i) => (i - before < length ? Math.max(-1, i - before) : -1));
}

/** Half of a whole number, rounded as Python's `round` does. */
function halfToEven(value: number): number {
  const half = Math.floor(value / 2);
  return value % 2 === 1 && half % 2 === 1 ? half + 1 : half;
}

function pad(image: Image, sides: ReturnType<typeof paddingOf>, mode: PaddingMode, fill: Rgb): Image {
  const { left, top, right, bottom } = sides;
  const columns = paddedPlaces(image.width, left, right, mode);
  const rows = paddedPlaces(image.height, top, bottom, mode);
  return { width: columns.length, height: rows.length, pixels: gather(image, columns, rows, fill) };
}

function paddedPlaces(length: number, before: number, after: number, mode: PaddingMode): Int32Array {
  return Int32Array.from({ length: before + length + after }, (_, i) => {
    const place = i - before;
    if (place >= 0 && place < length) return place;
    switch (mode) {
      case "constant":
        return -1;
      case "edge":
        return place < 0 ? 0 : length - 1;
      case "reflect":
        return length === 1 ? 0 : mirrored(place, 2 * (length - 1), length, 0);
      case "symmetric":
        return mirrored(place, 2 * length, length, 1);
      default:
        return mode satisfies never;
    }
  });
}

/** In a row of `period` pixels that comes again and again, the second part is the first one backwards. */
function mirrored(place: number, period: number, length: number, repeated: number): number {
  const within = ((place % period) + period) % period;
  return within < length ? within : period - within - repeated;
}

/** The image made of these columns and rows of another; where one of them is -1, of `fill`. */
function gather(image: Image, columns: Int32Array, rows: Int32Array, fill: Rgb = [0, 0, 0]): Uint8Array {
  const out = new Uint8Array(columns.length * rows.length * 3);
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      if (row < 0 || column < 0) out.set(fill, to);
      else {
        const from = (row * image.width + column) * 3;
        out[to] = image.pixels[from] as number;
        out[to + 1] = image.pixels[from + 1] as number;
        out[to + 2] = image.pixels[from + 2] as number;
      }
      to += 3;
    }
  }
  return out;
}

/** ITU-R 601-2 luma in 16-bit fixed point, as Pillow's `convert("L")`. */
function grayscale(pixels: Uint8Array): Uint8Array {
  const out = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    const [red, green, blue] = [pixels[i] as number, pixels[i + 1] as number, pixels[i + 2] as number];
    out.fill((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16, i, i + 3);
  }
  return out;
}

function toValues({ width, height, pixels }: Image, normalization: ChannelStatistics | undefined): Float32Array {
  const plane = width * height;
  const values = new Float32Array(3 * plane);
  for (let c = 0; c < 3; c++) {
    const table = channelTable(normalization?.mean[c] ?? 0, normalization?.std[c] ?? 1);
    for (let to = c * plane, from = c; from < pixels.length; to++, from += 3) {
      values[to] = table[pixels[from] as number] as number;
    }
  }
  return values;
}

/** What each of the 256 values becomes, rounded to float32 after each step, as PyTorch computes. */
function channelTable(mean: number, std: number): Float32Array {
  const { fround } = Math;
  return Float32Array.from({ length: 256 }, (_, v) => fround(fround(v / 255) - fround(mean)) / fround(std));
}
