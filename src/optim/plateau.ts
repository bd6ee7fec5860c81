import { requireNotNegative } from "./check.js";
import type { Schedule } from "./schedule.js";

export interface PlateauOptions {
  /** What is good in what is observed: `least` (default) for a loss, `greatest` for an accuracy. */
  best?: "least" | "greatest";
  /** Multiplies the rate; default 0.1. */
  factor?: number;
  /** Epochs without improvement that are let pass; default 10. */
  patience?: number;
  /** What counts as improvement, as a share of the best so far; default 1e-4. */
  threshold?: number;
  /** Epochs after a reduction in which none is counted; default 0. */
  cooldown?: number;
  /** The rate does not fall below; default 0. */
  lowest?: number;
}

/** What a {@link PlateauSchedule} goes on from. */
export interface PlateauState {
  learningRate: number;
  /** The best observed so far; null before the first. */
  best: number | null;
  /** Epochs without improvement. */
  waited: number;
  /** Epochs of the cooldown that are left. */
  cooling: number;
}

/**
 * Reduces the rate when what is observed stops improving, by PyTorch's ReduceLROnPlateau with a relative threshold.
 *
 * @example
 * const plateau = new PlateauSchedule(0.1, { patience: 5 });
 * new Trainer({
 *   schedule: plateau.schedule,
 *   callbacks: [{ onTrainEpochEnd: ({ validation }) => plateau.observe(validation.loss) }],
 *   ...
 * });
 */
export class PlateauSchedule {
  readonly #options: Required<PlateauOptions>;
  #state: PlateauState;

  constructor(learningRate: number, options: PlateauOptions = {}) {
    const { best = "least", factor = 0.1, patience = 10, threshold = 1e-4, cooldown = 0, lowest = 0 } = options;
    requireNotNegative("PlateauSchedule: the factor", factor);
    requireNotNegative("PlateauSchedule: the patience", patience);
    requireNotNegative("PlateauSchedule: the threshold", threshold);
    requireNotNegative("PlateauSchedule: the cooldown", cooldown);
    requireNotNegative("PlateauSchedule: the lowest rate", lowest);
    this.#options = { best, factor, patience, threshold, cooldown, lowest };
    this.#state = { learningRate, best: null, waited: 0, cooling: 0 };
  }

  /** The present rate, whatever the moment. */
  readonly schedule: Schedule = () => this.#state.learningRate;

  /** To be called once an epoch. */
  observe(value: number): void {
    const { factor, patience, cooldown, lowest } = this.#options;
    let { learningRate, best, waited, cooling } = this.#state;
    if (this.#improves(value, best)) {
      best = value;
      waited = 0;
    } else {
      waited++;
    }
    if (cooling > 0) {
      cooling--;
      waited = 0;
    }
    if (waited > patience) {
      const reduced = Math.max(learningRate * factor, lowest);
      // PyTorch leaves changes alone that no weight would feel.
      if (learningRate - reduced > 1e-8) learningRate = reduced;
      cooling = cooldown;
      waited = 0;
    }
    this.#state = { learningRate, best, waited, cooling };
  }

  #improves(value: number, best: number | null): boolean {
    if (best === null) return Number.isFinite(value);
    const { threshold } = this.#options;
    return this.#options.best === "least" ? value < best * (1 - threshold) : value > best * (1 + threshold);
  }

  /** To be kept with a training, so that it can go on. */
  state(): PlateauState {
    return this.#state;
  }

  loadState(state: PlateauState): void {
    this.#state = { ...state };
  }
}
