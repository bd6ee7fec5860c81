import { ArgumentError } from "../errors.js";
import type { Parameter } from "../nn/index.js";
import { ops, TorchTensor } from "../tensor/torch/index.js";
import { Optimizer } from "./optimizer.js";

export interface SGDOptions {
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
  readonly weightDecay: number;

  constructor(parameters: Iterable<[string, Parameter]>, options: SGDOptions) {
    super(parameters, options.learningRate);
    this.momentum = options.momentum ?? 0;
    this.nesterov = options.nesterov ?? false;
    this.weightDecay = options.weightDecay ?? 0;
    if (this.nesterov && this.momentum <= 0) throw new ArgumentError("Nesterov's look-ahead needs momentum");
  }

  protected override update(names: readonly string[], values: readonly number[], gradients: readonly number[]): void {
    let direction = gradients;
    if (this.weightDecay !== 0) direction = ops["_foreach_add.List"](direction, values, this.weightDecay);
    if (this.momentum !== 0) {
      const velocity = this.slots("momentum", names, (i) => TorchTensor.adopt(ops.zeros_like(values[i] ?? 0)));
      ops["_foreach_mul_.Scalar"](velocity, this.momentum);
      ops["_foreach_add_.List"](velocity, direction);
      direction = this.nesterov ? ops["_foreach_add.List"](direction, velocity, this.momentum) : velocity;
    }
    ops["_foreach_add_.List"](values, direction, -this.learningRate);
  }
}
