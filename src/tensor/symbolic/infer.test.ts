import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { ShapeError } from "../../errors.js";
import type { OperatorAttributes, OperatorName } from "../operators.js";
import type { Pair, Shape } from "../shape.js";
import { execute } from "../torch/execute.js";
import { ones, scope, setThreads, TorchTensor } from "../torch/index.js";
import { type InputShapes, inferShape } from "./infer.js";

/** A call of an operator, right or wrong. Inputs named in `integers` are of the type int64, all ones. */
interface Call<K extends OperatorName> {
  inputs: InputShapes;
  attributes: OperatorAttributes[K];
  integers?: readonly number[];
}

type Calls = { readonly [K in OperatorName]: fc.Arbitrary<Call<K>> };

const size = fc.integer({ min: 1, max: 9 });
const few = fc.integer({ min: 1, max: 3 });
const flag = fc.boolean();
const pairOf = (of: fc.Arbitrary<number>): fc.Arbitrary<Pair> => fc.tuple(of, of);
const shapeOf = (min: number, max: number): fc.Arbitrary<Shape> => fc.array(size, { minLength: min, maxLength: max });
const image = fc.tuple(few, size, size, size);
const anyShape = shapeOf(0, 4);
/** Mostly `right`, now and then off by one or two: what people get wrong. */
const nearly = (right: number): fc.Arbitrary<number> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(right) },
    { weight: 1, arbitrary: fc.integer({ min: Math.max(right - 2, 0), max: right + 2 }) },
  );
const nearlyShape = (right: Shape): fc.Arbitrary<Shape> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(right) },
    { weight: 1, arbitrary: fc.tuple(...right.map(nearly)) },
    { weight: 1, arbitrary: fc.constant([...right, 1]) },
  );
const seldomZero = (max: number): fc.Arbitrary<number> =>
  fc.oneof({ weight: 19, arbitrary: fc.integer({ min: 1, max }) }, { weight: 1, arbitrary: fc.constant(0) });
const orNone = (shape: fc.Arbitrary<Shape>): fc.Arbitrary<Shape | null> => fc.option(shape);
const dimOf = (rank: number): fc.Arbitrary<number> => fc.integer({ min: -rank - 1, max: rank });
const none = {};

const unary = anyShape.map((shape) => ({ inputs: [shape], attributes: none }));
const withValue = fc.tuple(anyShape, fc.double()).map(([shape, value]) => ({ inputs: [shape], attributes: { value } }));
/** Two shapes that broadcast, or nearly. */
const broadcasting = shapeOf(1, 4).chain((shape) =>
  fc
    .tuple(
      fc.nat(shape.length),
      fc.nat(shape.length),
      fc.array(flag, { minLength: 8, maxLength: 8 }),
      nearlyShape(shape),
    )
    .map(([cutA, cutB, thin, other]) => ({
      inputs: [
        shape.slice(cutA).map((n, i) => (thin[i] ? 1 : n)),
        other.slice(cutB).map((n, i) => (thin[i + 4] ? 1 : n)),
      ],
      attributes: none,
    })),
);
const reducing = anyShape.chain((shape) =>
  fc
    .record({ dims: fc.array(dimOf(shape.length), { maxLength: 3 }), keepDim: flag })
    .map((attributes) => ({ inputs: [shape], attributes })),
);
const alongDim = anyShape.chain((shape) =>
  dimOf(shape.length).map((dim) => ({ inputs: [shape], attributes: { dim } })),
);
const adaptive = fc
  .tuple(fc.oneof({ weight: 9, arbitrary: image }, shapeOf(1, 2)), pairOf(fc.constantFrom(-1, 1, 2, 3, 4, 5, 6, 7)))
  .map(([shape, target]) => ({ inputs: [shape], attributes: { size: target } }));
const reduction = fc.constantFrom("mean" as const, "sum" as const, "none" as const);

