import { ArgumentError } from "../errors.js";
import type { DType, TypedArray } from "./dtype.js";
import type { OperatorAttributes, OperatorName, Reduction } from "./operators.js";
import { pair, type Shape, type Size2 } from "./shape.js";

/** A tensor that a network owns: known by shape at once, with memory behind it only once it was materialised. */
export interface Leaf {
  readonly shape: Shape;
  readonly dtype: DType;
  /** @throws FoveaError while there is no memory behind it */
  readonly value: StoredTensor;
}

/** A tensor with memory behind it, such as modules own: it can be overwritten, read, and collect gradients. */
export interface StoredTensor extends Tensor {
  requiresGrad: boolean;
  copy_(source: Tensor): this;
  fill_(value: number): this;
  clone(): StoredTensor;
  /** The same values as another type or on another device; shares memory where nothing changes. */
  to(options: { dtype?: DType; device?: string }): StoredTensor;
  /** Takes it out of every scope. */
  keep(): this;
  /** The elements in row-major order. */
  data(): TypedArray;
  dispose(): void;
}

/** What operators take: tensors, and the parameters and buffers of modules. */
export type Operand = Tensor | Leaf;

/** A place where tensors live, and how data gets there. `device("cpu")` of `fovea/torch` is one. */
export interface Device {
  /** `cpu`, `cuda:0`, … */
  readonly name: string;
  /** A tensor with a copy of the data, row-major. */
  tensor(data: TypedArray, shape: Shape, dtype?: DType): StoredTensor;
}

export interface ConvolutionOptions {
  /** Steps of the window; default 1. */
  stride?: Size2;
  /** Zeros on each side; default 0. */
  padding?: Size2;
  /** Distance of the window's elements; default 1. */
  dilation?: Size2;
  /** Channels are convolved in so many separate groups; default 1. */
  groups?: number;
}

export interface MaxPoolOptions {
  /** Default: the kernel's size. */
  stride?: Size2;
  padding?: Size2;
  dilation?: Size2;
  /** Count a window that starts inside the input and ends outside it; default false. */
  ceilMode?: boolean;
}

export interface AvgPoolOptions {
  /** Default: the kernel's size. */
  stride?: Size2;
  padding?: Size2;
  ceilMode?: boolean;
  /** Padding zeros count in the mean; default true. */
  countIncludePad?: boolean;
}

export interface BatchNormOptions {
  weight: Operand | null;
  bias: Operand | null;
  runningMean: Operand | null;
  runningVar: Operand | null;
  /** Counts the batches in training; with `momentum: null` it makes the running statistics plain averages. */
  batchesTracked: Operand | null;
  /** Normalise by the batch's own statistics and update the running ones. */
  training: boolean;
  momentum: number | null;
  eps: number;
}

/** What {@link Tensor.batchNormAct} ends in: the method of that name, or nothing. */
export type NormActivation = "none" | "relu" | "relu6" | "silu" | "hardswish";

/**
 * A tensor as networks see it: the operators of {@link OperatorAttributes} as methods.
 *
 * Two kinds run the same `forward`. A `TorchTensor` computes on libtorch; a `SymbolicTensor` only writes down what would
 * be computed, and knows shapes. Names and meanings are PyTorch's.
 */
export abstract class Tensor {
  abstract readonly shape: Shape;
  abstract readonly dtype: DType;

  /** Runs, or records, one operator. The methods below are its readable face. */
  protected abstract apply<K extends OperatorName>(
    operator: K,
    inputs: readonly (Operand | null)[],
    attributes: OperatorAttributes[K],
  ): Tensor;

  /**
   * Runs one operator of the vocabulary by name, as a graph that was written down is run again.
   *
   * @throws ArgumentError when none of the inputs is a tensor, whose kind decides who executes
   */
  static run<K extends OperatorName>(
    operator: K,
    inputs: readonly (Operand | null)[],
    attributes: OperatorAttributes[K],
  ): Tensor {
    const executor = inputs.find((input) => input instanceof Tensor);
    if (!executor) throw new ArgumentError(`${operator}: none of its inputs is a tensor`);
    return executor.apply(operator, inputs, attributes);
  }

  /**
   * Runs parts of a network one after the other, each on what the one before returned.
   *
   * Where tensors have memory and a scope is open, a part is a scope of its own: what it made and did not return is freed
   * when it ends, and what it returned when the next part has run, unless autograd needs it or `keep()` took it out.
   */
  through(parts: readonly ((x: Tensor) => Tensor)[]): Tensor {
    let result: Tensor = this;
    for (const part of parts) result = part(result);
    return result;
  }

