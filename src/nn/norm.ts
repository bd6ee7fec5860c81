import { ArgumentError } from "../errors.js";
import type { NormActivation, Shape, Tensor, BatchNormOptions as TensorBatchNormOptions } from "../tensor/index.js";
import { constant, type Initializer } from "./init.js";
import { Module } from "./module.js";
import { Buffer, Parameter } from "./parameter.js";

export interface BatchNormOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Weight of the newest batch in the running statistics; null makes them plain averages. Default 0.1. */
  momentum?: number | null;
  /** A learnt factor and offset for every channel; default true. */
  affine?: boolean;
  /** Keep running statistics for evaluation; default true. */
  trackRunningStats?: boolean;
  /** First factors; default 1. */
  init?: Initializer;
}

/** Batch normalisation of `[N, C, H, W]`, or `[N, C]`, by channel (Ioffe and Szegedy 2015, arXiv 1502.03167). */
export class BatchNorm2d extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly runningMean: Buffer | null;
  readonly runningVar: Buffer | null;
  readonly numBatchesTracked: Buffer | null;
  readonly eps: number;
  /** May be changed between two batches. */
  momentum: number | null;

  constructor(channels: number, options: BatchNormOptions = {}) {
    super();
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? new Parameter([channels], options.init ?? constant(1)) : null;
    this.bias = affine ? new Parameter([channels], constant(0)) : null;
    this.runningMean = trackRunningStats ? new Buffer([channels], 0) : null;
    this.runningVar = trackRunningStats ? new Buffer([channels], 1) : null;
    this.numBatchesTracked = trackRunningStats ? new Buffer([], 0, "int64") : null;
  }

  /** Forgets the running statistics: mean 0, variance 1, of no batches. */
  resetRunningStats(): void {
    for (const statistic of [this.runningMean, this.runningVar, this.numBatchesTracked]) statistic?.reset();
  }

  forward(x: Tensor): Tensor {
    return x.batchNorm(this.#options());
  }

  /** activation(forward(x) + residual), computed as one operation where the tensor can. */
  forwardInto(x: Tensor, activation: NormActivation, residual: Tensor | null = null): Tensor {
    return x.batchNormAct(this.#options(), activation, residual);
  }

  #options(): TensorBatchNormOptions {
    return {
      weight: this.weight,
      bias: this.bias,
      runningMean: this.runningMean,
      runningVar: this.runningVar,
      batchesTracked: this.numBatchesTracked,
      training: this.training || !this.runningMean,
      momentum: this.momentum,
      eps: this.eps,
    };
  }
}

/** Whether a module is a batch norm whose `forward` is the one above: not replaced by a subclass, and not watched. */
export function fusesInto(module: Module): module is BatchNorm2d {
  return module instanceof BatchNorm2d && module.forward === BatchNorm2d.prototype.forward;
}

/** Normalises groups of channels within each sample (Wu and He 2018, arXiv 1803.08494). */
export class GroupNorm extends Module {
  readonly groups: number;
  readonly eps: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  constructor(groups: number, channels: number, options: { eps?: number; affine?: boolean } = {}) {
    super();
    if (channels % groups !== 0)
      throw new ArgumentError(`GroupNorm: ${channels} channels do not divide into ${groups} groups`);
    const { eps = 1e-5, affine = true } = options;
    this.groups = groups;
    this.eps = eps;
    this.weight = affine ? new Parameter([channels], constant(1)) : null;
    this.bias = affine ? new Parameter([channels], constant(0)) : null;
  }

  forward(x: Tensor): Tensor {
    return x.groupNorm(this.groups, this.weight, this.bias, this.eps);
  }
}

/** Normalises over the trailing dimensions (Ba et al. 2016, arXiv 1607.06450). */
export class LayerNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  constructor(normalizedShape: number | Shape, options: { eps?: number; affine?: boolean } = {}) {
    super();
    const { eps = 1e-5, affine = true } = options;
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
    this.eps = eps;
    this.weight = affine ? new Parameter(this.normalizedShape, constant(1)) : null;
    this.bias = affine ? new Parameter(this.normalizedShape, constant(0)) : null;
  }

  forward(x: Tensor): Tensor {
    return x.layerNorm(this.normalizedShape, this.weight, this.bias, this.eps);
  }
}