const calls: Calls = {
  conv2d: fc
    .record({ groups: fc.integer({ min: 0, max: 3 }), perGroup: few, out: few, n: few, h: size, w: size })
    .chain(({ groups, perGroup, out, n, h, w }) =>
      fc.record({
        inputs: fc.tuple(
          nearlyShape([n, perGroup * Math.max(groups, 1), h, w]).filter((x) => x.length !== 3),
          fc.tuple(nearly(out * Math.max(groups, 1)), nearly(perGroup), few, few),
          orNone(nearlyShape([out * Math.max(groups, 1)])),
        ),
        attributes: fc.record({
          stride: pairOf(nearly(1)),
          padding: pairOf(nearly(0)),
          dilation: pairOf(nearly(1)),
          groups: fc.constant(groups),
        }),
      }),
    ),
  linear: shapeOf(1, 4).chain((shape) =>
    size.chain((out) =>
      fc.record({
        inputs: fc.tuple(
          fc.constant(shape),
          nearlyShape([out, shape.at(-1) ?? 1]).filter((w) => w.length === 2),
          orNone(nearlyShape([out]).filter((b) => b.length === 1)),
        ),
        attributes: fc.constant(none),
      }),
    ),
  ),
  matmul: fc.tuple(size, size, size, shapeOf(0, 2)).chain(([n, k, m, batch]) =>
    fc.tuple(nearlyShape([...batch, n, k]), nearly(k), fc.nat(batch.length), flag).map(([a, k2, cut, thin]) => ({
      inputs: [a, [...batch.slice(cut).map((b) => (thin ? 1 : b)), k2, m]],
      attributes: none,
    })),
  ),

  batchNorm: fc.tuple(shapeOf(2, 4), flag).chain(([shape, training]) => {
    // libtorch takes [C, 1] for [C] here
    const channels = nearly(shape[1] ?? 0).map((count) => [count]);
    const statistics = orNone(channels);
    return fc.record({
      inputs: fc
        .tuple(orNone(channels), orNone(channels), statistics)
        .map(([weight, bias, mean]) => [shape, weight, bias, mean, mean, null]),
      attributes: fc.record({ training: fc.constant(training), momentum: fc.constant(0.1), eps: fc.constant(1e-5) }),
    });
  }),
  groupNorm: fc.tuple(few, few).chain(([groups, each]) =>
    fc.record({
      inputs: fc.tuple(
        fc.tuple(few, nearly(groups * each), size, size),
        orNone(nearlyShape([groups * each])),
        orNone(nearlyShape([groups * each])),
      ),
      attributes: fc.record({ groups: nearly(groups), eps: fc.constant(1e-5) }),
    }),
  ),
  layerNorm: shapeOf(1, 4).chain((shape) =>
    fc
      .integer({ min: 1, max: shape.length })
      .chain((count) => nearlyShape(shape.slice(-count)))
      .chain((normalizedShape) =>
        fc.record({
          inputs: fc.tuple(
            fc.constant(shape),
            orNone(nearlyShape(normalizedShape)),
            orNone(nearlyShape(normalizedShape)),
          ),
          attributes: fc.constant({ normalizedShape, eps: 1e-5 }),
        }),
      ),
  ),

  maxPool2d: fc.record({
    inputs: fc.tuple(fc.oneof({ weight: 9, arbitrary: image }, shapeOf(1, 2))),
    attributes: fc.record({
      kernel: pairOf(seldomZero(5)),
      stride: pairOf(seldomZero(4)),
      padding: pairOf(fc.integer({ min: 0, max: 2 })),
      dilation: pairOf(nearly(1)),
      ceilMode: flag,
    }),
  }),
  avgPool2d: fc.record({
    inputs: fc.tuple(fc.oneof({ weight: 9, arbitrary: image }, shapeOf(1, 2))),
    attributes: fc.record({
      kernel: pairOf(seldomZero(5)),
      stride: pairOf(seldomZero(4)),
      padding: pairOf(fc.integer({ min: 0, max: 2 })),
      ceilMode: flag,
      countIncludePad: flag,
    }),
  }),
  adaptiveAvgPool2d: adaptive,
  adaptiveMaxPool2d: adaptive,

  relu: unary,
  relu6: unary,
  leakyRelu: anyShape.map((shape) => ({ inputs: [shape], attributes: { slope: 0.1 } })),
  silu: unary,
  gelu: anyShape.map((shape) => ({ inputs: [shape], attributes: { approximate: "tanh" as const } })),
  sigmoid: unary,
  tanh: unary,
  hardsigmoid: unary,
  hardswish: unary,
  softmax: alongDim,
  logSoftmax: alongDim,
  dropout: anyShape.map((shape) => ({ inputs: [shape], attributes: { p: 0.5 } })),
  stochasticDepth: fc
    .tuple(anyShape, fc.constantFrom("row" as const, "batch" as const))
    .map(([shape, mode]) => ({ inputs: [shape], attributes: { p: 0.5, mode } })),

  add: broadcasting,
  sub: broadcasting,
  mul: broadcasting,
  div: broadcasting,
  addScalar: withValue,
  mulScalar: withValue,
  divScalar: withValue,
  exp: unary,
  log: unary,
  sqrt: unary,
  mean: reducing,
  sum: reducing,

  cat: shapeOf(1, 4).chain((shape) =>
    fc.record({
      inputs: fc
        .array(nearlyShape(shape), { minLength: 1, maxLength: 3 })
        .map((others) => [shape, ...others])
        // libtorch leaves out empty vectors, a relic
        .filter((shapes) => shapes.every((s) => s.length !== 1 || s[0] !== 0)),
      attributes: fc.record({ dim: dimOf(shape.length) }),
    }),
  ),
  flatten: anyShape.chain((shape) =>
    fc
      .record({ start: dimOf(shape.length), end: dimOf(shape.length) })
      .map((attributes) => ({ inputs: [shape], attributes })),
  ),
  reshape: anyShape.chain((shape) =>
    fc
      .tuple(fc.shuffledSubarray([...shape], { minLength: shape.length }), fc.nat(4), fc.boolean(), nearly(1))
      .map(([order, at, guess, extra]) => {
        const target = [...order.slice(0, at), extra, ...order.slice(at)];
        return { inputs: [shape], attributes: { shape: guess ? target.with(0, -1) : target } };
      }),
  ),
  permute: anyShape.chain((shape) =>
    fc
      .oneof(
        {
          weight: 5,
          arbitrary: fc.shuffledSubarray(
            shape.map((_, i) => i),
            { minLength: shape.length },
          ),
        },
        { weight: 1, arbitrary: fc.array(dimOf(shape.length), { maxLength: 4 }) },
      )
      .map((dims) => ({ inputs: [shape], attributes: { dims } })),
  ),
  slice: anyShape.chain((shape) =>
    fc
      .record({
        dim: dimOf(shape.length),
        start: fc.integer({ min: -12, max: 12 }),
        end: fc.integer({ min: -12, max: 12 }),
      })
      .map((attributes) => ({ inputs: [shape], attributes })),
  ),
  pad: fc
    .tuple(anyShape, fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: -4, max: 4 }))))
    .map(([shape, [left = 0, right = 0, top = 0, bottom = 0]]) => ({
      inputs: [shape],
      attributes: { padding: [left, right, top, bottom] as const, value: 0 },
    }))
    // to pad to nothing is an error in one version and not in another
    .filter(
      ({ inputs: [shape = []], attributes: { padding: p } }) =>
        (shape.at(-1) ?? 0) + p[0] + p[1] !== 0 && (shape.at(-2) ?? 0) + p[2] + p[3] !== 0,
    ),
  shift: fc
    .tuple(fc.oneof({ weight: 9, arbitrary: image }, shapeOf(1, 3)), fc.integer({ min: -3, max: 5 }))
    .map(([shape, kernel]) => ({ inputs: [shape], attributes: { kernel } })),

  crossEntropy: fc.tuple(few, fc.integer({ min: 2, max: 9 }), flag, shapeOf(0, 2)).chain(([n, k, indices, rest]) =>
    fc.record({
      inputs: fc.tuple(
        fc.constant([n, k, ...rest]),
        nearlyShape(indices ? [n, ...rest] : [n, k, ...rest]),
        orNone(nearly(k).map((count) => [count])),
      ),
      attributes: fc.record({ labelSmoothing: fc.constantFrom(0, 0.1), reduction }),
      integers: fc.constant(indices ? [1] : []),
    }),
  ),
  binaryCrossEntropyWithLogits: shapeOf(1, 3).chain((shape) =>
    fc.record({
      inputs: nearlyShape(shape).map((target) => [shape, target]),
      attributes: fc.record({ reduction }),
    }),
  ),
  mseLoss: shapeOf(1, 3).chain((shape) =>
    fc.record({ inputs: nearlyShape(shape).map((target) => [shape, target]), attributes: fc.record({ reduction }) }),
  ),
};

