import { ArgumentError } from "../errors.js";
import type { Parameter } from "../nn/index.js";
import { ops, TorchTensor } from "../tensor/torch/index.js";
import { Optimizer } from "./optimizer.js";

export interface AdamWOptions {
  /** Default 1e-3. */
  learningRate?: number;
  /** Decay of the means of gradients and of their squares; default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the root of the mean square; default 1e-8. */
  eps?: number;
  /** The share of a weight that a step of learning rate 1 would take off; default 0.01. */
  weightDecay?: number;
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101), by PyTorch's formulae. */
export class AdamW extends Optimizer {
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;

  constructor(parameters: Iterable<[string, Parameter]>, options: AdamWOptions = {}) {
    super(parameters, options.learningRate ?? 1e-3);
    this.betas = options.betas ?? [0.9, 0.999];
    this.eps = options.eps ?? 1e-8;
    this.weightDecay = options.weightDecay ?? 0.01;
    if (!this.betas.every((beta) => beta >= 0 && beta < 1)) {
      throw new ArgumentError(`AdamW: the betas ${this.betas.join(", ")} do not lie in [0, 1)`);
    }
  }

  protected override update(
    names: readonly string[],
    values: readonly number[],
    gradients: readonly number[],
    steps: readonly number[],
  ): void {
    const [beta1, beta2] = this.betas;
    const zeros = (i: number) => TorchTensor.adopt(ops.zeros_like(values[i] ?? 0));
    const mean = this.slots("mean", names, zeros);
    const square = this.slots("square", names, zeros);
    if (this.weightDecay !== 0) ops["_foreach_mul_.Scalar"](values, 1 - this.learningRate * this.weightDecay);
    ops["_foreach_mul_.Scalar"](mean, beta1);
    ops["_foreach_add_.List"](mean, gradients, 1 - beta1);
    ops["_foreach_mul_.Scalar"](square, beta2);
    ops["_foreach_addcmul_.Scalar"](square, gradients, gradients, 1 - beta2);
    const root = ops._foreach_sqrt(square);
    ops["_foreach_div_.ScalarList"](
      root,
      steps.map((step) => Math.sqrt(1 - beta2 ** step)),
    );
    ops["_foreach_add_.Scalar"](root, this.eps);
    ops["_foreach_addcdiv_.ScalarList"](
      values,
      mean,
      root,
      steps.map((step) => -this.learningRate / (1 - beta1 ** step)),
    );
  }
}