  /** The size of a dimension; negative ones count from the end. */
  size(dim: number): number {
    const size = this.shape.at(dim);
    if (size === undefined)
      throw new ArgumentError(`dimension ${dim} of a tensor with ${this.shape.length} dimensions`);
    return size;
  }

  /** `[N, Cin, H, W]` → `[N, Cout, H', W']` with H' = ⌊(H + 2·padding − dilation·(k − 1) − 1) / stride⌋ + 1. */
  conv2d(weight: Operand, bias: Operand | null = null, options: ConvolutionOptions = {}): Tensor {
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    return this.apply("conv2d", [this, weight, bias], {
      stride: pair(stride),
      padding: pair(padding),
      dilation: pair(dilation),
      groups,
    });
  }

  /** x·Wᵀ + b: `[…, in]` → `[…, out]`. */
  linear(weight: Operand, bias: Operand | null = null): Tensor {
    return this.apply("linear", [this, weight, bias], {});
  }

  /** `[…, n, k]` · `[…, k, m]` → `[…, n, m]`. */
  matmul(other: Operand): Tensor {
    return this.apply("matmul", [this, other], {});
  }

  /** Normalises every channel over the batch and the positions (Ioffe and Szegedy 2015). */
  batchNorm(options: BatchNormOptions): Tensor {
    const { weight, bias, runningMean, runningVar, batchesTracked, training, momentum, eps } = options;
    return this.apply("batchNorm", [this, weight, bias, runningMean, runningVar, batchesTracked], {
      training,
      momentum,
      eps,
    });
  }

  /**
   * activation({@link batchNorm}(x) + residual), the residual of x's shape: three operators, which some kinds of tensor
   * compute as one.
   */
  batchNormAct(options: BatchNormOptions, activation: NormActivation, residual: Tensor | null = null): Tensor {
    const normed = this.batchNorm(options);
    const sum = residual === null ? normed : normed.add(residual);
    return activation === "none" ? sum : sum[activation]();
  }

  /** Normalises groups of channels within each sample (Wu and He 2018). */
  groupNorm(groups: number, weight: Operand | null, bias: Operand | null, eps = 1e-5): Tensor {
    return this.apply("groupNorm", [this, weight, bias], { groups, eps });
  }

  /** Normalises over the trailing dimensions (Ba et al. 2016). */
  layerNorm(normalizedShape: Shape, weight: Operand | null, bias: Operand | null, eps = 1e-5): Tensor {
    return this.apply("layerNorm", [this, weight, bias], { normalizedShape, eps });
  }

  maxPool2d(kernel: Size2, options: MaxPoolOptions = {}): Tensor {
    const { stride = kernel, padding = 0, dilation = 1, ceilMode = false } = options;
    return this.apply("maxPool2d", [this], {
      kernel: pair(kernel),
      stride: pair(stride),
      padding: pair(padding),
      dilation: pair(dilation),
      ceilMode,
    });
  }

  avgPool2d(kernel: Size2, options: AvgPoolOptions = {}): Tensor {
    const { stride = kernel, padding = 0, ceilMode = false, countIncludePad = true } = options;
    return this.apply("avgPool2d", [this], {
      kernel: pair(kernel),
      stride: pair(stride),
      padding: pair(padding),
      ceilMode,
      countIncludePad,
    });
  }

  /** Means over windows chosen so that the result has the given height and width. */
  adaptiveAvgPool2d(size: Size2): Tensor {
    return this.apply("adaptiveAvgPool2d", [this], { size: pair(size) });
  }

  adaptiveMaxPool2d(size: Size2): Tensor {
    return this.apply("adaptiveMaxPool2d", [this], { size: pair(size) });
  }

  relu(): Tensor {
    return this.apply("relu", [this], {});
  }

  /** min(max(x, 0), 6) */
  relu6(): Tensor {
    return this.apply("relu6", [this], {});
  }

  leakyRelu(slope = 0.01): Tensor {
    return this.apply("leakyRelu", [this], { slope });
  }

  /** x·sigmoid(x), also called swish. */
  silu(): Tensor {
    return this.apply("silu", [this], {});
  }

  gelu(approximate: "none" | "tanh" = "none"): Tensor {
    return this.apply("gelu", [this], { approximate });
  }

  sigmoid(): Tensor {
    return this.apply("sigmoid", [this], {});
  }

  tanh(): Tensor {
    return this.apply("tanh", [this], {});
  }

