import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FileError, messageOf } from "../errors.js";

/** Node reads less than 2 GiB at once, and weights go beyond. */
const mostAtOnce = 1 << 30;

/** Bytes that are read by ranges. */
export interface ByteSource {
  /** What to call it in errors. */
  readonly path: string;
  readonly size: number;
  /** So many bytes from a place. @throws FileError when there are fewer */
  read(at: number, length: number): Uint8Array;
}

/** A file that is read by ranges: what is not asked for takes no memory. */
export class FileReader implements ByteSource, Disposable {
  readonly path: string;
  readonly size: number;
  readonly #file: number;

  /** @throws FileError when there is no such file, or it cannot be read */
  constructor(path: string) {
    this.path = path;
    try {
      this.#file = openSync(path, "r");
    } catch (cause) {
      throw unreadable(path, cause);
    }
    try {
      const state = fstatSync(this.#file);
      if (!state.isFile()) throw new FileError(path, "could not be read (it is no regular file)");
      this.size = state.size;
    } catch (cause) {
      closeSync(this.#file);
      throw cause instanceof FileError ? cause : unreadable(path, cause);
    }
  }

  /** So many bytes from a place, in memory of their own. Nothing is allocated when the file has fewer. @throws FileError */
  read(at: number, length: number): Uint8Array<ArrayBuffer> {
    if (at + length > this.size) {
      throw new FileError(this.path, `is cut off: bytes ${at} to ${at + length} are needed, it ends at ${this.size}`);
    }
    try {
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const got = readSync(this.#file, bytes, done, Math.min(mostAtOnce, length - done), at + done);
        if (got === 0) throw new FileError(this.path, "became shorter while it was read");
        done += got;
      }
      return bytes;
    } catch (cause) {
      throw cause instanceof FileError ? cause : unreadable(this.path, cause);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

function unreadable(path: string, cause: unknown): FileError {
  return new FileError(path, `could not be read (${messageOf(cause)})`, { cause });
}
