import { ArgumentError, ShapeError } from "../../errors.js";
import type { OperatorAttributes, OperatorName } from "../operators.js";
import { formatShape, type Pair, type Shape, type Size2, sameShape } from "../shape.js";
import type { NormActivation } from "../tensor.js";
import { native, type TensorId } from "./native.js";
import { ops } from "./ops.js";

/** Ids of an operator's inputs, null for an absent one. */
type Inputs = readonly (TensorId | null)[];

/** Runs an operator of the vocabulary on libtorch. */
export function execute<K extends OperatorName>(
  operator: K,
  inputs: Inputs,
  attributes: OperatorAttributes[K],
): TensorId {
  return table[operator](inputs, attributes);
}

function id(inputs: Inputs, index: number): TensorId {
  const found = inputs[index];
  if (found == null) throw new ArgumentError(`input ${index} is missing`);
  return found;
}

function optional(inputs: Inputs, index: number): TensorId | null {
  return inputs[index] ?? null;
}

/** One kernel for each channel: `[C, 1, height, width]`. The operator leaves to libtorch what does not fit the input. */
function isDepthwise(weight: Shape, groups: number): boolean {
  return weight.length === 4 && weight[0] === groups && weight[1] === 1;
}

/** One number where both are the same: an element of an array costs the addon more to read than a number. */
function packed(size: Pair): Size2 {
  return size[0] === size[1] ? size[0] : size;
}

/** libtorch would broadcast `[N]` against `[N, 1]`, to `[N, N]`: a loss that trains nothing. */
function checkTarget(operator: OperatorName, input: TensorId, target: TensorId): void {
  const [x, y] = [native().shape(input), native().shape(target)];
  if (!sameShape(x, y)) throw new ShapeError(`${operator}(${formatShape(x)}, ${formatShape(y)}): the shapes differ`);
}

const reductions = { none: 0, mean: 1, sum: 2 } as const;

/** Batch norm of the vocabulary's inputs, and in the same passes what is added to it and the activation of the sum. */
export function batchNormAct(
  x: Inputs,
  { training, momentum, eps }: OperatorAttributes["batchNorm"],
  activation: NormActivation,
  residual: TensorId | null,
): TensorId {
  let factor = momentum ?? 0;
  const batches = optional(x, 5);
  if (training && batches !== null) {
    ops["add_.Scalar"](batches, 1);
    if (momentum === null) factor = 1 / Number(native().item(batches));
  }
  return ops["fovea::batch_norm_act"](
    id(x, 0),
    optional(x, 1),
    optional(x, 2),
    optional(x, 3),
    optional(x, 4),
    residual,
    training,
    factor,
    eps,
    activation,
  );
}

type Table = { readonly [K in OperatorName]: (x: Inputs, attributes: OperatorAttributes[K]) => TensorId };

