import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
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
  const file = new AtomicFile(path);
  try {
    file.write(typeof content === "string" ? Buffer.from(content) : content);
    file.commit();
  } finally {
    file.discard();
  }
}

/**
 * A file that is written piece by piece and, as with {@link writeFileAtomic}, comes into place whole or not at all.
 *
 * @example
 * const file = new AtomicFile(path);
 * try {
 *   for (const piece of pieces) file.write(piece);
 *   file.commit();
 * } finally {
 *   file.discard();
 * }
 */
export class AtomicFile {
  readonly #path: string;
  readonly #beside: string;
  #file: number | undefined;
  #size = 0;

  /** @throws FileError when the folder cannot be made or written to */
  constructor(path: string) {
    this.#path = path;
    this.#beside = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
    try {
      // Absolute: where the working directory is gone, Node 20 would look for it forever.
      mkdirSync(resolve(dirname(path)), { recursive: true });
      this.#file = openSync(this.#beside, "wx");
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Appends; or writes to a place, which may lie beyond the end. @throws FileError when the disk does not take it */
  write(bytes: Uint8Array, position = this.#size): void {
    const file = this.#open();
    try {
      for (let at = 0; at < bytes.length; ) {
        at += writeSync(file, bytes, at, Math.min(bytes.length - at, mostAtOnce), position + at);
      }
    } catch (cause) {
      throw this.#failed(cause);
    }
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  /** Puts the file into its place. @throws FileError when that fails; what stood there is still there */
  commit(): void {
    const file = this.#open();
    try {
      fsyncSync(file);
      this.#close();
      renameSync(this.#beside, this.#path);
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /** Gives up what was not committed; nothing after a commit. */
  discard(): void {
    if (this.#file === undefined) return;
    this.#close();
    discard(this.#beside);
  }

  #open(): number {
    if (this.#file === undefined) throw new FileError(this.#path, "was written already");
    return this.#file;
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #failed(cause: unknown): FileError {
    if (this.#file !== undefined) this.#close();
    discard(this.#beside);
    return new FileError(this.#path, `could not be written (${messageOf(cause)})`, { cause });
  }
}

function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Where not even this works (a file in place of the folder, a name too long), nothing was written.
  }
}
