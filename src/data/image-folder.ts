import { basename, join, resolve } from "node:path";
import { FileError } from "../errors.js";
import { ImageSet, UNLABELLED } from "./image-set.js";
import { type ReadOptions, readImages, type SkippedImage } from "./read-images.js";
import { expandPaths, isFolder, type LabelledFile, scanClassFolders, validationFolderIn } from "./scan.js";
import { stratifiedSplit } from "./split.js";

/** How {@link loadImageFolder} reads and divides a folder. */
export interface FolderOptions extends ReadOptions {
  /** Of each class, how much is held out when the folder has no validation part, in (0, 1). Default 0.2. */
  readonly validationFraction?: number;
  /** Decides which images are held out. Default 0. */
  readonly seed?: number;
}

/** A folder of images, in memory. */
export interface LoadedFolder {
  readonly train: ImageSet;
  readonly validation: ImageSet;
  /** Images left out as unreadable; `path` is relative to the folder. */
  readonly skipped: readonly SkippedImage[];
}

/**
 * Loads a folder of images for training. Two layouts are known:
 *
 * - `train/CLASS/…` and `validation/CLASS/…` (or `val/`), with the same classes in both;
 * - `CLASS/…` only: a stratified part is held out, the same for the same `seed` (see {@link stratifiedSplit}).
 *
 * Classes are the folders' names in order of code units. PNG, JPEG, WebP and TIFF are read (see {@link decodeImage}).
 *
 * @throws FileError when the folder is absent or laid out otherwise, a class is empty, the classes of both parts
 * differ, or an image cannot be read and `onUnreadable` is `"stop"`
 */
export async function loadImageFolder(root: string, options: FolderOptions = {}): Promise<LoadedFolder> {
  const { classes, train, validation } = divide(root, options);
  const files = [...train, ...validation];
  const read = await readImages(
    files.map((file) => join(root, file.path)),
    options,
  );
  const name = basename(resolve(root));
  const all = setOf(name, classes, files, read);
  const boundary = read.indices.filter((index) => index < train.length).length;
  const cut = boundary * read.width * read.height * 3;
  const part = (suffix: string, from: number, to: number, pixels: Uint8Array): ImageSet => {
    const { width, height } = read;
    const labels = all.labels.slice(from, to);
    const set = new ImageSet({
      name: `${name}/${suffix}`,
      classes,
      width,
      height,
      pixels,
      labels,
      names: all.names.slice(from, to),
    });
    return requireEveryClass(set, root);
  };
  return {
    train: part("train", 0, boundary, all.pixels.subarray(0, cut)),
    validation: part("validation", boundary, all.size, all.pixels.subarray(cut)),
    skipped: relativeTo(root, read.skipped),
  };
}

/**
 * Loads labelled images for evaluation: a folder per class, or a folder with such a `validation/` (or `val/`) inside.
 *
 * @param classes those of the network, in its order; the folder must have exactly these. Undefined where the network does
 *   not tell: the folder's, in alphabetical order
 * @throws FileError as {@link loadImageFolder}, and when the classes differ
 */
export async function loadLabelledFolder(
  root: string,
  classes: readonly string[] | undefined,
  options: ReadOptions = {},
): Promise<{ readonly images: ImageSet; readonly skipped: readonly SkippedImage[] }> {
  const under = isFolder(root) ? (validationFolderIn(root) ?? "") : "";
  const found = scanClassFolders(root, under);
  const wanted = classes ?? found.classes;
  requireSameClasses(join(root, under), found.classes, wanted, "the network");
  const order = found.classes.map((name) => wanted.indexOf(name));
  const files = found.files.map(({ path, label }) => ({ path, label: order[label] as number }));
  const read = await readImages(
    files.map((file) => join(root, file.path)),
    options,
  );
  const images = setOf(basename(resolve(root)), wanted, files, read);
  if (images.size === 0) throw new FileError(root, "holds no readable image");
  return { images, skipped: relativeTo(root, read.skipped) };
}

/**
 * Loads images whose classes are not known, for prediction, in the order of `paths`; a folder stands for the images
 * below it, sorted. The names are the paths as given, the labels {@link UNLABELLED}, the classes none.
 *
 * @throws FileError when a path is absent or an image cannot be read and `onUnreadable` is `"stop"`
 */
export async function loadImages(
  paths: readonly string[],
  options: ReadOptions = {},
): Promise<{ readonly images: ImageSet; readonly skipped: readonly SkippedImage[] }> {
  const files = expandPaths(paths).map((path) => ({ path, label: UNLABELLED }));
  const read = await readImages(
    files.map((file) => file.path),
    options,
  );
  return { images: setOf("images", [], files, read), skipped: read.skipped };
}

function divide(
  root: string,
  { validationFraction = 0.2, seed = 0 }: FolderOptions,
): { classes: readonly string[]; train: readonly LabelledFile[]; validation: readonly LabelledFile[] } {
  if (!isFolder(root)) throw new FileError(root, "there is no such folder");
  const held = validationFolderIn(root);
  const hasTrain = isFolder(join(root, "train"));
  if (hasTrain && held) {
    const train = scanClassFolders(root, "train");
    const validation = scanClassFolders(root, held);
    requireSameClasses(join(root, held), validation.classes, train.classes, "train/");
    return { classes: train.classes, train: train.files, validation: validation.files };
  }
  if (hasTrain || held) {
    const [has, lacks] = hasTrain ? ["train", "validation"] : [held, "train"];
    throw new FileError(root, `has ${has}/ but no ${lacks}/`, {
      hint: `Add ${lacks}/, or name ${join(root, `${has}`)} itself to have a part of it held out.`,
    });
  }
  const { classes, files } = scanClassFolders(root);
  return { classes, ...stratifiedSplit(files, classes, validationFraction, seed) };
}

function requireSameClasses(folder: string, found: readonly string[], wanted: readonly string[], whose: string): void {
  const missing = wanted.filter((name) => !found.includes(name));
  const unexpected = found.filter((name) => !wanted.includes(name));
  if (missing.length === 0 && unexpected.length === 0) return;
  const parts = [
    missing.length ? `lacks ${missing.join(", ")}` : "",
    unexpected.length ? `has ${unexpected.join(", ")} besides` : "",
  ];
  throw new FileError(folder, `its classes are not those of ${whose}: it ${parts.filter(Boolean).join(" and ")}`, {
    hint: `There must be one folder for each of ${wanted.join(", ")}, and no other.`,
  });
}

function requireEveryClass(set: ImageSet, root: string): ImageSet {
  const empty = set.classes.filter((_, label) => set.classCounts()[label] === 0);
  if (empty.length === 0) return set;
  throw new FileError(root, `no image of ${empty.join(", ")} in ${set.name} could be read`);
}

function setOf(
  name: string,
  classes: readonly string[],
  files: readonly LabelledFile[],
  read: Awaited<ReturnType<typeof readImages>>,
): ImageSet {
  const { width, height, pixels } = read;
  const kept = read.indices.map((index) => files[index] as LabelledFile);
  const labels = Int32Array.from(kept, (file) => file.label);
  return new ImageSet({ name, classes, width, height, pixels, labels, names: kept.map((file) => file.path) });
}

function relativeTo(root: string, skipped: readonly SkippedImage[]): SkippedImage[] {
  const start = join(root, "x").length - 1;
  return skipped.map(({ path, reason }) => ({ path: path.slice(start), reason }));
}
