import type { Parameter } from "../nn/index.js";
import { ops } from "../tensor/torch/index.js";
import { requireBetas, requireNotNegative } from "./check.js";
import { Optimizer, type OptimizerOptions, type Update } from "./optimizer.js";

export interface AdamOptions extends Partial<OptimizerOptions> {
  /** Default 1e-3. */
  learningRate?: number;
  /** Decay of the means of gradients and of their squares; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the root of the mean square; default 1e-8. */
  eps?: number;
  /** L2 penalty, added to the gradient; default 0. */
  weightDecay?: number;
}

/**
 * Adam (Kingma and Ba 2015, arXiv 1412.6980), by PyTorch's formulae. Weight decay passes through the means, which weakens it
 * where gradients are large; {@link AdamW} has it apart.
 */
export class Adam extends Optimizer {
  readonly betas: readonly [number, number];
  readonly eps: number;

  constructor(parameters: Iterable<[string, Parameter]>, options: AdamOptions = {}) {
    super(parameters, {
      ...options,
      learningRate: options.learningRate ?? 1e-3,
      weightDecay: options.weightDecay ?? 0,
    });
    this.betas = options.betas ?? [0.9, 0.999];
    this.eps = options.eps ?? 1e-8;
    requireBetas(this.betas);
    requireNotNegative("eps", this.eps);
  }

  protected override update(update: Update): void {
    this.descend(update, false);
  }

  /** @param decoupled whether weight decay passes by the means */
  protected descend(update: Update, decoupled: boolean): void {
    const { values, gradients, steps, learningRate, weightDecay } = update;
    const [mean, square] = [this.slots("mean", update), this.slots("square", update)];
    const options = [learningRate, ...this.betas, this.eps, weightDecay, decoupled] as const;
    ops["fovea::adam_"](values, gradients, mean, square, steps, ...options);
  }
}
