import { afterEach, describe, expect, test } from "vitest";
import { checkGradients } from "../../../test/engine/gradcheck.js";
import type { DType } from "../dtype.js";
import type { Shape } from "../shape.js";
import type { NormActivation, Tensor } from "../tensor.js";
import {
  autocast,
  grad,
  manualSeed,
  memory,
  noGrad,
  rand,
  randn,
  scope,
  setFused,
  setThreads,
  TorchTensor,
  tensor,
  threads,
  zeros,
} from "./index.js";

const activations: readonly NormActivation[] = ["none", "relu", "relu6", "silu", "hardswish"];
const tolerance = { float64: 1e-11, float32: 2e-5 } as const;

afterEach(() => setFused(true));

function torch(x: Tensor): TorchTensor {
  if (x instanceof TorchTensor) return x;
  throw new Error("not computed");
}

interface Setting {
  dtype?: "float64" | "float32";
  shape: Shape;
  activation?: NormActivation;
  residual?: boolean;
  training?: boolean;
  affine?: boolean;
  tracked?: boolean;
  momentum?: number | null;
  /** What is made of the input, e.g. another layout. */
  input?: (x: TorchTensor) => TorchTensor;
  /** What is made of the gradient that comes in. */
  gradient?: (g: TorchTensor) => TorchTensor;
  frozen?: readonly ("x" | "weight" | "bias" | "residual")[];
}

/** The result, all gradients and the running statistics, with this repository's kernels or libtorch's operators. */
function outcome(fused: boolean, setting: Setting): Record<string, Float64Array | null> {
  const { dtype = "float64", shape, activation = "none", training = true, momentum = 0.1 } = setting;
  const { affine = true, tracked = true, frozen = [] } = setting;
  const { input = (x) => x, gradient = (g) => g } = setting;
  return scope(() => {
    setFused(fused);
    manualSeed(3);
    const channels = [shape[1] ?? 0];
    const own = (x: Tensor) => torch(x).to({ dtype }).detach();
    const leaves = {
      // A mean far from 0 on the scale of the deviation, as it is before a first norm.
      x: own(input(own(randn(shape).mul(2).add(5)))),
      weight: affine ? own(randn(channels)) : null,
      bias: affine ? own(randn(channels)) : null,
      residual: setting.residual ? own(randn(shape)) : null,
    };
    for (const [name, leaf] of Object.entries(leaves)) {
      if (leaf && !frozen.some((one) => one === name)) leaf.requiresGrad = true;
    }
    const runningMean = tracked ? own(randn(channels).add(5)) : null;
    const runningVar = tracked ? own(rand(channels).add(2)) : null;
    const batchesTracked = tracked ? tensor(BigInt64Array.of(3n), []) : null;
    const { x, weight, bias, residual } = leaves;
    const options = { weight, bias, runningMean, runningVar, batchesTracked, training, momentum, eps: 1e-3 };
    const y = x.batchNormAct(options, activation, residual);
    if (y.requiresGrad) y.backward({ gradient: gradient(own(randn(shape))) });
    const values = (t: TorchTensor | null) => t?.dataAs("float64") ?? null;
    const gradients = Object.entries(leaves).map(([name, leaf]) => [`gradient of ${name}`, values(leaf?.grad ?? null)]);
    return {
      y: values(y),
      ...Object.fromEntries(gradients),
      runningMean: values(runningMean),
      runningVar: values(runningVar),
      batchesTracked: values(batchesTracked),
      layout: Float64Array.from(y.strides),
    };
  });
}

function expectAlike(setting: Setting): void {
  const [own, libtorch] = [outcome(true, setting), outcome(false, setting)];
  const most = tolerance[setting.dtype ?? "float64"];
  for (const [name, values] of Object.entries(libtorch)) {
    const found = own[name] ?? null;
    if (values === null || found === null) {
      expect([name, found]).toEqual([name, values]);
      continue;
    }
    const size = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
    const error = values.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (found[i] ?? Number.NaN))), 0);
    expect(error / size, name).toBeLessThan(most);
  }
}

