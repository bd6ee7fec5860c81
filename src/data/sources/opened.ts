import { FileError } from "../../errors.js";
import type { Dataset } from "../image-set.js";

/** A file or folder that was left out, and why. */
export interface Problem {
  /** Relative to the folder that was opened, where there is one. */
  readonly path: string;
  readonly reason: string;
}

/** Whether what cannot be read ends the reading, or is left out and listed. */
export type OnUnreadable = "stop" | "skip";

/** Labelled images, divided. No image is in two parts. */
export interface OpenedData<S extends Dataset = Dataset> {
  readonly train: S;
  readonly validation: S;
  /** Where the source has one. */
  readonly test?: S;
  /** What was left out so far. Images are not decoded yet: damaged ones show only then. */
  readonly problems: readonly Problem[];
}

/** Collects what is left out, or stops at the first such thing. */
export class Problems {
  readonly list: Problem[] = [];
  readonly #onUnreadable: OnUnreadable;

  constructor(onUnreadable: OnUnreadable = "stop") {
    this.#onUnreadable = onUnreadable;
  }

  /**
   * @param path to be listed
   * @param whole to be named in the error
   * @throws FileError unless such things are skipped
   */
  add(path: string, reason: string, whole = path): void {
    if (this.#onUnreadable === "stop") {
      throw new FileError(whole, reason, { hint: "Repair or remove it, or skip what is unreadable." });
    }
    this.list.push({ path, reason });
  }
}
