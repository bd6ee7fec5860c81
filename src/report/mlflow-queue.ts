import { setTimeout as sleep } from "node:timers/promises";
import { MlflowError, type MlflowMetric, mostMetrics } from "./mlflow.js";

/** Milliseconds from one request to the next: what is measured meanwhile goes together. */
const pauseBetween = 1000;
/** After a failure the pause doubles, up to a minute. */
const longestPause = 60_000;
/** While the end of the training waits. */
const pauseAtEnd = 500;

/**
 * Metrics on their way to a server: sent in the background, in order, and again where the server did not take them.
 * Training neither waits for it nor hears of it.
 */
export class MetricQueue {
  readonly #send: (metrics: readonly MlflowMetric[], signal: AbortSignal) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting: MlflowMetric[] = [];
  readonly #hurry = new AbortController();
  readonly #stop = new AbortController();
  #work: Promise<void> | undefined;
  #refused = 0;

  /** @param onFailure is told of every try that failed */
  constructor(
    send: (metrics: readonly MlflowMetric[], signal: AbortSignal) => Promise<void>,
    onFailure: (error: unknown) => void,
  ) {
    this.#send = send;
    this.#onFailure = onFailure;
  }

  add(metrics: readonly MlflowMetric[]): void {
    this.#waiting.push(...metrics);
    if (metrics.length > 0) this.#work ??= this.#sendAll();
  }

  /** Waits until all is sent, but not longer than this. Nothing may be added afterwards. @returns how many were lost */
  async finish(milliseconds: number): Promise<number> {
    this.#hurry.abort();
    const end = setTimeout(() => this.#stop.abort(), milliseconds);
    await this.#work;
    clearTimeout(end);
    return this.#refused + this.#waiting.length;
  }

  async #sendAll(): Promise<void> {
    let pause = pauseBetween;
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      const batch = this.#waiting.slice(0, mostMetrics);
      try {
        await this.#send(batch, this.#stop.signal);
        this.#waiting.splice(0, batch.length);
        pause = pauseBetween;
        if (this.#hurry.signal.aborted) continue;
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        this.#onFailure(error);
        pause = Math.min(2 * pause, longestPause);
        if (!(error instanceof MlflowError && error.transient)) {
          this.#waiting.splice(0, batch.length);
          this.#refused += batch.length;
        }
      }
      await this.#rest(pause);
    }
    this.#work = undefined;
  }

  async #rest(milliseconds: number): Promise<void> {
    const hurry = this.#hurry.signal.aborted;
    const signal = hurry ? this.#stop.signal : this.#hurry.signal;
    // A program that ends without `finish` is not held up.
    await sleep(hurry ? pauseAtEnd : milliseconds, undefined, { signal, ref: hurry }).catch(() => undefined);
  }
}