const channelsLast = (x: TorchTensor) => x.contiguous("channelsLast");

describe("batch norm with what follows it is what libtorch's operators compute", () => {
  for (const dtype of ["float64", "float32"] as const) {
    for (const training of [true, false]) {
      test.each(activations)(`with %s, ${dtype}, ${training ? "training" : "evaluation"}`, (activation) => {
        for (const input of [undefined, channelsLast]) {
          for (const residual of [false, true]) {
            expectAlike({ dtype, shape: [3, 20, 5, 4], activation, training, residual, input });
          }
        }
      });
    }
  }

  test.each([
    [[4, 1, 5, 3]],
    [[7, 3, 1, 1]],
    [[1, 17, 9, 7]],
    [[2, 131, 3, 3]],
    [[5, 64, 8, 8]],
    [[33, 9]],
    [[130, 48]],
    [[4, 6, 11]],
    [[2, 3, 4, 5, 3]],
    [[2, 2, 70, 90]],
    [[3, 16, 80, 75]],
  ])("for the shape %j", (shape) => {
    for (const dtype of ["float64", "float32"] as const) {
      for (const input of shape.length === 4 ? [undefined, channelsLast] : [undefined]) {
        expectAlike({ dtype, shape, activation: "silu", input });
        expectAlike({ dtype, shape, activation: "relu", residual: true, input });
        expectAlike({ dtype, shape, activation: "hardswish", training: false, input });
      }
    }
  });

  test("for inputs and gradients of other layouts", () => {
    const shape = [3, 8, 6, 5];
    const transposed = (x: TorchTensor) =>
      torch(
        torch(x.permute([0, 1, 3, 2]))
          .contiguous()
          .permute([0, 1, 3, 2]),
      );
    const everyOther = (x: TorchTensor) => torch(x.cat([x], 3).slice(3, 2, 7));
    const same = (g: TorchTensor) => torch(torch(g.mean([2, 3], true)).add(zeros(g.shape, { dtype: g.dtype })));
    for (const activation of ["none", "relu", "silu"] as const) {
      for (const residual of [false, true]) {
        for (const input of [transposed, everyOther]) expectAlike({ shape, activation, residual, input });
        for (const gradient of [channelsLast, transposed, same]) expectAlike({ shape, activation, residual, gradient });
        expectAlike({ shape, activation, residual, input: channelsLast, gradient: transposed });
      }
    }
  });

  test("without weights, without running statistics, with other momenta", () => {
    for (const input of [undefined, channelsLast]) {
      const setting = { shape: [4, 6, 3, 3], activation: "relu", input } as const;
      expectAlike({ ...setting, affine: false });
      expectAlike({ ...setting, affine: false, tracked: false });
      expectAlike({ ...setting, affine: false, training: false });
      expectAlike({ ...setting, momentum: null });
      expectAlike({ ...setting, momentum: 0 });
      expectAlike({ ...setting, momentum: 1 });
    }
  });

  test("whatever is frozen, and without any gradient", () => {
    const all = ["x", "weight", "bias", "residual"] as const;
    for (const training of [true, false]) {
      for (const activation of ["none", "relu", "silu"] as const) {
        const setting = { shape: [3, 5, 4, 4], activation, residual: true, training };
        for (const one of all) {
          expectAlike({ ...setting, frozen: [one] });
          expectAlike({ ...setting, frozen: all.filter((name) => name !== one) });
        }
        expectAlike({ ...setting, frozen: all });
      }
    }
    const bare = noGrad(() => outcome(true, { shape: [3, 5, 4, 4], activation: "relu" }));
    expect(bare.y).toEqual(outcome(true, { shape: [3, 5, 4, 4], activation: "relu" }).y);
    expect(bare["gradient of x"]).toBeNull();
  });

  test("for an empty batch", () => {
    expectAlike({ shape: [0, 4, 3, 3], activation: "relu", training: false });
    expectAlike({ shape: [0, 4, 3, 3], activation: "relu", training: false, input: channelsLast, residual: true });
  });

  test("where a type or autocast is not the kernels'", () =>
    scope(() => {
      const x = randn([2, 4, 3, 3]);
      const options = { runningMean: null, runningVar: null, batchesTracked: null, training: true, momentum: 0.1 };
      const norm = (input: TorchTensor, weight: TorchTensor | null) =>
        input.batchNormAct({ ...options, weight, bias: null, eps: 1e-5 }, "relu", input);
      for (const run of [
        () => norm(x.to({ dtype: "bfloat16" }), randn([4])),
        () => autocast("cpu", "bfloat16", () => norm(x, randn([4]))),
      ]) {
        const results = [true, false].map((on) => {
          setFused(on);
          manualSeed(1);
          const y = run();
          return { dtype: y.dtype, values: y.dataAs("float32") };
        });
        expect(results[0]).toEqual(results[1]);
      }
    }));
});

