import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { FileError } from "../errors.js";
import { imageOf } from "./image-of.js";
import { type Dataset, type Image, UNLABELLED } from "./image-set.js";
import { SimilarPictures } from "./similar.js";
import type { OpenedData } from "./sources/opened.js";

export const PARTS = ["train", "validation", "test"] as const;

/** The parts that images are divided into. */
export type PartName = (typeof PARTS)[number];

/** An image of the data. */
export interface CheckedImage {
  readonly part: PartName;
  readonly name: string;
  /** Null where it is not known. */
  readonly class: string | null;
}

/** How an image shows the picture of an earlier one. Nearly the same: rescaled, recompressed, slightly cropped or redrawn. */
export type Likeness = "first" | "same pixels" | "nearly the same" | "turned or flipped";

/** Images that show one picture. */
export interface SamePicture {
  /** Whether they are in more than one part: a network would be tested on what it has learned by heart. */
  readonly leaks: boolean;
  /** Whether they have different classes. */
  readonly contradicts: boolean;
  /** In order of parts; the first is what the others are like. */
  readonly images: readonly (CheckedImage & { readonly likeness: Likeness })[];
}

/** What is wrong with data, or may be. */
export interface CheckReport {
  /** How many images each part has, read or not. */
  readonly images: Readonly<Partial<Record<PartName, number>>>;
  /** What the source left out, of no part, comes first. */
  readonly unreadable: readonly { readonly part: PartName | null; readonly name: string; readonly reason: string }[];
  readonly samePictures: readonly SamePicture[];
  /** Groups, such as patients, with images in more than one part, and how many. */
  readonly divided: readonly { readonly group: string; readonly images: Readonly<Partial<Record<PartName, number>>> }[];
  /** In sentences: classes that a part lacks or has too few images of. */
  readonly classes: readonly string[];
  /** Images of a single colour. */
  readonly flat: readonly CheckedImage[];
  /** Images with a side of fewer than 8 pixels. */
  readonly tiny: readonly (CheckedImage & { readonly width: number; readonly height: number })[];
}

/** What is checked. */
export interface CheckOptions {
  /** Find pictures again that are turned by quarters or flipped. Default false. */
  readonly transformed?: boolean;
  /** Called as images are read. */
  readonly onProgress?: (done: number, total: number) => void;
}

const leastSide = 8;
/** Classes may differ so much in their numbers of images. */
const mostImbalance = 10;
const digestBytes = 16;

/**
 * Reads every image of a divided set in full, and looks for what harms training or makes its figures too good: images that
 * cannot be read, the same picture or the same group in two parts, one picture under two classes, classes that are
 * missing or rare, images that show nothing.
 *
 * Of each image some 100 bytes are kept (see {@link SimilarPictures}); the pixels of a few are in memory at a time.
 */
export async function checkDataset(data: OpenedData, options: CheckOptions = {}): Promise<CheckReport> {
  const sets = PARTS.flatMap((part) => (data[part] ? [{ part, set: data[part] }] : []));
  const places = sets.flatMap(({ part, set }) =>
    Array.from({ length: set.size }, (_, index) => ({ part, set, index })),
  );
  const reader = new Reader(places, options);
  await reader.readAll();
  return {
    images: Object.fromEntries(sets.map(({ part, set }) => [part, set.size])),
    unreadable: [
      ...data.problems.map(({ path, reason }) => ({ part: null, name: path, reason })),
      ...reader.unreadable(),
    ],
    samePictures: reader.samePictures(),
    divided: dividedGroups(sets),
    classes: classProblems(sets),
    flat: reader.flat(),
    tiny: reader.tiny(),
  };
}

interface Place {
  readonly part: PartName;
  readonly set: Dataset;
  readonly index: number;
}

/** Reads images, and keeps of each what tells it from others. */
class Reader {
  readonly #places: readonly Place[];
  readonly #options: CheckOptions;
  readonly #similar: SimilarPictures;
  readonly #digests: Buffer;
  readonly #reasons = new Map<number, string>();
  readonly #flat = new Set<number>();
  readonly #tiny = new Map<number, { width: number; height: number }>();

  constructor(places: readonly Place[], options: CheckOptions) {
    this.#places = places;
    this.#options = options;
    this.#similar = new SimilarPictures(places.length, options);
    this.#digests = Buffer.alloc(places.length * digestBytes);
  }

  async readAll(): Promise<void> {
    const total = this.#places.length;
    let next = 0;
    let done = 0;
    const worker = async (): Promise<void> => {
      while (next < total) {
        await this.#read(next++);
        this.#options.onProgress?.(++done, total);
        // Images in memory come without waiting: others, such as a Ctrl-C, shall have their turn.
        if (done % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() + 1 }, worker));
  }

  async #read(index: number): Promise<void> {
    const { set, index: own } = this.#places[index] as Place;
    let image: Image;
    try {
      image = await imageOf(set, own);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      // The image is named beside it.
      this.#reasons.set(index, error.message.slice(error.path.length + 2));
      return;
    }
    const { width, height, pixels } = image;
    if (Math.min(width, height) < leastSide) this.#tiny.set(index, { width, height });
    if (isFlat(pixels)) {
      this.#flat.add(index);
      return;
    }
    const digest = createHash("sha256").update(`${width}x${height}\n`).update(pixels).digest();
    digest.copy(this.#digests, index * digestBytes, 0, digestBytes);
    this.#similar.add(index, image);
  }

