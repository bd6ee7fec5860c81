import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FileError, messageOf } from "./errors.js";

/** The system takes less than 2 GiB in one write, and weights may be larger. */
const mostAtOnce = 1 << 30;

/**
 * Writes a file whole or not at all: the bytes go to a new file beside `path`, reach the disk, and are renamed into
 * place. What stood at `path` before survives a full disk, a crash and a Ctrl-C. Missing folders are made.
 *
 * @throws FileError when the folder or the file cannot be written
 */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  const beside = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(beside, "wx");
    try {
      const bytes = typeof content === "string" ? Buffer.from(content) : content;
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, Math.min(bytes.length - at, mostAtOnce));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
  } catch (cause) {
    discard(beside);
    throw new FileError(path, `could not be written (${messageOf(cause)})`, { cause });
  }
}

function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Where not even this works (a file in place of the folder, a name too long), nothing was written.
  }
}