test("infinities and NaNs go the way that they go in libtorch", () => {
  const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -200, -90, -3, 0, 3, 6, 90, 200];
  const options = { weight: null, bias: null, batchesTracked: null, training: false, momentum: 0.1, eps: 0 };
  // Gradients that libtorch 1.13 and 2.13 do not agree about.
  const unsettled = { none: [], relu: [], relu6: [Number.NaN], hardswish: [Number.NaN, -3, 3] };
  for (const dtype of ["float64", "float32"] as const) {
    for (const activation of ["none", "relu", "relu6", "hardswish"] as const) {
      const settled = values.map((value) => !unsettled[activation].some((each) => Object.is(each, value)));
      const [own, libtorch] = [true, false].map((on) =>
        scope(() => {
          setFused(on);
          const x = torch(tensor(Float64Array.from(values), [values.length, 1])).to({ dtype });
          x.requiresGrad = true;
          const runningMean = zeros([1], { dtype });
          const runningVar = torch(zeros([1], { dtype }).add(1));
          const y = x.batchNormAct({ ...options, runningMean, runningVar }, activation);
          y.backward({ gradient: torch(zeros(y.shape, { dtype }).add(1)) });
          const rounded = (t: TorchTensor | null) => Array.from(t?.dataAs("float64") ?? [], (v) => v.toPrecision(6));
          return { y: rounded(y), gradient: rounded(x.grad).filter((_, i) => settled[i]) };
        }),
      );
      expect(own, activation).toEqual(libtorch);
    }
  }
});

test("float32 has the digits that float64 gives, though the mean is far from 0", () => {
  for (const input of [undefined, channelsLast]) {
    const far = (x: TorchTensor) => torch((input?.(x) ?? x).add(1000));
    const setting = { shape: [16, 12, 20, 20], activation: "silu", tracked: false, input: far } as const;
    // The same numbers for both: those that float32 can hold.
    const rounded = (x: TorchTensor) => far(x.to({ dtype: "float32" })).to({ dtype: x.dtype });
    const exact = outcome(false, { ...setting, input: rounded });
    const own = outcome(true, { ...setting, dtype: "float32" });
    const errors = exact.y?.map((value, i) => Math.abs(value - (own.y?.[i] ?? Number.NaN))) ?? [];
    // Inputs around 1,000 stand 6e-5 apart, and the deviation is 2.
    expect(Math.max(...errors)).toBeLessThan(2e-4);
  }
});

test("silu is that of float64 to float32's digits", () => {
  const points = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) * 0.047);
  const options = { weight: null, bias: null, batchesTracked: null, training: false, momentum: 0.1, eps: 0 };
  const x = tensor(points, [points.length, 1]);
  const y = x.batchNormAct({ ...options, runningMean: zeros([1]), runningVar: torch(zeros([1]).add(1)) }, "silu");
  const found = y.dataAs("float32");
  for (const [i, point] of points.entries()) {
    const wanted = point / (1 + Math.exp(-point));
    expect(Math.abs((found[i] ?? Number.NaN) - wanted)).toBeLessThanOrEqual(4e-7 * Math.abs(wanted) + 1e-35);
  }
});

