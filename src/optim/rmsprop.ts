import type { Parameter } from "../nn/index.js";
import { ops } from "../tensor/torch/index.js";
import { requireDecay, requireNotNegative } from "./check.js";
import { Optimizer, type OptimizerOptions, type Update } from "./optimizer.js";

export interface RMSpropOptions extends Partial<OptimizerOptions> {
  /** Default 0.01. */
  learningRate?: number;
  /**
   * `pytorch` (default), or `tensorflow`, by which the EfficientNets and MobileNetV3 of the papers were trained: eps inside the
   * root, mean squares that begin at 1, and a momentum that holds steps already multiplied by the learning rate, so that a
   * change of the rate reaches it with delay. timm has this as RMSpropTF.
   */
  formulae?: "pytorch" | "tensorflow";
  /** Decay of the mean of squares; default 0.99 by PyTorch's formulae, 0.9 by TensorFlow's. */
  alpha?: number;
  /** Added to the root of the mean square, or inside it; default 1e-8 by PyTorch's formulae, 1e-10 by TensorFlow's. */
  eps?: number;
  /** Default 0. */
  momentum?: number;
  /** L2 penalty, added to the gradient; default 0. */
  weightDecay?: number;
}

/** Gradients over the root of their running mean square (Tieleman and Hinton 2012), not centred. */
export class RMSprop extends Optimizer {
  readonly formulae: "pytorch" | "tensorflow";
  readonly alpha: number;
  readonly eps: number;
  readonly momentum: number;

  constructor(parameters: Iterable<[string, Parameter]>, options: RMSpropOptions = {}) {
    super(parameters, {
      ...options,
      learningRate: options.learningRate ?? 0.01,
      weightDecay: options.weightDecay ?? 0,
    });
    this.formulae = options.formulae ?? "pytorch";
    this.alpha = options.alpha ?? (this.formulae === "pytorch" ? 0.99 : 0.9);
    this.eps = options.eps ?? (this.formulae === "pytorch" ? 1e-8 : 1e-10);
    this.momentum = options.momentum ?? 0;
    requireDecay("RMSprop: alpha", this.alpha);
    requireNotNegative("RMSprop: eps", this.eps);
    requireNotNegative("RMSprop: the momentum", this.momentum);
  }

  protected override update(update: Update): void {
    const { values, learningRate, weightDecay } = update;
    const inTensorFlow = this.formulae === "tensorflow";
    const gradients =
      weightDecay === 0 ? update.gradients : ops["_foreach_add.List"](update.gradients, values, weightDecay);
    const square = this.slots("square", update, inTensorFlow ? 1 : 0);
    ops["_foreach_mul_.Scalar"](square, this.alpha);
    ops["_foreach_addcmul_.Scalar"](square, gradients, gradients, 1 - this.alpha);
    const root = inTensorFlow ? ops["_foreach_add.Scalar"](square, this.eps) : ops._foreach_sqrt(square);
    if (inTensorFlow) ops._foreach_sqrt_(root);
    else ops["_foreach_add_.Scalar"](root, this.eps);
    if (this.momentum === 0) {
      ops["_foreach_addcdiv_.Scalar"](values, gradients, root, -learningRate);
      return;
    }
    const velocity = this.slots("momentum", update);
    ops["_foreach_mul_.Scalar"](velocity, this.momentum);
    ops["_foreach_addcdiv_.Scalar"](velocity, gradients, root, inTensorFlow ? learningRate : 1);
    ops["_foreach_add_.List"](values, velocity, inTensorFlow ? -1 : -learningRate);
  }
}
