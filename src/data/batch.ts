import { FileError, messageOf } from "../errors.js";
import { decodeImage } from "./decode.js";
import { type Dataset, type Image, type Size, UNLABELLED } from "./image-set.js";
import { type BatchJob, type FailedSample, type NativePool, nativeImages } from "./native.js";
import {
  type DrawnMix,
  drawMix,
  drawOps,
  encodeOps,
  type Mix,
  mixTargets,
  type Transform,
} from "./transforms/index.js";

/** Some images, ready for a network. The arrays are the receiver's own, unless it gives them back (`Loader.recycle`). */
export interface Batch {
  /** In its epoch, from 0. */
  readonly number: number;
  readonly images: Float32Array;
  /** `[N, C, H, W]`, or `[N, H, W, C]` where the layout is `"nhwc"`; C is the loader's `channels`. */
  readonly shape: readonly [number, number, number, number];
  /** `[N]` */
  readonly labels: BigInt64Array;
  /** `[N, K]`, how much of each class is in each image; only of a batch that was mixed. */
  readonly targets?: Float32Array;
  /** `[N]`, where in the set each image stands. */
  readonly indices: Uint32Array;
}

/** An image that was left out, and why. */
export interface SkippedImage {
  readonly path: string;
  readonly reason: string;
}

/** What a batch is made of, before anything is decoded. */
export interface BatchPlan {
  /** In its epoch, from 0. */
  readonly number: number;
  /** The images of the whole batch. */
  readonly indices: Uint32Array;
  /** How often each was taken before in this epoch; absent: none was. */
  readonly occurrences?: Uint32Array;
  /** The part that is made: `[from, to)`. */
  readonly from: number;
  readonly to: number;
}

/** As many as libuv has threads. */
const FOREIGN_AT_ONCE = 4;

interface MakerOptions {
  readonly transforms: readonly Transform[];
  readonly mix?: Mix;
  readonly seed: number;
  readonly epoch: number;
  readonly size: Size;
  readonly layout: "nchw" | "nhwc";
  readonly channels: 3 | 1;
  readonly onUnreadable: "stop" | "skip";
  readonly onSkip?: (image: SkippedImage) => void;
  /** Undefined: images are made on this thread. */
  readonly pool: NativePool | undefined;
  readonly memory: BatchMemory;
}

/** Memory of batches that was given back: new memory costs more time than many an image. */
export class BatchMemory {
  readonly #most: number;
  readonly #free: Float32Array[] = [];

  /** @param most how many arrays are kept */
  constructor(most: number) {
    this.#most = most;
  }

  /** An array with anything in it. */
  take(length: number): Float32Array {
    const at = this.#free.findIndex((array) => array.length === length);
    const [free] = at < 0 ? [] : this.#free.splice(at, 1);
    return free ?? new Float32Array(length);
  }

