import { z } from "zod";
import type { Callback, FitContext } from "./callback.js";
import { type EpochRecord, goodness, type Metric, scoresOf } from "./epoch.js";
import type { Recipe } from "./recipe.js";

const stateSchema = z.object({
  waited: z.int().min(0),
  best: z.object({ epoch: z.int().min(1), value: z.number() }).optional(),
});

/**
 * Ends a training that does not get better, as Lightning's callback of that name: after an epoch of validation that is
 * the `patience`-th one in a row without improvement, or with patience 0 the first. Improvement is a metric that is
 * better than the best before by more than `minDelta`; what is not a finite number is none. Epochs are judged as
 * {@link scoresOf} says.
 */
export class EarlyStopping implements Callback {
  readonly name = "earlyStopping";
  readonly #metric: Metric;
  readonly #patience: number;
  readonly #minDelta: number;
  #fit: FitContext | undefined;
  /** Epochs since the best one. */
  #waited = 0;
  #best: { epoch: number; value: number } | undefined;

  constructor({ metric, patience, minDelta }: NonNullable<Recipe["earlyStopping"]>) {
    this.#metric = metric;
    this.#patience = patience;
    this.#minDelta = minDelta;
  }

  onFitStart(fit: FitContext): void {
    this.#fit = fit;
  }

  onTrainEpochEnd(record: EpochRecord): void {
    if (this.#improves(record)) {
      this.#best = { epoch: record.epoch, value: goodness(record, this.#metric) };
      this.#waited = 0;
      return;
    }
    this.#waited++;
    if (this.#waited >= this.#patience) this.#fit?.stop(this.#reason());
  }

  state(): unknown {
    return { waited: this.#waited, best: this.#best };
  }

  loadState(state: unknown): void {
    const { waited, best } = stateSchema.parse(state);
    this.#waited = waited;
    this.#best = best;
  }

  #improves(record: EpochRecord): boolean {
    if (!Number.isFinite(scoresOf(record)[this.#metric])) return false;
    return goodness(record, this.#metric) - this.#minDelta > (this.#best?.value ?? Number.NEGATIVE_INFINITY);
  }

  #reason(): string {
    const epochs = this.#waited === 1 ? "1 epoch" : `${this.#waited} epochs`;
    if (!this.#best) return `${this.#metric} was no number for ${epochs}`;
    const value = Math.abs(this.#best.value).toFixed(4);
    return `${this.#metric} has not improved for ${epochs} (best: ${value} in epoch ${this.#best.epoch})`;
  }
}