test.each([2, 3])("with %i threads the result is the same to the last bit", (count) => {
  const before = threads();
  const setting = { dtype: "float32", shape: [6, 20, 40, 40], activation: "silu", residual: true } as const;
  try {
    for (const input of [undefined, channelsLast]) {
      setThreads(1);
      const one = outcome(true, { ...setting, input });
      setThreads(count);
      for (const [name, values] of Object.entries(outcome(true, { ...setting, input }))) {
        const differ = values?.some((value, i) => value !== one[name]?.[i]);
        expect(differ, name).toBe(false);
      }
    }
  } finally {
    setThreads(before);
  }
});

describe("gradients", () => {
  const options = {
    runningMean: null,
    runningVar: null,
    batchesTracked: null,
    training: true,
    momentum: 0.1,
    eps: 0.1,
  };
  const shape = [2, 3, 2, 2];

  test.each(activations)("and gradients of gradients are right, with %s", (activation) => {
    checkGradients(
      {
        inputs: [shape, [3], [3], shape],
        f: (x, weight, bias, residual) =>
          x.batchNormAct({ ...options, weight: weight ?? null, bias: bias ?? null }, activation, residual),
      },
      true,
    );
    checkGradients(
      {
        inputs: [shape, [3], [3]],
        f: (x, weight, bias) => x.batchNormAct({ ...options, weight: weight ?? null, bias: bias ?? null }, activation),
      },
      true,
    );
  });

  test("of gradients in evaluation too, of running statistics that have changed since", () => {
    const f = (x: TorchTensor, weight?: TorchTensor, bias?: TorchTensor) => {
      const runningMean = tensor(Float64Array.of(0.5, -0.2, 0.1));
      const runningVar = tensor(Float64Array.of(1.5, 0.7, 0.4));
      const statistics = { runningMean, runningVar, training: false };
      const y = x.batchNormAct({ ...options, ...statistics, weight: weight ?? null, bias: bias ?? null }, "silu");
      runningMean.fill_(3);
      runningVar.fill_(3);
      return y;
    };
    checkGradients({ inputs: [shape, [3], [3]], f }, true);
  });

  test("count a tensor twice that comes in twice", () => {
    checkGradients(
      { inputs: [shape], f: (x) => x.batchNormAct({ ...options, weight: null, bias: null }, "silu", x) },
      true,
    );
    checkGradients(
      { inputs: [shape], f: (x) => x.batchNormAct({ ...options, weight: null, bias: null }, "relu", x) },
      true,
    );
  });

  test("are refused once what they need was overwritten", () => {
    const x = randn([2, 3, 2, 2]);
    x.requiresGrad = true;
    const y = x.batchNormAct({ ...options, weight: null, bias: null }, "relu", randn([2, 3, 2, 2]));
    noGrad(() => y.fill_(1));
    expect(() => grad([torch(y.sum())], [x])).toThrow(/modified by an inplace operation/);
  });

  test("that need the result let it be freed with its graph", () => {
    const x = randn([4, 16, 32, 32]);
    x.requiresGrad = true;
    const step = () =>
      scope(() => void x.batchNormAct({ ...options, weight: null, bias: null }, "relu", randn([4, 16, 32, 32])));
    step();
    const before = memory().used;
    step();
    expect(memory().used).toBe(before);
  });
});

describe("what does not fit is refused as by libtorch", () => {
  const norm = (shape: Shape, channels: number, dtype: DType = "float32", training = true) =>
    randn(shape).batchNormAct(
      {
        weight: zeros([channels], { dtype }),
        bias: null,
        runningMean: null,
        runningVar: null,
        batchesTracked: null,
        training,
        momentum: 0.1,
        eps: 1e-5,
      },
      "relu",
    );

  test.each([
    ["weights for other channels", () => norm([2, 3, 4, 4], 5), /weight should contain 3 elements not 5/],
    ["evaluation without statistics", () => norm([2, 3, 4, 4], 3, "float32", false), /running_mean must be defined/],
    ["a single dimension", () => norm([3], 3), /./],
  ])("%s", (_, run, message) => {
    setFused(false);
    expect(run).toThrow(message);
    setFused(true);
    expect(run).toThrow(message);
  });
});