type Outcome = Shape | "refused";

function executed<K extends OperatorName>(operator: K, { inputs, attributes, integers = [] }: Call<K>): Outcome {
  return scope(() => {
    const ids = inputs.map((shape, i) =>
      shape ? ones(shape, { dtype: integers.includes(i) ? "int64" : "float32" }).id : null,
    );
    try {
      return TorchTensor.adopt(execute(operator, ids, attributes)).shape;
    } catch {
      return "refused";
    }
  });
}

function inferred<K extends OperatorName>(operator: K, { inputs, attributes }: Call<K>): Outcome {
  try {
    return inferShape(operator, inputs, attributes);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    expect(error.message).toMatch(new RegExp(`^${operator}\\(`));
    return "refused";
  }
}

function compare<K extends OperatorName>(operator: K, arbitrary: fc.Arbitrary<Call<K>>): void {
  let accepted = 0;
  fc.assert(
    fc.property(arbitrary, (call) => {
      const outcome = executed(operator, call);
      if (outcome !== "refused") accepted++;
      expect(inferred(operator, call)).toEqual(outcome);
    }),
    { seed: 20240517, numRuns: 300 },
  );
  // the generator makes more sense than nonsense
  expect(accepted).toBeGreaterThan(50);
}

// Threads that wait for each other, beside other tests, take many times as long.
beforeAll(() => setThreads(1));

describe("shapes come out, or calls are refused, as by libtorch", () => {
  for (const operator of Object.keys(calls) as OperatorName[]) {
    test(operator, () => compareAny(operator));
  }
});

function compareAny<K extends OperatorName>(operator: K): void {
  compare(operator, calls[operator]);
}
