import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { FoveaError, messageOf } from "../errors.js";

/** A pool of threads; an object of the addon. */
export interface NativePool {
  readonly __nativePool: never;
}

/** The samples of one batch. Its arrays must not change until it is done. */
export interface BatchJob {
  /** Of each sample, the path of its file, or its RGB pixels `[H, W, 3]`. */
  readonly sources: readonly (string | Uint8Array)[];
  /** `[N, 2]`: width and height of those given as pixels. */
  readonly sizes: Uint32Array;
  /** The programs of all samples, one after the other (see `transforms/encode.ts`). */
  readonly program: Float64Array;
  /** `[N + 1]`: where each one begins. */
  readonly starts: Uint32Array;
  /** `[N, 3, H, W]` or `[N, H, W, 3]`. */
  readonly output: Float32Array;
  readonly width: number;
  readonly height: number;
  readonly layout: "nchw" | "nhwc";
}

/** A sample whose image could not be had, and why. */
export interface FailedSample {
  readonly sample: number;
  /** The file is there, but neither PNG nor JPEG: another decoder may know it. */
  readonly foreign: boolean;
  readonly reason: string;
}

/**
 * Mixing the finished samples of a batch, in place. The partner of sample i is i - 1; that of the first is the last one
 * of `count`, or the sample that follows these in `values` where `extraPartner` says so.
 */
export interface MixJob {
  /** As {@link BatchJob.output}. */
  readonly values: Float32Array;
  readonly count: number;
  readonly extraPartner: boolean;
  readonly width: number;
  readonly height: number;
  readonly layout: "nchw" | "nhwc";
  /** Mixup `[0, lambda]`: `lambda * own + (1 - lambda) * partner`. CutMix `[1, x, y, width, height]`: the box is the partner's. */
  readonly mix: Float64Array;
}

/** What the header of an image says. */
export interface ImageHeader {
  readonly format: "png" | "jpeg";
  /** Upright: with the EXIF orientation applied. */
  readonly width: number;
  readonly height: number;
}

/** RGB pixels, `[H, W, 3]`. */
export interface NativeImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/**
 * The exports of the images addon (`native/images/`), which needs no libtorch. They throw a `TypeError` for arguments that
 * do not fit, an `Error` with the code `"FILE"` for a file that cannot be read, and an `Error` for an image that cannot
 * be decoded; the messages are what follows the name of the image.
 */
export interface NativeImages {
  /** @param workers threads, from 1 to 1024. An idle pool keeps no process alive, a forgotten one is collected */
  createPool(workers: number): NativePool;
  /** Ends its threads; jobs that have not begun are dropped, and their promises are rejected. */
  closePool(pool: NativePool): void;
  run(pool: NativePool, job: BatchJob): Promise<readonly FailedSample[]>;
  /** On this thread, while it waits. */
  runNow(job: BatchJob): readonly FailedSample[];
  mix(pool: NativePool, job: MixJob): Promise<void>;
  mixNow(job: MixJob): void;
  /** Undefined when the bytes are neither PNG nor JPEG. Rejects when they are damaged. On libuv's threads. */
  decode(source: string | Uint8Array): Promise<NativeImage | undefined>;
  /** Undefined when it is neither PNG nor JPEG. @throws when it cannot be read or the header is damaged */
  header(source: string | Uint8Array): ImageHeader | undefined;
  /** Runs a program without normalisation on pixels. */
  transform(image: NativeImage, program: Float64Array): NativeImage;
  /** A file as read-only memory. Writing to it ends the process, as does reading it after the file was made shorter. */
  map(path: string): Uint8Array;
  /** Of the libraries that decode. */
  versions(): { readonly jpeg: string; readonly png: string };
}

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const hint = "Run `npm run setup` in the package's folder; it builds the addon.";
const recordSchema = z.object({ images: z.string() });

/** Where the set-up noted that it built the addon. */
function addonPath(): string {
  const record = join(root, "build/engine.json");
  try {
    const path = existsSync(record) && recordSchema.safeParse(JSON.parse(readFileSync(record, "utf8"))).data?.images;
    if (path) return join(root, path);
  } catch (cause) {
    throw new FoveaError("IMAGES_MISSING", `${record} cannot be read (${messageOf(cause)}).`, { hint, cause });
  }
  throw new FoveaError("IMAGES_MISSING", "The addon that reads images is not built.", { hint });
}

function load(): NativeImages {
  const path = addonPath();
  try {
    return createRequire(import.meta.url)(path);
  } catch (cause) {
    const message = `The addon that reads images does not load: ${path} (${messageOf(cause)}).`;
    throw new FoveaError("IMAGES_MISSING", message, { hint, cause });
  }
}

let loaded: NativeImages | undefined;

/**
 * The images addon, loaded on first use.
 *
 * @throws FoveaError with the code IMAGES_MISSING when it is not built or does not load
 */
export function nativeImages(): NativeImages {
  loaded ??= load();
  return loaded;
}