  unreadable(): CheckReport["unreadable"] {
    return sorted(this.#reasons).map(([index, reason]) => {
      const { part, name } = this.#image(index);
      return { part, name, reason };
    });
  }

  flat(): CheckReport["flat"] {
    return [...this.#flat].sort((a, b) => a - b).map((index) => this.#image(index));
  }

  tiny(): CheckReport["tiny"] {
    return sorted(this.#tiny).map(([index, size]) => ({ ...this.#image(index), ...size }));
  }

  /** Groups of images that are the same or similar, each image in at most one. */
  samePictures(): SamePicture[] {
    const count = this.#places.length;
    // Each image points to an earlier one of its group, the first to itself.
    const parent = Int32Array.from({ length: count }, (_, i) => i);
    const root = (index: number): number => {
      let at = index;
      while (parent[at] !== at) {
        parent[at] = parent[parent[at] as number] as number;
        at = parent[at] as number;
      }
      return at;
    };
    const join = (a: number, b: number): void => {
      const [low, high] = [Math.min(root(a), root(b)), Math.max(root(a), root(b))];
      parent[high] = low;
    };
    const firstWith = new Map<string, number>();
    const isCopy = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      if (this.#reasons.has(i) || this.#flat.has(i)) continue;
      const digest = this.#digests.toString("latin1", i * digestBytes, (i + 1) * digestBytes);
      const first = firstWith.get(digest);
      if (first === undefined) firstWith.set(digest, i);
      else {
        isCopy[i] = 1;
        join(first, i);
      }
    }
    // Of copies of the same pixels the first stands for all.
    this.#similar.pairs(join, { consider: (i) => isCopy[i] === 0, decided: (a, b) => root(a) === root(b) });

    const groups = new Map<number, number[]>();
    for (let i = 0; i < count; i++) {
      const first = root(i);
      if (first === i) continue;
      const members = groups.get(first);
      if (members) members.push(i);
      else groups.set(first, [first, i]);
    }
    return sorted(groups).map(([, members]) => this.#group(members, isCopy));
  }

  #group(members: readonly number[], isCopy: Uint8Array): SamePicture {
    const images = members.map((index, place) => ({
      ...this.#image(index),
      likeness: place === 0 ? ("first" as const) : this.#likeness(members.slice(0, place), index, isCopy),
    }));
    return {
      leaks: new Set(images.map(({ part }) => part)).size > 1,
      contradicts: new Set(images.flatMap((image) => image.class ?? [])).size > 1,
      images,
    };
  }

  #likeness(earlier: readonly number[], index: number, isCopy: Uint8Array): Likeness {
    if (isCopy[index] === 1) return "same pixels";
    if (!this.#options.transformed) return "nearly the same";
    // Not every one is like the first; some are like one that is.
    for (const other of earlier) {
      const orientation = this.#similar.relation(index, other);
      if (orientation !== undefined) return orientation === 0 ? "nearly the same" : "turned or flipped";
    }
    return "nearly the same";
  }

  #image(index: number): CheckedImage {
    const { part, set, index: own } = this.#places[index] as Place;
    const label = set.labels[own] ?? UNLABELLED;
    return { part, name: set.names[own] ?? "", class: set.classes[label] ?? null };
  }
}

/** Whether all pixels are of one colour. */
function isFlat(pixels: Uint8Array): boolean {
  for (let i = 3; i < pixels.length; i++) if (pixels[i] !== pixels[i - 3]) return false;
  return true;
}

function sorted<T>(byIndex: ReadonlyMap<number, T>): [number, T][] {
  return [...byIndex].sort(([a], [b]) => a - b);
}

function dividedGroups(sets: readonly { part: PartName; set: Dataset }[]): CheckReport["divided"] {
  const counts = new Map<string, Partial<Record<PartName, number>>>();
  for (const { part, set } of sets) {
    for (const group of set.groups ?? []) {
      const of = counts.get(group) ?? {};
      of[part] = (of[part] ?? 0) + 1;
      counts.set(group, of);
    }
  }
  return [...counts]
    .filter(([, images]) => Object.keys(images).length > 1)
    .map(([group, images]) => ({ group, images }));
}

function classProblems(sets: readonly { part: PartName; set: Dataset }[]): string[] {
  const problems: string[] = [];
  for (const { part, set } of sets) {
    const counts = set.classCounts();
    const named = set.classes.map((name, label) => ({ name, count: counts[label] ?? 0 }));
    for (const { name, count } of named) {
      if (count === 0) problems.push(`${part} has no image of ${name}`);
      else if (count === 1) problems.push(`${part} has a single image of ${name}`);
    }
    const [least] = named.filter(({ count }) => count > 0).sort((a, b) => a.count - b.count);
    const [most] = [...named].sort((a, b) => b.count - a.count);
    if (least && most && most.count > mostImbalance * least.count) {
      const times = (most.count / least.count).toFixed(0);
      problems.push(
        `${part} has ${times} times as many images of ${most.name} (${most.count}) as of ${least.name} (${least.count})`,
      );
    }
  }
  return problems;
}