  give({ buffer }: Float32Array): void {
    if (!(buffer instanceof ArrayBuffer) || this.#free.some((array) => array.buffer === buffer)) return;
    this.#free.push(new Float32Array(buffer));
    // Images of another size may be asked for meanwhile.
    if (this.#free.length > this.#most) this.#free.shift();
  }
}

/** A batch whose images are there. */
interface Made {
  readonly job: BatchJob;
  /** Where in the batch each sample stands; one more than `count` where the first one's partner is another rank's. */
  readonly places: Uint32Array;
  readonly count: number;
  readonly drawn: DrawnMix | undefined;
  readonly standIns: Uint32Array;
}

/** Makes the batches of one epoch: draws what happens to each image, and has the addon do it. */
export class BatchMaker {
  readonly #set: Dataset;
  readonly #options: MakerOptions;

  constructor(set: Dataset, options: MakerOptions) {
    this.#set = set;
    this.#options = options;
  }

  /** Undefined where none of the images could be read. */
  async make(plan: BatchPlan): Promise<Batch | undefined> {
    const { mix, seed, epoch, size } = this.#options;
    const { indices, from, to } = plan;
    const drawn = mix && drawMix(mix, [seed, epoch, plan.number], size);
    // The first image is mixed with the one before it in the batch, which may be another rank's.
    const count = to - from;
    const extraPartner = drawn !== undefined && count < indices.length;
    const places = Uint32Array.from({ length: count + (extraPartner ? 1 : 0) }, (_, i) =>
      i < count ? from + i : (from + indices.length - 1) % indices.length,
    );
    const job = this.#job(plan, places);
    const failed = await this.#run(job, places, plan);
    const made: Made = { job, places, count, drawn, standIns: standInsOf(failed, count, places.length) };
    if (drawn) await this.#mix(made, drawn, extraPartner);
    return this.#finish(made, plan, failed);
  }

  #job(plan: BatchPlan, places: Uint32Array): BatchJob {
    const { transforms, seed, epoch, size, channels } = this.#options;
    // One channel alone is the first plane, whatever the layout is called.
    const layout = channels === 1 ? "nchw" : this.#options.layout;
    const sources: (string | Uint8Array)[] = [];
    const sizes = new Uint32Array(2 * places.length);
    const program: number[] = [];
    const starts = new Uint32Array(places.length + 1);
    for (const [i, place] of places.entries()) {
      const index = plan.indices[place] as number;
      if (this.#set.kind === "files") sources.push(this.#set.paths[index] as string);
      else {
        const { width, height, pixels } = this.#set.image(index);
        sources.push(pixels);
        sizes[2 * i] = width;
        sizes[2 * i + 1] = height;
      }
      encodeOps(drawOps(transforms, [seed, epoch, index, plan.occurrences?.[place] ?? 0]), program);
      starts[i + 1] = program.length;
    }
    const output = this.#options.memory.take(places.length * 3 * size.width * size.height);
    return { sources, sizes, program: Float64Array.from(program), starts, output, ...size, layout };
  }

  /** @returns which samples there are not, where unreadable images are skipped */
  async #run(job: BatchJob, places: Uint32Array, plan: BatchPlan): Promise<ReadonlySet<number>> {
    const { onUnreadable, onSkip } = this.#options;
    const failures: FailedSample[] = [];
    const rest = [...(await this.#execute(job))];
    // Photographs that sharp decodes are large in memory: a few at once.
    while (rest.length > 0) {
      const tried = rest
        .splice(0, FOREIGN_AT_ONCE)
        .map((failure) => (failure.foreign ? this.#runForeign(job, failure.sample) : failure));
      failures.push(...(await Promise.all(tried)).filter((failure) => failure !== undefined));
    }
    const [first] = failures.sort((a, b) => a.sample - b.sample);
    if (first === undefined) return new Set();
    const indexOf = ({ sample }: FailedSample): number => plan.indices[places[sample] as number] as number;
    if (onUnreadable === "stop") {
      const index = indexOf(first);
      throw new FileError(this.#pathOf(index), first.reason);
    }
    const count = plan.to - plan.from;
    for (const failure of failures) {
      // An extra partner is told of by the rank whose image it is.
      if (failure.sample < count)
        onSkip?.({ path: this.#set.names[indexOf(failure)] as string, reason: failure.reason });
    }
    return new Set(failures.map(({ sample }) => sample));
  }

  /** An image of a rarer format: decoded apart, then as one that is in memory. */
  async #runForeign(job: BatchJob, sample: number): Promise<FailedSample | undefined> {
    let image: Image;
    try {
      image = await decodeImage(job.sources[sample] as string | Uint8Array);
    } catch (error) {
      return { sample, foreign: false, reason: messageOf(error) };
    }
    const values = job.output.length / job.sources.length;
    const [begin, end] = [job.starts[sample] as number, job.starts[sample + 1] as number];
    const [failure] = await this.#execute({
      ...job,
      sources: [image.pixels],
      sizes: Uint32Array.of(image.width, image.height),
      program: job.program.slice(begin, end),
      starts: Uint32Array.of(0, end - begin),
      output: job.output.subarray(sample * values, (sample + 1) * values),
    });
    return failure && { ...failure, sample };
  }

  async #execute(job: BatchJob): Promise<readonly FailedSample[]> {
    const { pool } = this.#options;
    return pool === undefined ? nativeImages().runNow(job) : nativeImages().run(pool, job);
  }

  async #mix({ job, count, standIns }: Made, drawn: DrawnMix, extraPartner: boolean): Promise<void> {
    const { pool, size } = this.#options;
    const values = job.output.length / job.sources.length;
    for (const [sample, standIn] of standIns.entries()) {
      if (standIn !== sample) job.output.copyWithin(sample * values, standIn * values, (standIn + 1) * values);
    }
    const mixed = { values: job.output, count, extraPartner, ...size, layout: job.layout, mix: encodeMix(drawn) };
    if (pool === undefined) nativeImages().mixNow(mixed);
    else await nativeImages().mix(pool, mixed);
  }

  #finish(made: Made, plan: BatchPlan, failed: ReadonlySet<number>): Batch | undefined {
    const { job, places, count } = made;
    const { channels, layout, size } = this.#options;
    const { width, height } = size;
    const stride = 3 * width * height;
    const values = channels * width * height;
    const kept = Array.from({ length: count }, (_, i) => i).filter((sample) => !failed.has(sample));
    const n = kept.length;
    if (n === 0) return undefined;
    let images = job.output;
    if (n * values < images.length) {
      for (const [to, sample] of kept.entries()) {
        const [from, goal] = [sample * stride, to * values];
        if (goal !== from) images.copyWithin(goal, from, from + values);
      }
      images = images.subarray(0, n * values);
    }
    const indices = Uint32Array.from(kept, (sample) => plan.indices[places[sample] as number] as number);
    return {
      number: plan.number,
      images,
      shape: layout === "nchw" ? [n, channels, height, width] : [n, height, width, channels],
      labels: BigInt64Array.from(indices, (index) => BigInt(this.#set.labels[index] ?? UNLABELLED)),
      targets: made.drawn && this.#targets(made, made.drawn, plan, kept),
      indices,
    };
  }

  #targets({ places, count, standIns }: Made, { lambda }: DrawnMix, plan: BatchPlan, kept: number[]): Float32Array {
    const classes = this.#set.classes.length;
    const labels = Int32Array.from(
      standIns,
      (sample) => this.#set.labels[plan.indices[places[sample] as number] as number] as number,
    );
    const targets = mixTargets(labels.subarray(0, count), classes, lambda, labels[labels.length - 1]);
    const rows = new Float32Array(kept.length * classes);
    for (const [to, sample] of kept.entries()) {
      rows.set(targets.subarray(sample * classes, (sample + 1) * classes), to * classes);
    }
    return rows;
  }

  #pathOf(index: number): string {
    return this.#set.kind === "files" ? (this.#set.paths[index] as string) : (this.#set.names[index] as string);
  }
}

/**
 * For each sample, which one is in its place when the batch is mixed: itself, or where it could not be read the next one
 * that could. So an image whose partner there is not is mixed with itself, however the batch is divided among ranks.
 */
function standInsOf(failed: ReadonlySet<number>, count: number, samples: number): Uint32Array {
  const standIns = Uint32Array.from({ length: samples }, (_, i) => i);
  for (let sample = samples - 1; sample >= 0; sample--) {
    if (!failed.has(sample)) continue;
    // After the last one, and after the extra partner, comes the first.
    let next = sample >= count - 1 ? 0 : sample + 1;
    while (failed.has(next) && next < count - 1) next++;
    standIns[sample] = next;
  }
  return standIns;
}

function encodeMix(drawn: DrawnMix): Float64Array {
  if (drawn.kind === "mixup") return Float64Array.of(0, drawn.lambda);
  const { x, y, width, height } = drawn.box;
  return Float64Array.of(1, x, y, width, height);
}
