import { ArgumentError } from "../errors.js";
import type { Reduction, Tensor } from "../tensor/index.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

/** A measure of how far predictions are from targets: `forward(prediction, target)`. */
export abstract class Loss extends Module<[Tensor, Tensor]> {}

export interface CrossEntropyOptions {
  /** How much a sample of each class counts; default all the same. */
  classWeights?: readonly number[] | null;
  /** The share of the target's probability that is spread evenly over all classes, in [0, 1]; default 0. */
  labelSmoothing?: number;
  /** Default `mean`; with class weights that is the weighted mean, as in PyTorch. */
  reduction?: Reduction;
}

/** Softmax cross-entropy of logits `[N, K]` with classes (`[N]`, int64) or probabilities (`[N, K]`). */
export class CrossEntropyLoss extends Loss {
  readonly weight: Constant | null;
  readonly labelSmoothing: number;
  readonly reduction: Reduction;

  constructor(options: CrossEntropyOptions = {}) {
    super();
    const { classWeights = null, labelSmoothing = 0, reduction = "mean" } = options;
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
      throw new ArgumentError(`CrossEntropyLoss: label smoothing ${labelSmoothing} does not lie between 0 and 1`);
    }
    this.weight = classWeights ? new Constant(classWeights) : null;
    this.labelSmoothing = labelSmoothing;
    this.reduction = reduction;
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    const { weight, labelSmoothing, reduction } = this;
    return logits.crossEntropy(target, { weight, labelSmoothing, reduction });
  }
}

/** Binary cross-entropy of logits with targets in [0, 1] of the same shape. */
export class BCEWithLogitsLoss extends Loss {
  readonly positiveWeight: Constant | null;
  readonly reduction: Reduction;

  /** @param options.positiveWeight how much positives count, by the last dimension */
  constructor(options: { positiveWeight?: readonly number[] | null; reduction?: Reduction } = {}) {
    super();
    this.positiveWeight = options.positiveWeight ? new Constant(options.positiveWeight) : null;
    this.reduction = options.reduction ?? "mean";
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    return logits.binaryCrossEntropyWithLogits(target, {
      positiveWeight: this.positiveWeight,
      reduction: this.reduction,
    });
  }
}

/** The mean of squared differences. */
export class MSELoss extends Loss {
  readonly reduction: Reduction;

  constructor(reduction: Reduction = "mean") {
    super();
    this.reduction = reduction;
  }

  forward(prediction: Tensor, target: Tensor): Tensor {
    return prediction.mseLoss(target, this.reduction);
  }
}

/** Fixed numbers that a module computes with. */
class Constant extends Parameter {
  constructor(values: readonly number[]) {
    super([values.length], () => Float32Array.from(values));
    this.trainable = false;
  }
}