const table: Table = {
  conv2d(x, { stride, padding, dilation, groups }) {
    const [input, weight, bias] = [id(x, 0), id(x, 1), optional(x, 2)];
    const [steps, zeros, distances] = [packed(stride), packed(padding), packed(dilation)];
    if (groups > 1 && isDepthwise(native().shape(weight), groups)) {
      return ops["fovea::depthwise_conv2d"](input, weight, bias, steps, zeros, distances);
    }
    return ops["fovea::conv2d"](input, weight, bias, steps, zeros, distances, groups);
  },
  linear: (x) => ops.linear(id(x, 0), id(x, 1), optional(x, 2)),
  matmul: (x) => ops.matmul(id(x, 0), id(x, 1)),

  batchNorm: (x, attributes) => batchNormAct(x, attributes, "none", null),
  groupNorm: (x, { groups, eps }) => ops.group_norm(id(x, 0), groups, optional(x, 1), optional(x, 2), eps),
  layerNorm: (x, { normalizedShape, eps }) =>
    ops.layer_norm(id(x, 0), normalizedShape, optional(x, 1), optional(x, 2), eps),

  maxPool2d: (x, { kernel, stride, padding, dilation, ceilMode }) =>
    ops["fovea::max_pool2d"](id(x, 0), packed(kernel), packed(stride), packed(padding), packed(dilation), ceilMode),
  avgPool2d: (x, { kernel, stride, padding, ceilMode, countIncludePad }) =>
    ops["fovea::avg_pool2d"](id(x, 0), packed(kernel), packed(stride), packed(padding), ceilMode, countIncludePad),
  adaptiveAvgPool2d: (x, { size }) => ops.adaptive_avg_pool2d(id(x, 0), packed(size)),
  adaptiveMaxPool2d: (x, { size }) => {
    const [values, indices] = ops.adaptive_max_pool2d(id(x, 0), size);
    native().dispose(Math.abs(indices));
    return values;
  },

  relu: (x) => ops.relu(id(x, 0)),
  relu6: (x) => ops.relu6(id(x, 0)),
  leakyRelu: (x, { slope }) => ops.leaky_relu(id(x, 0), slope),
  silu: (x) => ops.silu(id(x, 0)),
  gelu: (x, { approximate }) => ops.gelu(id(x, 0), approximate),
  sigmoid: (x) => ops.sigmoid(id(x, 0)),
  tanh: (x) => ops.tanh(id(x, 0)),
  hardsigmoid: (x) => ops.hardsigmoid(id(x, 0)),
  hardswish: (x) => ops.hardswish(id(x, 0)),
  softmax: (x, { dim }) => ops["softmax.int"](id(x, 0), dim),
  logSoftmax: (x, { dim }) => ops["log_softmax.int"](id(x, 0), dim),

  dropout: (x, { p }) => ops["fovea::dropout"](id(x, 0), p),
  stochasticDepth(x, { p, mode }) {
    const input = id(x, 0);
    const shape = native()
      .shape(input)
      .map((size, i) => (i === 0 && mode === "row" ? size : 1));
    // One random number a sample; where none survives there is nothing to scale.
    const noise = Math.abs(ops["empty.memory_format"](shape, native().dtype(input), undefined, native().device(input)));
    try {
      ops["bernoulli_.float"](noise, 1 - p);
      if (p < 1) ops["div_.Scalar"](noise, 1 - p);
      return ops["mul.Tensor"](input, noise);
    } finally {
      native().dispose(noise);
    }
  },

  add: (x) => ops["add.Tensor"](id(x, 0), id(x, 1)),
  sub: (x) => ops["sub.Tensor"](id(x, 0), id(x, 1)),
  mul: (x) => ops["fovea::mul"](id(x, 0), id(x, 1)),
  div: (x) => ops["div.Tensor"](id(x, 0), id(x, 1)),
  addScalar: (x, { value }) => ops["add.Scalar"](id(x, 0), value),
  mulScalar: (x, { value }) => ops["mul.Scalar"](id(x, 0), value),
  divScalar: (x, { value }) => ops["div.Scalar"](id(x, 0), value),
  exp: (x) => ops.exp(id(x, 0)),
  log: (x) => ops.log(id(x, 0)),
  sqrt: (x) => ops.sqrt(id(x, 0)),
  mean: (x, { dims, keepDim }) =>
    keepDim && dims.length === 2 && dims[0] === 2 && dims[1] === 3
      ? ops["fovea::channel_means"](id(x, 0))
      : ops["mean.dim"](id(x, 0), dims, keepDim),
  sum: (x, { dims, keepDim }) => ops["sum.dim_IntList"](id(x, 0), dims, keepDim),

  cat: (x, { dim }) =>
    ops["fovea::cat"](
      x.map((_, i) => id(x, i)),
      dim,
    ),
  flatten: (x, { start, end }) => ops["flatten.using_ints"](id(x, 0), start, end),
  reshape: (x, { shape }) => ops.reshape(id(x, 0), shape),
  permute: (x, { dims }) => ops.permute(id(x, 0), dims),
  slice: (x, { dim, start, end }) => ops["slice.Tensor"](id(x, 0), dim, start, end),
  pad: (x, { padding, value }) => ops.constant_pad_nd(id(x, 0), padding, value),
  shift: (x, { kernel }) => ops["fovea::shift"](id(x, 0), kernel),

  crossEntropy: (x, { labelSmoothing, reduction }) =>
    ops.cross_entropy_loss(id(x, 0), id(x, 1), optional(x, 2), reductions[reduction], undefined, labelSmoothing),
  binaryCrossEntropyWithLogits(x, { reduction }) {
    checkTarget("binaryCrossEntropyWithLogits", id(x, 0), id(x, 1));
    return ops.binary_cross_entropy_with_logits(id(x, 0), id(x, 1), null, optional(x, 2), reductions[reduction]);
  },
  mseLoss(x, { reduction }) {
    checkTarget("mseLoss", id(x, 0), id(x, 1));
    return ops.mse_loss(id(x, 0), id(x, 1), reductions[reduction]);
  },
};
