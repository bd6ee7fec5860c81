import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { ArgumentError, FileError, messageOf } from "../../errors.js";
import type { Graph } from "../../graph/index.js";
import type { Picture } from "../tiles.js";
import { graphDef } from "./graph-def.js";
import { histogramOf } from "./histogram.js";
import { type HyperParameters, sessionEnd, sessionStart } from "./hyper-parameters.js";
import { summaryImage } from "./png.js";
import { frame } from "./record.js";
import { type Event, encode, type SummaryValue, unlessZero } from "./schema.js";

/** `DT_STRING` of TensorFlow's `types.proto`. */
const stringType = 7;
/** `START` of `SessionLog.SessionStatus` in TensorFlow's `event.proto`. */
const sessionStarts = 1;

/**
 * Writes an event file, which TensorBoard shows: `tensorboard --logdir FOLDER`. A run is a folder; what several files
 * in it hold is shown as one, so a run that goes on later opens a new writer on its folder.
 *
 * Every call writes its event with the present time, and TensorBoard sees it at once. What was written stays whole: an
 * event that the disk does not take is taken back before the error is thrown, and later ones may be written again.
 *
 * Tags name what is shown; slashes group them (`loss/train`). Steps are whole numbers from 0 on: batches or epochs.
 *
 * @example
 * const writer = new EventWriter("runs/first");
 * writer.scalar("loss/train", 0.3, epoch);
 * writer.close();
 */
export class EventWriter {
  /** The file: `events.out.tfevents.<seconds>.<host>.<process>.<number>` in the folder. */
  readonly path: string;
  #file: number | undefined;
  /** Bytes of whole events. */
  #size = 0;

  /**
   * Begins a new file.
   *
   * @param folder the run's; made if missing
   * @param options.purgeStep TensorBoard forgets what the folder's earlier files hold of this step and later ones, as
   *   where a run goes on from before its end. Default: it forgets nothing
   * @throws FileError when the folder cannot be made or written to; ArgumentError when the step is not a whole number
   *   from 0 on
   */
  constructor(folder: string, { purgeStep }: { purgeStep?: number } = {}) {
    if (purgeStep !== undefined) requireStep(purgeStep, "purgeStep");
    const { file, path } = create(folder);
    this.#file = file;
    this.path = path;
    try {
      this.#append({ fileVersion: "brain.Event:2" });
      if (purgeStep !== undefined) {
        this.#append({ step: unlessZero(purgeStep), sessionLog: { status: sessionStarts } });
      }
    } catch (error) {
      closeSync(file);
      this.#file = undefined;
      rmSync(path, { force: true });
      throw error;
    }
  }

  /**
   * A point of a curve, kept as float32. Values that are not finite are shown as such. @throws ArgumentError, FileError
   */
  scalar(tag: string, value: number, step: number): void {
    this.#summary({ tag, simpleValue: value }, step);
  }

  /**
   * An image.
   *
   * @param image RGB pixels, which are written as PNG, or the bytes of a PNG, which are written as they are
   * @throws ArgumentError when the bytes are no PNG or the pixels do not fit their size; FileError
   */
  image(tag: string, image: Picture | Uint8Array, step: number): void {
    this.#summary({ tag, image: summaryImage(image) }, step);
  }

  /**
   * How values are distributed, such as a layer's weights: counted in buckets that grow by a tenth each.
   *
   * @throws ArgumentError without values, or where one is not finite; FileError
   */
  histogram(tag: string, values: ArrayLike<number>, step: number): void {
    this.#summary({ tag, histo: histogramOf(values) }, step);
  }

  /** A text in Markdown. @throws ArgumentError, FileError */
  text(tag: string, markdown: string, step: number): void {
    const tensor = { dtype: stringType, tensorShape: { dim: [{ size: 1 }] }, stringVal: [Buffer.from(markdown)] };
    this.#summary({ tag, metadata: { pluginData: { pluginName: "text" } }, tensor }, step);
  }

