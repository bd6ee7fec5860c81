import { ShapeError } from "../../errors.js";
import type { OperatorAttributes, OperatorName } from "../operators.js";
import { elements, formatShape, type Pair, type Shape, sameShape } from "../shape.js";

/** Shapes of an operator's inputs, null for an absent one. */
export type InputShapes = readonly (Shape | null)[];

type Rules = { readonly [K in OperatorName]: (inputs: InputShapes, attributes: OperatorAttributes[K]) => Shape };

/**
 * The shape that an operator gives, by libtorch's rules and without it.
 *
 * @throws ShapeError that names the operator and the shapes
 */
export function inferShape<K extends OperatorName>(
  operator: K,
  inputs: InputShapes,
  attributes: OperatorAttributes[K],
): Shape {
  try {
    return rules[operator](inputs, attributes);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const shapes = inputs.map((shape) => (shape ? formatShape(shape) : "none")).join(", ");
    throw new ShapeError(`${operator}(${shapes}): ${error.message}`);
  }
}

const first = (inputs: InputShapes): Shape => input(inputs, 0);
const scalarOrSame = (shape: Shape, reduction: "mean" | "sum" | "none"): Shape => (reduction === "none" ? shape : []);

const rules: Rules = {
  conv2d(inputs, { stride, padding, dilation, groups }) {
    const [n, channels, height, width] = image(inputs);
    const weight = input(inputs, 1);
    const [out = 0, inPerGroup = 0, kh = 0, kw = 0] = weight;
    if (weight.length !== 4) throw new ShapeError("the weight needs four dimensions");
    whole(groups, 1, "groups");
    if (channels !== inPerGroup * groups) {
      throw new ShapeError(
        `the weight takes ${inPerGroup * groups} channels in ${groups} groups, the input has ${channels}`,
      );
    }
    if (out % groups !== 0) throw new ShapeError(`${out} output channels do not divide into ${groups} groups`);
    vector(inputs, 2, out, "bias");
    const options = { kernel: [kh, kw] as const, stride, padding, dilation, ceilMode: false };
    return [n, out, ...windows([height, width], options)];
  },
  linear(inputs) {
    const x = first(inputs);
    const weight = input(inputs, 1);
    const [out = 0, features = 0] = weight;
    if (weight.length !== 2) throw new ShapeError("the weight needs two dimensions");
    if (x.at(-1) !== features) throw new ShapeError(`the weight takes ${features} features`);
    vector(inputs, 2, out, "bias");
    return [...x.slice(0, -1), out];
  },
  matmul(inputs) {
    const a = first(inputs);
    const b = input(inputs, 1);
    const [n, k] = a.slice(-2);
    const [k2, m] = b.slice(-2);
    if (a.length < 2 || b.length < 2 || n === undefined || m === undefined || k !== k2) {
      throw new ShapeError("the last size of the one is not the last but one of the other");
    }
    return [...broadcast(a.slice(0, -2), b.slice(0, -2)), n, m];
  },
  batchNorm(inputs, { training }) {
    const x = first(inputs);
    const channels = channelsOf(x);
    if (!training && !(inputs[3] && inputs[4])) throw new ShapeError("evaluation needs the running statistics");
    for (const [i, name] of ["weight", "bias", "running mean", "running variance"].entries()) {
      vector(inputs, i + 1, channels, name);
    }
    return x;
  },
  groupNorm(inputs, { groups }) {
    const x = first(inputs);
    const channels = channelsOf(x);
    whole(groups, 1, "groups");
    if (channels % groups !== 0) throw new ShapeError(`${channels} channels do not divide into ${groups} groups`);
    vector(inputs, 1, channels, "weight");
    vector(inputs, 2, channels, "bias");
    return x;
  },
  layerNorm(inputs, { normalizedShape }) {
    const x = first(inputs);
    const { length } = normalizedShape;
    if (length === 0 || x.length < length || !sameShape(x.slice(-length), normalizedShape)) {
      throw new ShapeError(`the input does not end in ${formatShape(normalizedShape)}`);
    }
    exactly(inputs, 1, normalizedShape, "weight");
    exactly(inputs, 2, normalizedShape, "bias");
    return x;
  },

  maxPool2d(inputs, attributes) {
    const [n, channels, height, width] = image(inputs);
    halfAtMost(attributes);
    return [n, channels, ...windows([height, width], attributes)];
  },
  avgPool2d(inputs, attributes) {
    const [n, channels, height, width] = image(inputs);
    halfAtMost(attributes);
    return [n, channels, ...windows([height, width], { ...attributes, dilation: [1, 1] })];
  },
  adaptiveAvgPool2d: adaptive,
  adaptiveMaxPool2d: adaptive,

  relu: first,
  relu6: first,
  leakyRelu: first,
  silu: first,
  gelu: first,
  sigmoid: first,
  tanh: first,
  hardsigmoid: first,
  hardswish: first,
  softmax: along,
  logSoftmax: along,
  dropout: first,
  stochasticDepth: first,
  exp: first,
  log: first,
  sqrt: first,
  addScalar: first,
  mulScalar: first,
  divScalar: first,
  add: elementwise,
  sub: elementwise,
  mul: elementwise,
  div: elementwise,
  mean: reduced,
  sum: reduced,

  cat(inputs, { dim }) {
    const x = first(inputs);
    const axis = axisOf(x, dim);
    let total = 0;
    for (const [i] of inputs.entries()) {
      const shape = input(inputs, i);
      if (shape.length !== x.length || shape.some((size, d) => d !== axis && size !== x[d])) {
        throw new ShapeError(`the tensors differ in more than dimension ${dim}`);
      }
      total += shape[axis] ?? 0;
    }
    return x.with(axis, total);
  },
  flatten(inputs, { start, end }) {
    const x = first(inputs);
    if (x.length === 0) {
      scalarAxis(start);
      scalarAxis(end);
      return [1];
    }
    const from = axisOf(x, start);
    const to = axisOf(x, end);
    if (from > to) throw new ShapeError(`dimension ${start} comes after ${end}`);
    return [...x.slice(0, from), elements(x.slice(from, to + 1)), ...x.slice(to + 1)];
  },
  reshape(inputs, { shape }) {
    const count = elements(first(inputs));
    const known = elements(shape.filter((size) => size !== -1));
    if (shape.filter((size) => size === -1).length > 1) throw new ShapeError("only one size can be left open");
    for (const size of shape) whole(size, -1, "size");
    const result = shape.map((size) => (size === -1 ? count / known : size));
    if (elements(result) !== count || !result.every(Number.isInteger)) {
      throw new ShapeError(`${count} elements do not fit ${formatShape(shape)}`);
    }
    return result;
  },
  permute(inputs, { dims }) {
    const x = first(inputs);
    const result = dims.map((dim) => x[axisOf(x, dim)] ?? 0);
    if (dims.length !== x.length || new Set(dims.map((dim) => axisOf(x, dim))).size !== x.length) {
      throw new ShapeError(`${formatShape(dims)} does not name every dimension once`);
    }
    return result;
  },
  slice(inputs, { dim, start, end }) {
    const x = first(inputs);
    const axis = axisOf(x, dim);
    const size = x[axis] ?? 0;
    const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
    return x.with(axis, Math.max(clamp(end) - clamp(start), 0));
  },
  pad(inputs, { padding: [left, right, top, bottom] }) {
    const x = first(inputs);
    if (x.length < 2) throw new ShapeError("padding needs two dimensions");
    const padded = (size: number, before: number, after: number) => {
      const left = size + Math.min(before, 0) + Math.min(after, 0);
      if (left < 0 || size + before + after < 1) throw new ShapeError("negative padding leaves nothing");
      return size + before + after;
    };
    return [...x.slice(0, -2), padded(x.at(-2) ?? 0, top, bottom), padded(x.at(-1) ?? 0, left, right)];
  },
  shift(inputs, { kernel }) {
    if (kernel < 1 || kernel % 2 !== 1) throw new ShapeError(`shift takes an odd kernel size, got ${kernel}`);
    return image(inputs);
  },

  crossEntropy(inputs, { reduction }) {
    const [n = 0, classes = 0, ...rest] = first(inputs);
    const target = input(inputs, 1);
    const indices = [n, ...rest];
    if (!sameShape(target, indices) && !sameShape(target, first(inputs))) {
      throw new ShapeError("the target is neither a class nor a distribution for each sample");
    }
    vector(inputs, 2, classes, "class weights");
    return scalarOrSame(indices, reduction);
  },
  binaryCrossEntropyWithLogits(inputs, { reduction }) {
    return scalarOrSame(sameAs(inputs), reduction);
  },
  mseLoss(inputs, { reduction }) {
    return scalarOrSame(sameAs(inputs), reduction);
  },
};

