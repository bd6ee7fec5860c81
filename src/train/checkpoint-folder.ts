import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FileError, messageOf } from "../errors.js";
import { writeFileAtomic } from "../files.js";

/** Hashes of a checkpoint's files, in the format of `sha256sum`, which can check them. */
const SUMS = "SHA256SUMS";

/**
 * Puts a folder of files into its place, whole or not at all: they are written beside it, reach the disk, are named with their
 * hashes in `SHA256SUMS`, and the folder is renamed. What stood at `path` before becomes `previous`, so that at every moment
 * one of the two is whole.
 *
 * @param files by name: what writes each file to the path that it is given
 * @throws FileError when the disk does not take it; what stood at `path` still stands there
 */
export function writeCheckpointFolder(
  path: string,
  previous: string,
  files: ReadonlyMap<string, (path: string) => void>,
): void {
  const parent = dirname(path);
  const beside = join(parent, `.${basename(path)}.tmp`);
  try {
    // A crash may have left one.
    rmSync(beside, { recursive: true, force: true });
    for (const [name, write] of files) write(join(beside, name));
    const sums = [...files.keys()].map((name) => `${hashOf(join(beside, name))}  ${name}\n`);
    writeFileAtomic(join(beside, SUMS), sums.join(""));
    sync(beside);
    if (existsSync(path)) {
      rmSync(previous, { recursive: true, force: true });
      renameSync(path, previous);
    }
    renameSync(beside, path);
    sync(parent);
  } catch (cause) {
    rmSync(beside, { recursive: true, force: true });
    if (cause instanceof FileError) {
      // The reader looks for the checkpoint, not for the place beside it.
      const name = basename(cause.path);
      throw new FileError(join(path, name), cause.message.replace(`${cause.path}: `, ""), { cause, hint: cause.hint });
    }
    throw new FileError(path, `could not be written (${messageOf(cause)})`, { cause });
  }
}

/** What keeps a folder from being a whole checkpoint; undefined where nothing does. */
export function checkpointDefect(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(join(path, SUMS), "utf8");
  } catch (cause) {
    return `${SUMS} could not be read (${messageOf(cause)})`;
  }
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.length === 0) return `${SUMS} is cut off`;
  const named = new Map<string, string>();
  for (const line of lines) {
    const [, hash, name] = /^([0-9a-f]{64}) {2}([\w.-]+)$/.exec(line) ?? [];
    if (hash === undefined || name === undefined) return `${SUMS} is damaged`;
    named.set(name, hash);
  }
  const other = readdirSync(path).find((name) => name !== SUMS && !named.has(name));
  if (other !== undefined) return `${SUMS} does not name ${other}`;
  for (const [name, hash] of named) {
    try {
      if (hashOf(join(path, name)) !== hash) return `${name} is damaged`;
    } catch (cause) {
      return `${name} could not be read (${messageOf(cause)})`;
    }
  }
  return undefined;
}

function hashOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Renames inside a folder are on the disk once the folder is. */
function sync(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
