import { beforeAll, describe, test } from "vitest";
import type { OperatorName } from "../../src/tensor/index.js";
import { manualSeed, ones, setThreads, tensor, zeros } from "../../src/tensor/torch/index.js";
import { checkGradients, type Differentiable, numbers } from "./gradcheck.js";

/** More than one form of an operator; those of `twice` are differentiated twice as well. */
interface Case {
  once?: readonly Differentiable[];
  twice?: readonly Differentiable[];
}

const x = [2, 3];
const image = [2, 2, 4, 4];
const f64 = { dtype: "float64" } as const;
/** Numbers that are far apart, so that a small step changes no maximum. */
const spread = (count: number) => Float64Array.from({ length: count }, (_, i) => ((i * 37) % count) / 4 - 3);
const positive = (count: number) => numbers([count], 3, 0.3, 2);
const batchNorm = (training: boolean) => ({
  batchesTracked: null,
  training,
  momentum: 0.1,
  eps: 1e-3,
});

const cases = {
  conv2d: {
    once: [
      {
        inputs: [[1, 4, 5, 6], [6, 2, 3, 2], [6]],
        f: (a, w, b) => a.conv2d(w, b, { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 }),
      },
    ],
    twice: [
      { inputs: [image, [3, 2, 3, 3], [3]], f: (a, w, b) => a.conv2d(w, b, { padding: 1 }) },
      { inputs: [image, [2, 1, 3, 3]], f: (a, w) => a.conv2d(w, null, { groups: 2, stride: 2, padding: 1 }) },
    ],
  },
  linear: {
    twice: [
      { inputs: [[2, 3], [4, 3], [4]], f: (a, w, b) => a.linear(w, b) },
      {
        inputs: [
          [2, 2, 3],
          [4, 3],
        ],
        f: (a, w) => a.linear(w),
      },
    ],
  },
  matmul: {
    twice: [
      {
        inputs: [
          [2, 3],
          [3, 2],
        ],
        f: (a, b) => a.matmul(b),
      },
      {
        inputs: [
          [2, 1, 3],
          [2, 3, 2],
        ],
        f: (a, b) => a.matmul(b),
      },
    ],
  },

  batchNorm: {
    once: [
      {
        inputs: [image, [2], [2]],
        f: (a, weight, bias) =>
          a.batchNorm({ ...batchNorm(false), weight, bias, runningMean: zeros([2], f64), runningVar: ones([2], f64) }),
      },
    ],
    twice: [
      {
        inputs: [[3, 2, 2], [2], [2]],
        f: (a, weight, bias) => a.batchNorm({ ...batchNorm(true), weight, bias, runningMean: null, runningVar: null }),
      },
    ],
  },
  groupNorm: { twice: [{ inputs: [[2, 4, 3], [4], [4]], f: (a, w, b) => a.groupNorm(2, w, b, 1e-3) }] },
  layerNorm: { twice: [{ inputs: [[3, 4], [4], [4]], f: (a, w, b) => a.layerNorm([4], w, b, 1e-3) }] },

  maxPool2d: {
    once: [
      {
        inputs: [[image, spread(64)]],
        f: (a) => a.maxPool2d([3, 2], { stride: 2, padding: 1, dilation: [1, 2], ceilMode: true }),
      },
    ],
    twice: [{ inputs: [[image, spread(64)]], f: (a) => a.maxPool2d(2).mul(a.maxPool2d(2)) }],
  },
  avgPool2d: {
    once: [
      { inputs: [image], f: (a) => a.avgPool2d(3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }) },
      { inputs: [image], f: (a) => a.avgPool2d(3, { stride: 2, padding: 1 }) },
    ],
  },
  adaptiveAvgPool2d: {
    once: [
      { inputs: [image], f: (a) => a.adaptiveAvgPool2d(1) },
      { inputs: [image], f: (a) => a.adaptiveAvgPool2d([3, 2]) },
    ],
  },
  adaptiveMaxPool2d: { once: [{ inputs: [[image, spread(64)]], f: (a) => a.adaptiveMaxPool2d([3, 2]) }] },

  relu: { once: [{ inputs: [x], f: (a) => a.relu() }] },
  relu6: { once: [{ inputs: [[[4], Float64Array.of(-1, 0.5, 5.5, 7)]], f: (a) => a.relu6() }] },
  leakyRelu: { once: [{ inputs: [x], f: (a) => a.leakyRelu(0.2) }] },
  silu: { twice: [{ inputs: [x], f: (a) => a.silu() }] },
  gelu: {
    twice: [
      { inputs: [x], f: (a) => a.gelu() },
      { inputs: [x], f: (a) => a.gelu("tanh") },
    ],
  },
  sigmoid: { twice: [{ inputs: [x], f: (a) => a.sigmoid() }] },
  tanh: { twice: [{ inputs: [x], f: (a) => a.tanh() }] },
  hardsigmoid: { once: [{ inputs: [[[4], Float64Array.of(-4, -1, 2, 4)]], f: (a) => a.hardsigmoid() }] },
  hardswish: { once: [{ inputs: [[[4], Float64Array.of(-4, -1, 2, 4)]], f: (a) => a.hardswish() }] },
  softmax: { twice: [{ inputs: [[2, 3, 2]], f: (a) => a.softmax(1) }] },
  logSoftmax: { twice: [{ inputs: [[2, 3, 2]], f: (a) => a.logSoftmax(-1) }] },

  dropout: {
    once: [
      {
        inputs: [[4, 4]],
        f: (a) => {
          manualSeed(5);
          return a.dropout(0.3);
        },
      },
    ],
  },
  stochasticDepth: {
    once: (["row", "batch"] as const).map((mode) => ({
      inputs: [[6, 2]],
      f: (a) => {
        manualSeed(5);
        return a.stochasticDepth(0.5, mode);
      },
    })),
  },

  add: { twice: [{ inputs: [[2, 3], [3]], f: (a, b) => a.add(b).mul(a.add(b)) }] },
  sub: {
    once: [
      {
        inputs: [
          [2, 1],
          [2, 3],
        ],
        f: (a, b) => a.sub(b),
      },
    ],
  },
  mul: { twice: [{ inputs: [[2, 3], [3]], f: (a, b) => a.mul(b) }] },
  div: {
    twice: [
      {
        inputs: [
          [2, 3],
          [[3], positive(3)],
        ],
        f: (a, b) => a.div(b),
      },
    ],
  },
  addScalar: { once: [{ inputs: [x], f: (a) => a.add(0.5).mul(a.sub(2)) }] },
  mulScalar: { once: [{ inputs: [x], f: (a) => a.mul(-1.5) }] },
  divScalar: { once: [{ inputs: [x], f: (a) => a.div(-1.5) }] },
  exp: { twice: [{ inputs: [x], f: (a) => a.exp() }] },
  log: { twice: [{ inputs: [[[6], positive(6)]], f: (a) => a.log() }] },
  sqrt: { twice: [{ inputs: [[[6], positive(6)]], f: (a) => a.sqrt() }] },
  mean: {
    once: [
      { inputs: [image], f: (a) => a.mean([1, -1], true) },
      { inputs: [x], f: (a) => a.mean() },
    ],
  },
  sum: {
    once: [
      { inputs: [image], f: (a) => a.sum([2, 3]) },
      { inputs: [x], f: (a) => a.sum() },
    ],
  },

  cat: {
    once: [
      {
        inputs: [
          [2, 3],
          [2, 1],
          [2, 2],
        ],
        f: (a, b, c) => a.cat([b, c], 1),
      },
    ],
  },
  flatten: { once: [{ inputs: [image], f: (a) => a.flatten(1, 2) }] },
  reshape: { once: [{ inputs: [image], f: (a) => a.reshape([4, -1]) }] },
  permute: { once: [{ inputs: [[2, 3, 4]], f: (a) => a.permute([2, 0, 1]) }] },
  slice: { once: [{ inputs: [[2, 5]], f: (a) => a.slice(1, 1, 4) }] },
  pad: {
    once: [
      { inputs: [image], f: (a) => a.pad([1, 2, 0, 3], 0.5) },
      { inputs: [image], f: (a) => a.pad([-1, 2, 1, -2]) },
    ],
  },
  shift: {
    once: [{ inputs: [[1, 11, 3, 4]], f: (a) => a.shift(3) }],
    twice: [{ inputs: [[1, 10, 3, 3]], f: (a) => a.shift(3).mul(a) }],
  },

  crossEntropy: {
    once: [
      {
        inputs: [[3, 4]],
        f: (a) =>
          a.crossEntropy(tensor(BigInt64Array.of(0n, 3n, 1n)), {
            weight: tensor(positive(4)),
            labelSmoothing: 0.1,
          }),
      },
      {
        inputs: [[3, 4]],
        f: (a) => a.crossEntropy(tensor(BigInt64Array.of(0n, 3n, 1n)), { reduction: "none" }),
      },
    ],
    twice: [
      {
        inputs: [[2, 3]],
        f: (a) => a.crossEntropy(tensor(Float64Array.of(0.2, 0.3, 0.5, 1, 0, 0), [2, 3]), { reduction: "sum" }),
      },
    ],
  },
  binaryCrossEntropyWithLogits: {
    twice: [
      {
        inputs: [[2, 3]],
        f: (a) =>
          a.binaryCrossEntropyWithLogits(tensor(Float64Array.of(0, 1, 0.5, 1, 0, 0), [2, 3]), {
            positiveWeight: tensor(positive(3)),
          }),
      },
    ],
  },
  mseLoss: {
    twice: [
      { inputs: [x, x], f: (a, b) => a.mseLoss(b) },
      { inputs: [x, x], f: (a, b) => a.mseLoss(b, "none") },
    ],
  },
} satisfies Record<OperatorName, Case>;

// Threads that wait for each other, beside other tests, take many times as long.
beforeAll(() => setThreads(1));

describe("gradients are those of central differences", () => {
  for (const [operator, { once = [], twice = [] }] of Object.entries<Case>(cases)) {
    for (const [i, form] of once.entries()) test(`${operator} ${i}`, () => checkGradients(form));
    for (const [i, form] of twice.entries()) test(`${operator} ${i}, twice`, () => checkGradients(form, true));
  }
});
