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
    const { values, gradients, learningRate, weightDecay } = update;
    const { alpha, eps, momentum } = this;
    const inTensorFlow = this.formulae === "tensorflow";
    const square = this.slots("square", update, inTensorFlow ? 1 : 0);
    const velocity = momentum === 0 ? [] : this.slots("momentum", update);
    const options = [learningRate, alpha, eps, momentum, weightDecay, inTensorFlow] as const;
    ops["fovea::rmsprop_"](values, gradients, square, velocity, ...options);
  }
}
