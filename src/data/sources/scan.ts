import { type Dirent, existsSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { extname, join, sep } from "node:path";
import { FileError, messageOf } from "../../errors.js";
import { IMAGE_EXTENSIONS } from "../decode.js";
import type { Problems } from "./opened.js";

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
 * are no images by their extension, are passed over; links are followed, but never to a folder that was seen already or
 * that they lie in. Nothing is decoded.
 *
 * @param under a folder below `root`, or "" for `root` itself; paths are relative to `root`
 * @throws FileError when the folder is absent, has no class folders, or a class has no image; and for the first link to
 *   nowhere, unreadable folder, or pipe named as an image, unless `problems` collects them
 */
export function scanClassFolders(root: string, under: string, problems: Problems): ClassFolders {
  const base = join(root, under);
  const layout = "Expected train/ and validation/ with one folder per class, or one folder per class.";
  const classes: string[] = [];
  for (const { name, kind, fault } of entriesOf(base)) {
    if (kind === "folder") classes.push(name);
    else if (kind === "broken" && extname(name) === "") {
      problems.add(under ? `${under}/${name}` : name, fault, join(base, name));
    }
  }
  if (classes.length === 0) throw new FileError(base, "has no class folders", { hint: layout });
  const files: LabelledFile[] = [];
  for (const [label, name] of classes.entries()) {
    const before = problems.list.length;
    const paths = imagesBelow(root, under ? `${under}/${name}` : name, problems);
    if (paths.length === 0) {
      const first = problems.list[before];
      const why = first ? `: ${first.path} ${first.reason}` : ` (${IMAGE_EXTENSIONS.join(", ")})`;
      throw new FileError(join(base, name), `holds no images${why}`, { hint: layout });
    }
    for (const path of paths) files.push({ path, label });
  }
  return { classes, files };
}

/** The paths of the images below `root/under`, relative to `root`, sorted by code unit. */
export function imagesBelow(root: string, under: string, problems: Problems): string[] {
  const found: string[] = [];
  const visited = new Set<string>();
  const start = realpathSync(join(root, under));
  const walk = (folder: string): void => {
    const path = (name: string): string => (folder ? `${folder}/${name}` : name);
    let entries: Entry[];
    try {
      const place = realpathSync(join(root, folder));
      // Whatever it is linked from: its images were found, or those of other classes lie below it.
      if (visited.has(place) || start.startsWith(place.endsWith(sep) ? place : place + sep)) return;
      visited.add(place);
      entries = entriesOf(join(root, folder));
    } catch (error) {
      problems.add(folder, reasonOf(error, join(root, folder)), join(root, folder));
      return;
    }
    for (const { name, kind, fault } of entries) {
      const isImage = IMAGE_EXTENSIONS.includes(extname(name).toLowerCase());
      if (kind === "folder" && !isImage) walk(path(name));
      else if (kind === "folder") problems.add(path(name), "is a folder, not an image file", join(root, path(name)));
      else if (kind === "file" && isImage) found.push(path(name));
      // Without an extension it could have been a folder of images.
      else if (fault && (isImage || (kind === "broken" && extname(name) === ""))) {
        problems.add(path(name), fault, join(root, path(name)));
      }
    }
  };
  walk(under);
  return found.sort();
}

interface Entry {
  readonly name: string;
  readonly kind: "folder" | "file" | "special" | "broken";
  /** What is wrong with it, where it is neither a folder nor a file. */
  readonly fault: string;
}

/** What is in a folder, sorted by code unit, without hidden names. Links are what they lead to. @throws FileError */
function entriesOf(folder: string): Entry[] {
  let found: Dirent[];
  try {
    found = readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw new FileError(folder, unreadableFolder(cause), { cause });
  }
  return found
    .filter(({ name }) => !name.startsWith("."))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) => {
      const { name } = entry;
      // In place of bytes that are no UTF-8, by which the file cannot be named.
      if (name.includes("\ufffd") && !existsSync(join(folder, name)) && !entry.isSymbolicLink()) {
        return { name, kind: "broken", fault: "has a name that is not UTF-8: rename it" };
      }
      if (!entry.isSymbolicLink()) return entryOf(name, entry);
      try {
        return entryOf(name, statSync(join(folder, name)));
      } catch (error) {
        return { name, kind: "broken", fault: linkFault(error) };
      }
    });
}

function entryOf(name: string, what: Dirent | Stats): Entry {
  if (what.isDirectory()) return { name, kind: "folder", fault: "" };
  if (what.isFile()) return { name, kind: "file", fault: "" };
  return { name, kind: "special", fault: notRegular(what) };
}

/** What something is that is neither a file nor a folder. Opening a pipe would wait for ever. */
export function notRegular(what: Dirent | Stats): string {
  if (what.isFIFO()) return "is a pipe, not an image file";
  return `is a ${what.isSocket() ? "socket" : "device"}, not an image file`;
}

function linkFault(error: unknown): string {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR") return "is a link to nowhere";
  if (code === "ELOOP") return "is a link that leads back to itself";
  return `is a link that cannot be followed (${systemText(error)})`;
}

function unreadableFolder(cause: unknown): string {
  const code = codeOf(cause);
  if (code === "ENOENT") return "there is no such folder";
  if (code === "EACCES") return "may not be read (permission denied)";
  return `cannot be read as a folder (${systemText(cause)})`;
}

/** The system's words without the call and the path. */
function systemText(error: unknown): string {
  return messageOf(error).replace(/, \w+ '.*$/s, "");
}

/** The reason without the path in front, which an error of ours has. */
function reasonOf(error: unknown, path: string): string {
  return error instanceof FileError ? error.message.slice(path.length + 2) : unreadableFolder(error);
}

/** The system's code of an error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Whether `path` is a folder or a link to one. */
export function isFolder(path: string): boolean {
  return kindAt(path)?.isDirectory() ?? false;
}

/** Whether `path` is a regular file or a link to one. */
export function isFile(path: string): boolean {
  return kindAt(path)?.isFile() ?? false;
}

function kindAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    // Links in a circle, folders that may not be entered: whoever reads it says so.
    return undefined;
  }
}