  /** relu6(x + 3) / 6 */
  hardsigmoid(): Tensor {
    return this.apply("hardsigmoid", [this], {});
  }

  /** x·hardsigmoid(x) */
  hardswish(): Tensor {
    return this.apply("hardswish", [this], {});
  }

  softmax(dim: number): Tensor {
    return this.apply("softmax", [this], { dim });
  }

  logSoftmax(dim: number): Tensor {
    return this.apply("logSoftmax", [this], { dim });
  }

  /** Zeroes elements with probability p and scales the others by 1 / (1 − p). Layers call it in training only. */
  dropout(p: number): Tensor {
    return this.apply("dropout", [this], { p });
  }

  /** Zeroes whole samples (`row`) or the whole batch with probability p, as {@link dropout} (Huang et al. 2016). */
  stochasticDepth(p: number, mode: "row" | "batch" = "row"): Tensor {
    return this.apply("stochasticDepth", [this], { p, mode });
  }

  add(other: Operand | number): Tensor {
    return typeof other === "number"
      ? this.apply("addScalar", [this], { value: other })
      : this.apply("add", [this, other], {});
  }

  sub(other: Operand | number): Tensor {
    return typeof other === "number"
      ? this.apply("addScalar", [this], { value: -other })
      : this.apply("sub", [this, other], {});
  }

  mul(other: Operand | number): Tensor {
    return typeof other === "number"
      ? this.apply("mulScalar", [this], { value: other })
      : this.apply("mul", [this, other], {});
  }

  div(other: Operand | number): Tensor {
    return typeof other === "number"
      ? this.apply("divScalar", [this], { value: other })
      : this.apply("div", [this, other], {});
  }

  exp(): Tensor {
    return this.apply("exp", [this], {});
  }

  log(): Tensor {
    return this.apply("log", [this], {});
  }

  sqrt(): Tensor {
    return this.apply("sqrt", [this], {});
  }

  /** The mean over the given dimensions; over all where none are given. */
  mean(dims: readonly number[] = this.shape.map((_, i) => i), keepDim = false): Tensor {
    return this.apply("mean", [this], { dims, keepDim });
  }

  sum(dims: readonly number[] = this.shape.map((_, i) => i), keepDim = false): Tensor {
    return this.apply("sum", [this], { dims, keepDim });
  }

  /** This tensor followed by the others along a dimension. */
  cat(others: readonly Operand[], dim: number): Tensor {
    return this.apply("cat", [this, ...others], { dim });
  }

  /** Merges the dimensions from `start` to `end` into one. */
  flatten(start = 0, end = -1): Tensor {
    return this.apply("flatten", [this], { start, end });
  }

  /** The same elements in another shape; one size may be −1. */
  reshape(shape: Shape): Tensor {
    return this.apply("reshape", [this], { shape });
  }

  permute(dims: readonly number[]): Tensor {
    return this.apply("permute", [this], { dims });
  }

  /** Elements `start` … `end − 1` of a dimension. */
  slice(dim: number, start: number, end: number): Tensor {
    return this.apply("slice", [this], { dim, start, end });
  }

  /** Adds `[left, right, top, bottom]` columns and rows of `value` around the last two dimensions. */
  pad(padding: readonly [number, number, number, number], value = 0): Tensor {
    return this.apply("pad", [this], { padding, value });
  }

  /** Moves each of kernel² groups of channels by one offset of the window (Wu et al. 2017, arXiv 1711.08141). */
  shift(kernel: number): Tensor {
    return this.apply("shift", [this], { kernel });
  }

  /**
   * Softmax cross-entropy of logits `[N, K]` with classes (`[N]`, int64) or probabilities (`[N, K]`). With class weights
   * and `mean`, the sum is divided by the weights of the samples' classes, as in PyTorch.
   */
  crossEntropy(
    target: Operand,
    options: { weight?: Operand | null; labelSmoothing?: number; reduction?: Reduction } = {},
  ): Tensor {
    const { weight = null, labelSmoothing = 0, reduction = "mean" } = options;
    return this.apply("crossEntropy", [this, target, weight], { labelSmoothing, reduction });
  }

  binaryCrossEntropyWithLogits(
    target: Operand,
    options: { positiveWeight?: Operand | null; reduction?: Reduction } = {},
  ): Tensor {
    const { positiveWeight = null, reduction = "mean" } = options;
    return this.apply("binaryCrossEntropyWithLogits", [this, target, positiveWeight], { reduction });
  }

  mseLoss(target: Operand, reduction: Reduction = "mean"): Tensor {
    return this.apply("mseLoss", [this, target], { reduction });
  }
}
