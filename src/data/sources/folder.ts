import { lstatSync, type Stats, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { ArgumentError, FileError, messageOf } from "../../errors.js";
import { IMAGE_EXTENSIONS } from "../decode.js";
import { FileSet, UNLABELLED } from "../image-set.js";
import { groupsOf, requireApart } from "./groups.js";
import { type OnUnreadable, type OpenedData, type Problem, Problems } from "./opened.js";
import {
  codeOf,
  imagesBelow,
  isFolder,
  type LabelledFile,
  notRegular,
  scanClassFolders,
  validationFolderIn,
} from "./scan.js";
import { holdOut } from "./split.js";

/** How files become a set. */
export interface FileOptions {
  /** How a file's path tells what it belongs together with, such as the patient: see {@link groupsOf}. */
  readonly groupBy?: string;
  /**
   * Whether a link to nowhere, an unreadable folder or a pipe in an image's place ends the reading, or is left out and
   * listed. Default `"stop"`.
   */
  readonly onUnreadable?: OnUnreadable;
}

/** How {@link openImageFolder} finds and divides images. */
export interface FolderOptions extends FileOptions {
  /** Of each class, how much is held out when the folder has no validation part, in (0, 1). Default 0.2. */
  readonly validationFraction?: number;
  /** Decides which images are held out. Default 0. */
  readonly seed?: number;
}

/**
 * Finds the images of a folder for training; none is decoded. Three layouts are known:
 *
 * - `train/CLASS/…` and `validation/CLASS/…` (or `val/`), and perhaps `test/CLASS/…`, with the same classes in all;
 * - `train/CLASS/…` and `test/CLASS/…`: a part of `train/` is held out for validation;
 * - `CLASS/…` only: a part is held out.
 *
 * What is held out is a fraction of every class, the same for the same `seed`, and with `groupBy` whole groups (see
 * {@link holdOut}). Classes are the folders' names in order of code units.
 *
 * @throws FileError when the folder is absent or laid out otherwise, a class is empty, the classes of the parts differ,
 *   `groupBy` finds no group in a path or the same one in two parts, or something cannot be read
 * @throws ArgumentError when a fraction is out of range, or a class too small to be divided
 */
export function openImageFolder(root: string, options: FolderOptions = {}): OpenedData<FileSet> {
  const { validationFraction = 0.2, seed = 0 } = options;
  requireFolder(root);
  const problems = new Problems(options.onUnreadable);
  const title = basename(resolve(root));
  const part = (under: string, name: string, classes?: readonly string[]): FileSet => {
    const found = scanClassFolders(root, under, problems);
    if (classes) requireSameClasses(join(root, under), found.classes, classes, "train/");
    return setOf(root, `${title}/${name}`, found.classes, found.files, options.groupBy);
  };
  const names = { train: `${title}/train`, validation: `${title}/validation` };

  const held = validationFolderIn(root);
  const hasTrain = isFolder(join(root, "train"));
  const hasTest = isFolder(join(root, "test"));
  if (!hasTrain && !held) {
    return { ...holdOut(part("", ""), validationFraction, seed, names), problems: problems.list };
  }
  if (!hasTrain || !(held || hasTest)) {
    const [has, lacks] = hasTrain ? ["train", "validation"] : [held, "train"];
    throw new FileError(root, `has ${has}/ but no ${lacks}/`, {
      hint: `Add ${lacks}/, or name ${join(root, `${has}`)} itself to have a part of it held out.`,
    });
  }
  const given = part("train", "train");
  const validation = held ? part(held, "validation", given.classes) : undefined;
  const test = hasTest ? part("test", "test", given.classes) : undefined;
  const parts = [
    ["train/", given],
    [`${held}/`, validation],
    ["test/", test],
  ] as const;
  requireApart(
    parts.flatMap(([name, set]) => (set ? [[name, set] as const] : [])),
    root,
  );
  const divided = validation ? { train: given, validation } : holdOut(given, validationFraction, seed, names);
  return { ...divided, test, problems: problems.list };
}

/**
 * Finds labelled images for evaluation: a folder per class, or a folder with such a `validation/` (or `val/`) inside.
 *
 * @param classes those of the network, in its order; the folder must have exactly these. Undefined where the network does
 *   not tell: the folder's, in alphabetical order
 * @throws FileError as {@link openImageFolder}, and when the classes differ
 */
export function openLabelledFolder(
  root: string,
  classes: readonly string[] | undefined,
  options: FileOptions = {},
): { readonly images: FileSet; readonly problems: readonly Problem[] } {
  requireFolder(root);
  const problems = new Problems(options.onUnreadable);
  const under = validationFolderIn(root) ?? "";
  const found = scanClassFolders(root, under, problems);
  const wanted = classes ?? found.classes;
  requireSameClasses(join(root, under), found.classes, wanted, "the network");
  const order = found.classes.map((name) => wanted.indexOf(name));
  const files = found.files.map(({ path, label }) => ({ path, label: order[label] as number }));
  return { images: setOf(root, basename(resolve(root)), wanted, files, options.groupBy), problems: problems.list };
}

/**
 * Images whose classes are not known, for prediction, in the order of `paths`; a folder stands for the images below it,
 * sorted. The names are the paths as given, the labels {@link UNLABELLED}, the classes none.
 *
 * @throws FileError when a path is absent or no file, or a folder holds no images
 * @throws ArgumentError when there are no paths
 */
export function openImages(
  paths: readonly string[],
  options: Pick<FileOptions, "onUnreadable"> = {},
): { readonly images: FileSet; readonly problems: readonly Problem[] } {
  if (paths.length === 0) throw new ArgumentError("no images were named");
  const problems = new Problems(options.onUnreadable);
  const files = paths.flatMap((path) => imagesAt(path, problems));
  const labels = new Int32Array(files.length).fill(UNLABELLED);
  return {
    images: new FileSet({ name: "images", classes: [], labels, names: files, paths: files }),
    problems: problems.list,
  };
}

function imagesAt(path: string, problems: Problems): string[] {
  const what = lookAt(path, problems);
  if (what?.isDirectory()) {
    const inside = new Problems("skip");
    const found = imagesBelow(path, "", inside).map((name) => join(path, name));
    for (const problem of inside.list) problems.add(join(path, problem.path), problem.reason);
    if (found.length > 0) return found;
    throw new FileError(path, `holds no images (${IMAGE_EXTENSIONS.join(", ")})`);
  }
  return what ? [path] : [];
}

/** What is at a path that must be a file or a folder; undefined where it is a problem that is skipped. */
export function lookAt(path: string, problems: Problems, listed = path): Stats | undefined {
  let what: Stats;
  try {
    what = statSync(path);
  } catch (cause) {
    problems.add(listed, absence(path, cause), path);
    return undefined;
  }
  if (what.isFile() || what.isDirectory()) return what;
  problems.add(listed, notRegular(what), path);
  return undefined;
}

function absence(path: string, cause: unknown): string {
  const code = codeOf(cause);
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  if (code === "ENOENT") return isLink ? "is a link to nowhere" : "there is no such file";
  if (code === "ELOOP") return "is a link that leads back to itself";
  return `could not be found (${messageOf(cause)})`;
}

function requireFolder(root: string): void {
  try {
    if (statSync(root).isDirectory()) return;
  } catch (cause) {
    const code = codeOf(cause);
    throw new FileError(root, code === "ENOENT" ? "there is no such folder" : `cannot be read (${messageOf(cause)})`, {
      cause,
    });
  }
  throw new FileError(root, "is no folder");
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

function setOf(
  root: string,
  name: string,
  classes: readonly string[],
  files: readonly LabelledFile[],
  groupBy: string | undefined,
): FileSet {
  const names = files.map((file) => file.path);
  return new FileSet({
    name,
    classes,
    labels: Int32Array.from(files, (file) => file.label),
    names,
    paths: names.map((path) => join(root, path)),
    groups: groupBy === undefined ? undefined : groupsOf(names, groupBy, root),
  });
}