function input(inputs: InputShapes, index: number): Shape {
  const shape = inputs[index];
  if (!shape) throw new ShapeError(`input ${index} is missing`);
  return shape;
}

function image(inputs: InputShapes): readonly [number, number, number, number] {
  const [n, channels, height, width, ...rest] = first(inputs);
  if (n === undefined || channels === undefined || height === undefined || width === undefined || rest.length > 0) {
    throw new ShapeError("the input is not [N, C, H, W]");
  }
  return [n, channels, height, width];
}

function vector(inputs: InputShapes, index: number, length: number, name: string): void {
  exactly(inputs, index, [length], name);
}

function exactly(inputs: InputShapes, index: number, expected: Shape, name: string): void {
  const shape = inputs[index];
  if (shape && !sameShape(shape, expected)) {
    throw new ShapeError(`the ${name} is ${formatShape(shape)}, not ${formatShape(expected)}`);
  }
}

function channelsOf(x: Shape): number {
  const channels = x[1];
  if (channels === undefined) throw new ShapeError("the input is not [N, C, …]");
  return channels;
}

function whole(value: number, least: number, name: string): void {
  if (!(Number.isInteger(value) && value >= least)) {
    throw new ShapeError(`${name} is a whole number from ${least} on, got ${value}`);
  }
}

