import type { TorchTensor } from "../tensor/torch/index.js";

/** Sums over the batches of an epoch. */
export interface EpochSums {
  /** Of the batches' mean losses, each times its images. */
  readonly loss: number;
  readonly correct: number;
  readonly images: number;
  /** Wall clock. */
  readonly seconds: number;
}

interface Unread {
  readonly batch: number;
  readonly indices: Uint32Array;
  /** The batch's mean loss. */
  readonly loss: TorchTensor;
  /** How many images were classified correctly. */
  readonly correct: TorchTensor;
}

/**
 * Losses and right predictions of an epoch's batches. A GPU works on while nobody asks: what it has found is read for many
 * batches at once.
 */
export class EpochMeter {
  #loss: number;
  #correct: number;
  #images: number;
  readonly #seconds: number;
  readonly #start = performance.now();
  #newest = Number.NaN;
  #unread: Unread[] = [];
  /** Images of the batches that were not read yet. */
  #waiting = 0;

  /** @param sums of the batches before, where an epoch goes on */
  constructor(sums: EpochSums = { loss: 0, correct: 0, images: 0, seconds: 0 }) {
    this.#loss = sums.loss;
    this.#correct = sums.correct;
    this.#images = sums.images;
    this.#seconds = sums.seconds;
  }

  /** Of the batches that were read. */
  get sums(): EpochSums {
    const seconds = this.#seconds + (performance.now() - this.#start) / 1000;
    return { loss: this.#loss, correct: this.#correct, images: this.#images, seconds };
  }

  /** All images, also of batches that were not read. */
  get images(): number {
    return this.#images + this.#waiting;
  }

  /** Batches that were not read. */
  get unread(): number {
    return this.#unread.length;
  }

  /** The mean loss of the newest batch that was read; NaN before the first. */
  get newest(): number {
    return this.#newest;
  }

  /**
   * @param indices which images of the set these are
   * @param loss a scalar
   * @param correct a scalar
   */
  add(batch: number, indices: Uint32Array, loss: TorchTensor, correct: TorchTensor): void {
    this.#unread.push({ batch, indices, loss: loss.detach().keep(), correct: correct.keep() });
    this.#waiting += indices.length;
  }

  /** Reads what is left. `check` is told each loss, and of which images it is; it ends it by throwing. */
  read(check: (loss: number, batch: number, indices: Uint32Array) => void): void {
    const unread = this.#unread;
    this.#unread = [];
    this.#waiting = 0;
    try {
      for (const { batch, indices, loss, correct } of unread) {
        const value = loss.item();
        check(value, batch, indices);
        this.#loss += value * indices.length;
        this.#correct += correct.item();
        this.#images += indices.length;
        this.#newest = value;
      }
    } finally {
      for (const { loss, correct } of unread) {
        loss.dispose();
        correct.dispose();
      }
    }
  }

  /** Frees what was not read. */
  discard(): void {
    for (const { loss, correct } of this.#unread) {
      loss.dispose();
      correct.dispose();
    }
    this.#unread = [];
  }
}
