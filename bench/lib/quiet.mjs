import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { median } from "./figures.mjs";

const LEARNING = 25;
const REPEATS = 3;
/** Calibrations that the best one is sought among: a virtual machine may become faster or slower for good, and not only for a while. */
const MEMORY = 60;
/** Milliseconds between two looks at the machine. */
const PAUSE = 100;
/** Milliseconds of samples in vain after which the least disturbed one has to do: some take a minute each. */
const ENOUGH = 15_000;

/**
 * Takes samples while nobody else uses the machine. A fixed piece of work, on as many threads as the contenders have, is timed before
 * and after each: where it takes longer than at its best of late, others were at work, and the sample is taken again.
 */
export class QuietMachine {
  #workers;
  #recent = [];
  #tolerance;
  #retries;
  #patience;

  /**
   * @param options.threads cores to watch
   * @param options.tolerance part of the best time by which the fixed work may be slower; 0.1 is 10 %
   * @param options.retries how often a sample is taken anew before the least disturbed one has to do
   * @param options.patience milliseconds to wait for the machine before a sample; default 4,000
   */
  static async watch(options) {
    const machine = new QuietMachine(options);
    // The first ones also compile the work.
    for (let i = 0; i < LEARNING; i++) await machine.#calibrate();
    return machine;
  }

  constructor({ threads, tolerance, retries, patience = 4000 }) {
    this.#patience = patience;
    this.#tolerance = tolerance;
    this.#retries = retries;
    const url = new URL("./calibration-worker.mjs", import.meta.url);
    this.#workers = Array.from({ length: threads }, () => new Worker(url));
  }

  /**
   * @param run takes one sample
   * @returns `value`, what `run` gave; `noise`, by what part the fixed work was slower than at its best of late, the worse of before and after;
   *   `discarded`, how many samples were taken in vain; `noisy`, whether the noise is over the tolerance all the same
   */
  async sample(run) {
    let kept;
    const start = performance.now();
    for (let discarded = 0; ; discarded++) {
      const before = await this.#wait();
      const value = await run();
      const noise = Math.max(before, await this.#calibrate()) / this.#best - 1;
      if (kept === undefined || noise < kept.noise) kept = { value, noise };
      const noisy = kept.noise > this.#tolerance;
      const enough = discarded >= this.#retries || performance.now() - start > ENOUGH;
      if (!noisy || enough) return { ...kept, discarded, noisy };
    }
  }

  async close() {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  get #best() {
    return Math.min(...this.#recent);
  }

  /** The fixed work's time as soon as it is near its best, or when patience ends. */
  async #wait() {
    const end = performance.now() + this.#patience;
    for (;;) {
      const time = await this.#calibrate();
      if (time <= this.#best * (1 + this.#tolerance) || performance.now() > end) return time;
      await sleep(PAUSE);
    }
  }

  /** Milliseconds of the fixed work on all threads at once: of the slowest thread, the median of some repeats. */
  async #calibrate() {
    const times = [];
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const answers = this.#workers.map((worker) => {
        worker.postMessage("work");
        return once(worker, "message");
      });
      times.push(Math.max(...(await Promise.all(answers)).map(([milliseconds]) => milliseconds)));
    }
    const time = median(times);
    this.#recent = [...this.#recent, time].slice(-MEMORY);
    return time;
  }
}