function axisOf(shape: Shape, dim: number): number {
  const axis = dim < 0 ? dim + shape.length : dim;
  if (!(axis >= 0 && axis < shape.length)) throw new ShapeError(`there is no dimension ${dim}`);
  return axis;
}

interface Windows {
  kernel: Pair;
  stride: Pair;
  padding: Pair;
  dilation: Pair;
  ceilMode: boolean;
}

function windows(size: Pair, options: Windows): [number, number] {
  for (const axis of [0, 1] as const) {
    whole(options.kernel[axis], 1, "the kernel's size");
    whole(options.stride[axis], 1, "the stride");
    whole(options.padding[axis], 0, "the padding");
    whole(options.dilation[axis], 1, "the dilation");
  }
  return [windowCount(size, options, 0), windowCount(size, options, 1)];
}

/** Pooling takes no windows that hold nothing but padding. */
function halfAtMost({ kernel, padding }: { kernel: Pair; padding: Pair }): void {
  if (padding[0] > kernel[0] / 2 || padding[1] > kernel[1] / 2) {
    throw new ShapeError(`a padding of ${padding.join("x")} is more than half of the kernel, ${kernel.join("x")}`);
  }
}

/** How many windows fit along one axis (PyTorch's rule: with ceilMode the last one must start inside input or left padding). */
function windowCount(size: Pair, { kernel, stride, padding, dilation, ceilMode }: Windows, axis: 0 | 1): number {
  const span = size[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1;
  let count = (ceilMode ? Math.ceil : Math.floor)(span / stride[axis]) + 1;
  if (ceilMode && (count - 1) * stride[axis] >= size[axis] + padding[axis]) count--;
  if (count < 1) {
    throw new ShapeError(`a window of ${kernel[0]}x${kernel[1]} does not fit into ${size[0]}x${size[1]}`);
  }
  return count;
}

function adaptive(inputs: InputShapes, { size }: { size: Pair }): Shape {
  const [n, channels] = image(inputs);
  for (const length of size) whole(length, 1, "the size");
  return [n, channels, ...size];
}

function broadcast(a: Shape, b: Shape): Shape {
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, i) => {
    const x = a[a.length - length + i] ?? 1;
    const y = b[b.length - length + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new ShapeError("the shapes do not broadcast");
    return x === 1 ? y : x;
  });
}

function elementwise(inputs: InputShapes): Shape {
  return broadcast(first(inputs), input(inputs, 1));
}

function sameAs(inputs: InputShapes): Shape {
  if (!sameShape(first(inputs), input(inputs, 1))) throw new ShapeError("the shapes differ");
  return first(inputs);
}

/** The shape of the input, when it has the dimension. A scalar counts as a vector. */
function along(inputs: InputShapes, { dim }: { dim: number }): Shape {
  const x = first(inputs);
  if (x.length === 0) scalarAxis(dim);
  else axisOf(x, dim);
  return x;
}

function scalarAxis(dim: number): number {
  return axisOf([1], dim);
}

/** Without the dimensions; where none are named, without all. */
function reduced(inputs: InputShapes, { dims, keepDim }: { dims: readonly number[]; keepDim: boolean }): Shape {
  const x = first(inputs);
  const named = dims.map((dim) => (x.length === 0 ? scalarAxis(dim) : axisOf(x, dim)));
  const axes = new Set(named.length === 0 ? x.keys() : named);
  if (axes.size < named.length) throw new ShapeError(`${formatShape(dims)} names a dimension twice`);
  return keepDim ? x.map((size, i) => (axes.has(i) ? 1 : size)) : x.filter((_, i) => !axes.has(i));
}
