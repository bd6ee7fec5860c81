import { readdirSync, realpathSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { ArgumentError, FileError, messageOf } from "../errors.js";
import { IMAGE_EXTENSIONS } from "./decode.js";

/** One image file of a class; `path` is relative to the root that was scanned, with `/` on every system. */
export interface LabelledFile {
  readonly path: string;
  readonly label: number;
}

/** A folder of class folders. */
export interface ClassFolders {
  /** Sorted by code unit, so that labels do not depend on the locale. */
  readonly classes: readonly string[];
  /** By class, then by path. */
  readonly files: readonly LabelledFile[];
}

/** The names under which the folder of validation images is looked for. */
const VALIDATION_FOLDERS = ["validation", "val"] as const;

/** The name of the validation folder in `root`, where it has one. */
export function validationFolderIn(root: string): string | undefined {
  const [found, second] = VALIDATION_FOLDERS.filter((name) => isFolder(join(root, name)));
  if (second) throw new FileError(root, `has both ${found}/ and ${second}/`, { hint: "Keep the one that is meant." });
  return found;
}

/**
 * The class folders of `root/under` and every image in them, however deep. Names that begin with a dot, and files that
 * are no images by their extension, are passed over.
 *
 * @param under a folder below `root`, or "" for `root` itself; paths are relative to `root`
 * @throws FileError when the folder is absent, has no class folders, or a class has no image
 */
export function scanClassFolders(root: string, under = ""): ClassFolders {
  const base = join(root, under);
  const layout = "Expected train/ and validation/ with one folder per class, or one folder per class.";
  const classes = namesIn(base).filter((name) => isFolder(join(base, name)));
  if (classes.length === 0) throw new FileError(base, "has no class folders", { hint: layout });
  const files: LabelledFile[] = [];
  for (const [label, name] of classes.entries()) {
    const paths = imagesBelow(base, name);
    if (paths.length === 0) {
      throw new FileError(join(base, name), `holds no images (${IMAGE_EXTENSIONS.join(", ")})`, { hint: layout });
    }
    for (const path of paths) files.push({ path: under ? `${under}/${path}` : path, label });
  }
  return { classes, files };
}

/**
 * The images at `paths`, in that order; a folder stands for the images below it, sorted.
 *
 * @throws FileError when a path is absent or a folder holds no images
 * @throws ArgumentError when there are no paths
 */
export function expandPaths(paths: readonly string[]): string[] {
  if (paths.length === 0) throw new ArgumentError("no images were named");
  return paths.flatMap((path) => {
    if (!isFolder(path)) return [path];
    const found = imagesBelow(path, "");
    if (found.length === 0) throw new FileError(path, `holds no images (${IMAGE_EXTENSIONS.join(", ")})`);
    return found.map((name) => join(path, name));
  });
}

/** The paths of the images below `root/under`, relative to `root`, sorted by code unit. */
function imagesBelow(root: string, under: string): string[] {
  const found: string[] = [];
  const visited = new Set<string>();
  const walk = (folder: string): void => {
    const place = realpathSync(join(root, folder));
    // A link to a folder above would otherwise be followed for ever.
    if (visited.has(place)) return;
    visited.add(place);
    for (const name of namesIn(join(root, folder))) {
      const path = folder ? `${folder}/${name}` : name;
      if (isFolder(join(root, path))) walk(path);
      else if (IMAGE_EXTENSIONS.includes(extname(name).toLowerCase())) found.push(path);
    }
  };
  walk(under);
  return found.sort();
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith("."))
      .sort();
  } catch (cause) {
    const absent = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const reason = absent ? "there is no such folder" : `cannot be read as a folder (${messageOf(cause)})`;
    throw new FileError(folder, reason, { cause });
  }
}

/** Whether `path` is a folder or a link to one. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
