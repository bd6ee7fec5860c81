import type { Parameter } from "../nn/index.js";
import { ops } from "../tensor/torch/index.js";
import { requireBetas, requireNotNegative } from "./check.js";
import { Optimizer, type OptimizerOptions, type Update } from "./optimizer.js";

export interface LAMBOptions extends Partial<OptimizerOptions> {
  /** Default 1e-3. */
  learningRate?: number;
  /** Decay of the means of gradients and of their squares; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the root of the mean square; default 1e-6. */
  eps?: number;
  /** Added to the step before it is scaled, as a share of the weight; default 0.01. */
  weightDecay?: number;
}

/**
 * LAMB for large batches (You et al. 2020, arXiv 1904.00962, algorithm 2): Adam's step with weight decay, made as long as the
 * weights of its parameter times the learning rate.
 *
 * As in NVIDIA's and timm's, which differ from the paper: means are corrected for their start at 0, the weights' length is
 * not bounded, and parameters without weight decay take Adam's step as it is, as do those whose weights or step are all 0.
 * Those two also clip gradients to the global norm 1 beforehand; here `clipGradNorm` does that where it is wanted.
 */
export class LAMB extends Optimizer {
  readonly betas: readonly [number, number];
  readonly eps: number;

  constructor(parameters: Iterable<[string, Parameter]>, options: LAMBOptions = {}) {
    const { learningRate = 1e-3, weightDecay = 0.01 } = options;
    super(parameters, { ...options, learningRate, weightDecay });
    this.betas = options.betas ?? [0.9, 0.999];
    this.eps = options.eps ?? 1e-6;
    requireBetas(this.betas);
    requireNotNegative("eps", this.eps);
  }

  protected override update(update: Update): void {
    const { values, gradients, steps, learningRate, weightDecay } = update;
    const [mean, square] = [this.slots("mean", update), this.slots("square", update)];
    const options = [learningRate, ...this.betas, this.eps] as const;
    if (weightDecay === 0) ops["fovea::adam_"](values, gradients, mean, square, steps, ...options, 0, false);
    else ops["fovea::lamb_"](values, gradients, mean, square, steps, ...options, weightDecay);
  }
}