  /**
   * What the run was made with and what it came to: a row of the page "HParams". Once a run, at its end.
   *
   * @param metrics written as scalars of step 0, so their tags should be no curve's: `hparam/accuracy`
   * @throws ArgumentError, FileError
   */
  hyperParameters(values: HyperParameters, metrics: Readonly<Record<string, number>>): void {
    this.beginSession(values, Object.keys(metrics));
    this.endSession(metrics);
  }

  /**
   * The same in two parts, so that the row is there while the run goes on. First what it was made with, once a run: of
   * several, TensorBoard shows the first.
   *
   * @param metrics tags of what it will be judged by
   * @throws ArgumentError, FileError
   */
  beginSession(values: HyperParameters, metrics: readonly string[]): void {
    for (const value of sessionStart(values, metrics)) this.#summary(value, 0);
  }

  /** Then that it is over, and what it came to: scalars of step 0. @throws ArgumentError, FileError */
  endSession(metrics: Readonly<Record<string, number>>): void {
    this.#summary(sessionEnd(), 0);
    for (const [tag, value] of Object.entries(metrics)) this.scalar(tag, value, 0);
  }

  /** A network, for the page "Graphs"; the last one of a run is shown. @throws FileError */
  graph(graph: Graph): void {
    this.#append({ graphDef: encode("GraphDef", graphDef(graph)) });
  }

  /** Waits until everything is on the disk, so that not even a power failure loses it. @throws FileError */
  flush(): void {
    try {
      fsyncSync(this.#open());
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /**
   * Flushes and closes the file; nothing when it is closed already. @throws FileError when flushing fails; it is closed
   * then
   */
  close(): void {
    if (this.#file === undefined) return;
    try {
      this.flush();
    } finally {
      closeSync(this.#file);
      this.#file = undefined;
    }
  }

  #summary(value: SummaryValue, step: number): void {
    if (value.tag.trim() === "") throw new ArgumentError("a tag is empty", 'Give it a name, such as "loss/train".');
    requireStep(step, `step of "${value.tag}"`);
    this.#append({ step: unlessZero(step), summary: { value: [value] } });
  }

  #append(event: Omit<Event, "wallTime">): void {
    const file = this.#open();
    const bytes = frame(encode("Event", { wallTime: Date.now() / 1000, ...event }));
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, this.#size + at);
    } catch (cause) {
      this.#takeBack(file);
      throw this.#failed(cause);
    }
    this.#size += bytes.length;
  }

  /** Readers stop at an event that is not whole: what comes after it would be lost. */
  #takeBack(file: number): void {
    try {
      ftruncateSync(file, this.#size);
    } catch {
      // Then the next event overwrites it: writing has a position.
    }
  }

  #open(): number {
    if (this.#file === undefined) throw new FileError(this.path, "was closed; nothing more can be written");
    return this.#file;
  }

  #failed(cause: unknown): FileError {
    if (cause instanceof FileError) return cause;
    return new FileError(this.path, `could not be written (${messageOf(cause)})`, { cause });
  }
}

function requireStep(step: number, what: string): void {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new ArgumentError(`${what}: ${step} is not a whole number from 0 on`);
  }
}

/** A file that was not there; TensorBoard reads those of a folder in the order of their names. */
function create(folder: string): { file: number; path: string } {
  const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, "0");
  const host = hostname().replace(/[^A-Za-z0-9_.-]/g, "_");
  try {
    mkdirSync(resolve(folder), { recursive: true });
  } catch (cause) {
    throw new FileError(folder, `could not be made (${messageOf(cause)})`, { cause });
  }
  for (let number = 0; ; number++) {
    const path = join(folder, `events.out.tfevents.${seconds}.${host}.${process.pid}.${number}`);
    try {
      return { file: openSync(path, "wx"), path };
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") continue;
      throw new FileError(path, `could not be written (${messageOf(cause)})`, { cause });
    }
  }
}
