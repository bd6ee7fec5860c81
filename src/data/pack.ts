import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { cacheFolder } from "../download/index.js";
import { FileError, messageOf } from "../errors.js";
import type { SkippedImage } from "./batch.js";
import { decodeImage } from "./decode.js";
import { type Dataset, type FileSet, type Image, ImageSet } from "./image-set.js";
import { nativeImages } from "./native.js";
import { openPack, type Pack, type PackedImage, PackWriter, readPackIndex } from "./pack-file.js";

export interface PackOptions {
  /** Where packs are kept. Default: `images` in the cache folder. */
  readonly folder?: string;
  /** Whether an image that cannot be read ends the packing, or is left out and listed. Default `"stop"`. */
  readonly onUnreadable?: "stop" | "skip";
  /** Called as images are decoded. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A set in memory, and what is not in it. */
export interface PackedSet {
  readonly images: ImageSet;
  /** `path` is the image's name in the set. */
  readonly skipped: readonly SkippedImage[];
}

/**
 * Decodes a set of files once, into one file in the cache that is mapped into memory from then on.
 *
 * A pack belongs to the list of paths. It serves as long as each file is what it was: the same size and times, or else the
 * same bytes (SHA-256); otherwise, and when it is damaged, it is made anew. It comes into its place whole, so two
 * processes that make it at once do not disturb each other. The images keep their own sizes. Making one deletes those that
 * were not used for 30 days.
 *
 * @throws FileError naming the first image that cannot be read, unless they are skipped; or when the pack cannot be written
 */
export async function packDataset(set: FileSet, options: PackOptions = {}): Promise<PackedSet> {
  const { onUnreadable = "stop" } = options;
  const path = packPath(set, options);
  const standing = standingPack(path, set.paths);
  if (standing) markUsed(path);
  const pack = standing ?? (await build(path, set, options));
  const kept: number[] = [];
  const offsets = new Float64Array(pack.images.length);
  const sizes = new Uint32Array(2 * pack.images.length);
  const skipped: SkippedImage[] = [];
  let offset = 0;
  for (const [i, { width, height, reason }] of pack.images.entries()) {
    if (reason !== undefined) {
      if (onUnreadable === "stop") throw new FileError(set.paths[i] as string, reason);
      skipped.push({ path: set.names[i] as string, reason });
      continue;
    }
    offsets[kept.length] = offset;
    sizes.set([width, height], 2 * kept.length);
    offset += width * height * 3;
    kept.push(i);
  }
  const { name, classes, labels, names, groups } = set.subset(kept);
  const images = new ImageSet({
    ...{ name, classes, labels, names, groups },
    sizes: sizes.subarray(0, 2 * kept.length),
    offsets: offsets.subarray(0, kept.length),
    pixels: pack.pixels,
  });
  return { images, skipped };
}

/** Sets that decoded take more are not packed. */
const MOST_BYTES = 2 ** 30;

/**
 * A set in memory where it is small: files of less than 1 GiB when decoded are packed; others stay files, to be decoded
 * whenever they are needed, as they do where the cache cannot be written.
 *
 * @throws FileError naming the first image that cannot be read, unless they are skipped
 */
export async function packWhereSmall(
  set: Dataset,
  options: PackOptions = {},
): Promise<{ readonly images: Dataset; readonly skipped: readonly SkippedImage[] }> {
  if (set.kind === "pixels" || set.size === 0) return { images: set, skipped: [] };
  if ((estimateDecodedBytes(set) ?? Number.POSITIVE_INFINITY) > MOST_BYTES) return { images: set, skipped: [] };
  try {
    return await packDataset(set, options);
  } catch (error) {
    if (!(error instanceof FileError && error.path === packPath(set, options))) throw error;
    process.emitWarning(`${error.message}; images are decoded anew in every epoch`, "CacheWarning");
    return { images: set, skipped: [] };
  }
}

/**
 * About how many bytes the decoded images of a set take, from the headers of some of them; undefined when none of these
 * tells its size.
 */
export function estimateDecodedBytes(set: FileSet): number | undefined {
  const step = Math.max(1, Math.floor(set.size / 256));
  let bytes = 0;
  let count = 0;
  for (let i = 0; i < set.size; i += step) {
    try {
      const header = nativeImages().header(set.paths[i] as string);
      if (header === undefined) continue;
      bytes += header.width * header.height * 3;
      count++;
    } catch {
      // Damaged images are told of when they are decoded.
    }
  }
  return count > 0 ? (bytes / count) * set.size : undefined;
}

function packPath(set: FileSet, { folder = join(cacheFolder(), "images") }: PackOptions): string {
  const key = createHash("sha256");
  for (const path of set.paths) key.update(resolve(path)).update("\0");
  return join(folder, `${key.digest("hex").slice(0, 32)}.pack`);
}

/** The pack at a path, if it is of these files as they are now. */
function standingPack(path: string, paths: readonly string[]): Pack | undefined {
  const index = readPackIndex(path);
  if (index?.length !== paths.length) return undefined;
  const isCurrent = index.every(({ stamp, hash }, i) => {
    const source = paths[i] as string;
    return stampOf(source) === stamp || (hash !== "" && hashOf(source) === hash);
  });
  return isCurrent ? openPack(path) : undefined;
}

async function build(path: string, set: FileSet, options: PackOptions): Promise<Pack> {
  const { onUnreadable = "stop", onProgress } = options;
  const writer = new PackWriter(path);
  try {
    // As many at once as keep the decoding threads busy; written in order.
    const ahead: Promise<Decoded>[] = [];
    const most = 4 * availableParallelism() + 4;
    let next = 0;
    for (let done = 0; done < set.size; ) {
      while (next < set.size && ahead.length < most) ahead.push(decode(set.paths[next++] as string));
      const decoded = await ahead.shift();
      if (decoded === undefined) break;
      const { packed, pixels } = decoded;
      if (packed.reason !== undefined && onUnreadable === "stop") {
        throw new FileError(set.paths[done] as string, packed.reason);
      }
      writer.add(packed, pixels);
      onProgress?.(++done, set.size);
    }
    writer.commit();
    discardUnused(dirname(path));
  } finally {
    writer.discard();
  }
  const pack = openPack(path);
  // Another process may have put its own there, of files that changed meanwhile.
  if (pack?.images.length !== set.size)
    throw new FileError(path, "was changed while it was made", { hint: "Try again." });
  return pack;
}

/** Packs that nobody has used for so long are deleted when another one is made. */
const KEPT_MS = 30 * 24 * 3600 * 1000;

/** A pack's date is that of its last use. */
function markUsed(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // A cache that may only be read serves as well.
  }
}

