import { readFile } from "node:fs/promises";
import { FileError, messageOf } from "../errors.js";
import type { Preprocessing } from "../preprocessing.js";
import { decodeImage, type Image, type Size } from "./decode.js";
import { resizeRgb } from "./resize.js";

/**
 * An image as a network's published weights want it, bit for bit what torchvision's `ImageClassification` gives for a PIL
 * image: the shorter side resized (antialiased), the middle cut out, black where the image is smaller, then normalised.
 *
 * @returns `[3, crop, crop]`
 */
export function preprocessImage(image: Image, preprocessing: Preprocessing): Float32Array {
  const { resize, crop, interpolation, mean, std } = preprocessing;
  const size = resizedSize(image, resize);
  const pixels = resizeRgb(image.pixels, image, size, interpolation);
  const rows = centre(size.height, crop);
  const columns = centre(size.width, crop);
  const plane = crop * crop;
  const out = new Float32Array(3 * plane);
  for (let c = 0; c < 3; c++) {
    const values = channelTable(mean[c] ?? 0, std[c] ?? 1);
    out.fill(values[0] ?? 0, c * plane, (c + 1) * plane);
    for (let y = 0; y < rows.count; y++) {
      let from = ((rows.from + y) * size.width + columns.from) * 3 + c;
      let to = c * plane + (rows.to + y) * crop + columns.to;
      for (let x = 0; x < columns.count; x++, from += 3, to++) out[to] = values[pixels[from] ?? 0] ?? 0;
    }
  }
  return out;
}

/**
 * Reads an image file and prepares it; see {@link preprocessImage}.
 *
 * @throws FileError naming the file, when it cannot be read or is damaged
 */
export async function readPreprocessed(path: string, preprocessing: Preprocessing): Promise<Float32Array> {
  try {
    return preprocessImage(await decodeImage(await readFile(path)), preprocessing);
  } catch (cause) {
    throw new FileError(path, `is not a readable image (${messageOf(cause).trim().replaceAll("\n", "; ")})`, { cause });
  }
}

/** The longer side is rounded down, as torchvision rounds. */
function resizedSize({ width, height }: Size, shorter: number): Size {
  return width <= height
    ? { width: shorter, height: Math.trunc((shorter * height) / width) }
    : { width: Math.trunc((shorter * width) / height), height: shorter };
}

/** Which part of a side of `length` pixels comes where in one of `crop`. */
function centre(length: number, crop: number): { from: number; to: number; count: number } {
  if (length < crop) return { from: 0, to: Math.floor((crop - length) / 2), count: length };
  return { from: halfToEven(length - crop), to: 0, count: crop };
}

/** Half of a whole number, rounded as Python's `round` does. */
function halfToEven(value: number): number {
  const half = Math.floor(value / 2);
  return value % 2 === 1 && half % 2 === 1 ? half + 1 : half;
}

/** What each of the 256 values becomes, rounded to float32 after each step, as PyTorch computes. */
function channelTable(mean: number, std: number): Float32Array {
  const { fround } = Math;
  return Float32Array.from({ length: 256 }, (_, v) => fround(fround(v / 255) - fround(mean)) / fround(std));
}
