import { ArgumentError } from "../errors.js";
import type { Parameter } from "../nn/index.js";
import { ops } from "../tensor/torch/index.js";
import { requireNotNegative } from "./check.js";
import { Optimizer, type OptimizerOptions, type Update } from "./optimizer.js";

export interface SGDOptions extends Partial<OptimizerOptions> {
  learningRate: number;
  /** Default 0. */
  momentum?: number;
  /** Look ahead along the momentum; default false. */
  nesterov?: boolean;
  /** L2 penalty, added to the gradient; default 0. */
  weightDecay?: number;
}

/** Stochastic gradient descent with momentum, by PyTorch's formulae: v ← μ·v + g, p ← p − lr·v. */
export class SGD extends Optimizer {
  readonly momentum: number;
  readonly nesterov: boolean;

  constructor(parameters: Iterable<[string, Parameter]>, options: SGDOptions) {
    super(parameters, { ...options, weightDecay: options.weightDecay ?? 0 });
    this.momentum = options.momentum ?? 0;
    this.nesterov = options.nesterov ?? false;
    requireNotNegative("SGD: the momentum", this.momentum);
    if (this.nesterov && this.momentum === 0) throw new ArgumentError("Nesterov's look-ahead needs momentum");
  }

  protected override update(update: Update): void {
    const { values, gradients, learningRate, weightDecay } = update;
    const velocity = this.momentum === 0 ? [] : this.slots("momentum", update);
    ops["fovea::sgd_"](values, gradients, velocity, learningRate, this.momentum, this.nesterov, weightDecay);
  }
}
