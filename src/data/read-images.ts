import { availableParallelism } from "node:os";
import { ArgumentError, FileError, FoveaError, messageOf } from "../errors.js";
import { readImage, type Size } from "./decode.js";
import type { ResizeKernel } from "./resize.js";

/** How a set of image files is read. */
export interface ReadOptions {
  /** Pixels of a side, or width and height; images are stretched to it. Default 90. */
  readonly size?: number | Size;
  /** Interpolation when resizing. Default `"bicubic"`. */
  readonly kernel?: ResizeKernel;
  /** Whether an unreadable image ends the reading, or is left out and listed. Default `"stop"`. */
  readonly onUnreadable?: "stop" | "skip";
  /** Called as images are done, in steps of at least one. */
  readonly progress?: (done: number, total: number) => void;
}

/** An image that was left out, and why. */
export interface SkippedImage {
  readonly path: string;
  readonly reason: string;
}

/** Pixels of the files that could be read, in the order of the paths. */
export interface ReadImages extends Size {
  /** `[M, H, W, 3]` */
  readonly pixels: Uint8Array;
  /** `[M]`, which of the paths each image is. */
  readonly indices: readonly number[];
  readonly skipped: readonly SkippedImage[];
}

/**
 * Reads and resizes image files, several at a time.
 *
 * @throws FileError naming the first unreadable image, unless they are skipped
 * @throws ArgumentError when the size is out of range or the images do not fit in one array
 */
export async function readImages(paths: readonly string[], options: ReadOptions = {}): Promise<ReadImages> {
  const { width, height } = sizeOf(options.size ?? 90);
  const bytes = width * height * 3;
  const pixels = allocate(paths.length, bytes);
  const reasons = new Map<number, FileError>();
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < paths.length && (options.onUnreadable === "skip" || reasons.size === 0)) {
      const index = next++;
      try {
        pixels.set(await readImage(paths[index] as string, { width, height }, options.kernel), index * bytes);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        reasons.set(index, error);
      }
      options.progress?.(++done, paths.length);
    }
  };
  // Decoding runs on libuv's threads; a few more in the queue than there are cores keep them busy.
  await Promise.all(Array.from({ length: Math.min(16, 2 * availableParallelism() + 2) }, worker));

  // Images are begun in order, so the first in order to fail is the same whatever the timing.
  const failed = [...reasons.keys()].sort((a, b) => a - b);
  const first = reasons.get(failed[0] ?? -1);
  if (first && options.onUnreadable !== "skip") throw first;
  const skipped = failed.map((index) => {
    const path = paths[index] as string;
    return { path, reason: messageOf(reasons.get(index)).slice(path.length + 2) };
  });
  const indices = paths.map((_, i) => i).filter((i) => !reasons.has(i));
  return { width, height, pixels: failed.length ? gather(pixels, indices, bytes) : pixels, indices, skipped };
}

function sizeOf(size: number | Size): Size {
  const { width, height } = typeof size === "number" ? { width: size, height: size } : size;
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < 1 || side > 16384) {
      throw new ArgumentError(`images cannot be resized to ${width}x${height}: sides are whole numbers, 1 to 16384`);
    }
  }
  return { width, height };
}

function allocate(count: number, bytes: number): Uint8Array {
  try {
    return new Uint8Array(count * bytes);
  } catch (cause) {
    const gigabytes = ((count * bytes) / 2 ** 30).toFixed(1);
    throw new FoveaError("MEMORY", `${count} decoded images take ${gigabytes} GiB, more than one array can hold`, {
      hint: "Use a smaller image size or fewer images.",
      cause,
    });
  }
}

function gather(pixels: Uint8Array, indices: readonly number[], bytes: number): Uint8Array {
  const kept = new Uint8Array(indices.length * bytes);
  for (const [to, from] of indices.entries()) kept.set(pixels.subarray(from * bytes, (from + 1) * bytes), to * bytes);
  return kept;
}
