import type { Parameter } from "../nn/index.js";
import { ops } from "../tensor/torch/index.js";
import { requireBetas } from "./check.js";
import { Optimizer, type OptimizerOptions, type Update } from "./optimizer.js";

export interface LionOptions extends Partial<OptimizerOptions> {
  /** Default 1e-4: a third to a tenth of AdamW's suits. */
  learningRate?: number;
  /** The mean's weight in the step, and its own decay; default [0.9, 0.99]. */
  betas?: readonly [number, number];
  /** Decoupled, as AdamW's: three to ten times as much suits; default 0. */
  weightDecay?: number;
}

/** Lion (Chen et al. 2023, arXiv 2302.06675, algorithm 2): every weight moves by the learning rate, whatever its gradient. */
export class Lion extends Optimizer {
  readonly betas: readonly [number, number];

  constructor(parameters: Iterable<[string, Parameter]>, options: LionOptions = {}) {
    super(parameters, {
      ...options,
      learningRate: options.learningRate ?? 1e-4,
      weightDecay: options.weightDecay ?? 0,
    });
    this.betas = options.betas ?? [0.9, 0.99];
    requireBetas(this.betas);
  }

  protected override update(update: Update): void {
    const { values, gradients, learningRate, weightDecay } = update;
    ops["fovea::lion_"](values, gradients, this.slots("mean", update), learningRate, ...this.betas, weightDecay);
  }
}
