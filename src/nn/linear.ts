import type { Tensor } from "../tensor/index.js";
import { type Initializer, pytorchBias, pytorchWeight } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

export interface LinearOptions {
  /** Default true. */
  bias?: boolean;
  /** First weights; default PyTorch's U(±1/√in). */
  init?: Initializer;
  /** First bias; default PyTorch's U(±1/√in). */
  biasInit?: Initializer;
}

/** x·Wᵀ + b: `[…, in]` → `[…, out]`. Weight `[out, in]`. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    this.weight = new Parameter([outFeatures, inFeatures], options.init ?? pytorchWeight);
    const biasInit = options.biasInit ?? pytorchBias(this.weight.shape);
    this.bias = (options.bias ?? true) ? new Parameter([outFeatures], biasInit) : null;
  }

  forward(x: Tensor): Tensor {
    return x.linear(this.weight, this.bias);
  }
}
