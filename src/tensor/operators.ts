import type { Pair, Shape } from "./shape.js";

/** Attributes of an operator that has none. */
export type None = Readonly<Record<never, never>>;

/**
 * The vocabulary of networks: every operator that a `forward` can use, with its attributes. The inputs are tensors, in the
 * order given in the comment; those with a question mark may be absent (null).
 *
 * Both kinds of tensor are tables over this interface: how libtorch executes an operator, and which shape comes out. A
 * new operator is a line here, a method of `Tensor`, and a line in each table; the compiler names what is missing.
 */
export interface OperatorAttributes {
  /** x `[N, Cin, H, W]`, weight `[Cout, Cin / groups, kh, kw]`, bias? `[Cout]` */
  conv2d: { stride: Pair; padding: Pair; dilation: Pair; groups: number };
  /** x `[…, in]`, weight `[out, in]`, bias? `[out]` */
  linear: None;
  /** a `[…, n, k]`, b `[…, k, m]` */
  matmul: None;

  /** x `[N, C, …]`, weight?, bias?, running mean?, running variance? (all `[C]`), batches tracked? (int64 scalar) */
  batchNorm: { training: boolean; momentum: number | null; eps: number };
  /** x `[N, C, …]`, weight?, bias? (`[C]`) */
  groupNorm: { groups: number; eps: number };
  /** x, weight?, bias? (of the shape that is normalised) */
  layerNorm: { normalizedShape: Shape; eps: number };

  maxPool2d: { kernel: Pair; stride: Pair; padding: Pair; dilation: Pair; ceilMode: boolean };
  avgPool2d: { kernel: Pair; stride: Pair; padding: Pair; ceilMode: boolean; countIncludePad: boolean };
  adaptiveAvgPool2d: { size: Pair };
  adaptiveMaxPool2d: { size: Pair };

  relu: None;
  relu6: None;
  leakyRelu: { slope: number };
  silu: None;
  gelu: { approximate: "none" | "tanh" };
  sigmoid: None;
  tanh: None;
  hardsigmoid: None;
  hardswish: None;
  softmax: { dim: number };
  logSoftmax: { dim: number };

  dropout: { p: number };
  stochasticDepth: { p: number; mode: "row" | "batch" };

  /** a, b, broadcast against each other */
  add: None;
  sub: None;
  mul: None;
  div: None;
  addScalar: { value: number };
  mulScalar: { value: number };
  divScalar: { value: number };
  exp: None;
  log: None;
  sqrt: None;
  mean: { dims: readonly number[]; keepDim: boolean };
  sum: { dims: readonly number[]; keepDim: boolean };

  /** two or more tensors that differ in `dim` at most */
  cat: { dim: number };
  flatten: { start: number; end: number };
  reshape: { shape: Shape };
  permute: { dims: readonly number[] };
  /** elements start … end-1 of `dim` */
  slice: { dim: number; start: number; end: number };
  /** rows and columns of `value` around the last two dimensions: left, right, top, bottom */
  pad: { padding: readonly [number, number, number, number]; value: number };
  /** moves groups of channels to the neighbours of a `kernel` x `kernel` window (Wu et al. 2017) */
  shift: { kernel: number };

  /** logits `[N, K]`, target (`[N]` int64 classes or `[N, K]` probabilities), class weights? `[K]` */
  crossEntropy: { labelSmoothing: number; reduction: Reduction };
  /** logits, target of the same shape, weight of positives? */
  binaryCrossEntropyWithLogits: { reduction: Reduction };
  /** prediction, target of the same shape */
  mseLoss: { reduction: Reduction };
}

/** What is made of the losses of a batch's samples. */
export type Reduction = "mean" | "sum" | "none";

/** The name of an operator. */
export type OperatorName = keyof OperatorAttributes;