function discardUnused(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".pack")) continue;
    const path = join(folder, name);
    const used = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (used !== undefined && Date.now() - used > KEPT_MS) rmSync(path, { force: true });
  }
}

interface Decoded {
  readonly packed: PackedImage;
  readonly pixels: Uint8Array;
}

async function decode(path: string): Promise<Decoded> {
  // Before it is read: what changes it afterwards is noticed.
  const stamp = stampOf(path);
  let hash = "";
  try {
    const bytes = readSource(path);
    hash = createHash("sha256").update(bytes).digest("hex");
    const { width, height, pixels }: Image = await decodeImage(bytes);
    return { packed: { stamp, hash, width, height }, pixels };
  } catch (error) {
    const reason = error instanceof FileError ? error.message.slice(path.length + 2) : messageOf(error);
    return { packed: { stamp, hash, width: 0, height: 0, reason }, pixels: new Uint8Array(0) };
  }
}

/** @throws FileError when it is no file: reading a pipe would wait for ever */
function readSource(path: string): Uint8Array {
  if (!statSync(path).isFile()) throw new FileError(path, "is not a file");
  return readFileSync(path);
}

/** Size and times of a file; "absent" where there is none. */
function stampOf(path: string): string {
  try {
    const { size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return "absent";
  }
}

function hashOf(path: string): string | undefined {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch {
    return undefined;
  }
}
