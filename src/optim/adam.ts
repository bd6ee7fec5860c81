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
    const { values, weightDecay } = update;
    const gradients =
      weightDecay === 0 ? update.gradients : ops["_foreach_add.List"](update.gradients, values, weightDecay);
    this.descend({ ...update, gradients });
  }

  /** Adam's own step, without weight decay. */
  protected descend(update: Update): void {
    const { values, steps, learningRate } = update;
    const [beta1] = this.betas;
    const { mean, root } = adamMoments(update, this.slots("mean", update), this.slots("square", update), this);
    ops["_foreach_addcdiv_.ScalarList"](
      values,
      mean,
      root,
      steps.map((step) => -learningRate / (1 - beta1 ** step)),
    );
  }
}

/**
 * Brings Adam's running means up to date.
 *
 * @returns the mean of gradients, not yet corrected for its start at 0, and the corrected root of the mean square plus eps
 */
export function adamMoments(
  { gradients, steps }: Update,
  mean: readonly number[],
  square: readonly number[],
  { betas: [beta1, beta2], eps }: { betas: readonly [number, number]; eps: number },
): { mean: readonly number[]; root: readonly number[] } {
  ops["_foreach_mul_.Scalar"](mean, beta1);
  ops["_foreach_add_.List"](mean, gradients, 1 - beta1);
  ops["_foreach_mul_.Scalar"](square, beta2);
  ops["_foreach_addcmul_.Scalar"](square, gradients, gradients, 1 - beta2);
  const root = ops._foreach_sqrt(square);
  ops["_foreach_div_.ScalarList"](
    root,
    steps.map((step) => Math.sqrt(1 - beta2 ** step)),
  );
  ops["_foreach_add_.Scalar"](root, eps);
  return { mean, root };
}
