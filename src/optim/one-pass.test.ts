import { isDeepStrictEqual } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { expectClose, waves } from "../../test/support/golden.js";
import { init, Parameter } from "../nn/index.js";
import { elements, type Shape } from "../tensor/index.js";
import { isFused, noGrad, setFused, setThreads, TorchTensor, threads } from "../tensor/torch/index.js";
import { Adam, AdamW, clipGradNorm, LAMB, Lion, type Optimizer, RMSprop, SGD } from "./index.js";

type Parameters = Iterable<[string, Parameter]>;
type Type = "float32" | "float64" | "bfloat16";
type Layout = (tensor: TorchTensor) => TorchTensor;

const fused = isFused();
const count = threads();
afterEach(() => {
  setFused(fused);
  setThreads(count);
});

const rate = 0.05;
const optimizers: Record<string, (parameters: Parameters) => Optimizer> = {
  SGD: (p) => new SGD(p, { learningRate: rate }),
  "SGD with decay": (p) => new SGD(p, { learningRate: rate, weightDecay: 0.1 }),
  "SGD with momentum": (p) => new SGD(p, { learningRate: rate, momentum: 0.9, weightDecay: 0.1 }),
  "SGD of Nesterov": (p) => new SGD(p, { learningRate: rate, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  Adam: (p) => new Adam(p, { learningRate: rate, weightDecay: 0.1 }),
  AdamW: (p) => new AdamW(p, { learningRate: rate, weightDecay: 0.1 }),
  RMSprop: (p) => new RMSprop(p, { learningRate: rate, weightDecay: 0.1 }),
  "RMSprop with momentum": (p) => new RMSprop(p, { learningRate: rate, momentum: 0.9, weightDecay: 0.1 }),
  "RMSprop of TensorFlow": (p) => new RMSprop(p, { learningRate: rate, momentum: 0.9, formulae: "tensorflow" }),
  LAMB: (p) => new LAMB(p, { learningRate: rate, weightDecay: 0.1 }),
  "LAMB without decay": (p) => new LAMB(p, { learningRate: rate, weightDecay: 0 }),
  Lion: (p) => new Lion(p, { learningRate: rate, weightDecay: 0.1 }),
};

const contiguous: Layout = (x) => x.contiguous();
const channelsLast: Layout = (x) => (x.shape.length === 4 ? x.contiguous("channelsLast") : x);
/** Every second element of a tensor twice as wide. */
function gaps(x: TorchTensor): TorchTensor {
  const wide = TorchTensor.of(x.cat([x], x.shape.length - 1)).contiguous();
  const last = wide.size(-1) / 2;
  return TorchTensor.of(wide.slice(x.shape.length - 1, last, 2 * last));
}

const shapes: Shape[] = [[24, 5, 3, 3], [], [1], [33], [16, 8, 1, 1], [3, 1, 5, 5], [3, 0], [97, 181], [1, 2, 4, 4]];

interface Problem {
  type?: Type;
  shapes?: readonly Shape[];
  values?: Layout;
  gradients?: Layout;
}

/** Parameters and their gradients after some steps, whose gradients differ. */
class Steps {
  readonly parameters: [string, Parameter][];
  readonly #problem: Required<Problem>;

  constructor({ type = "float64", shapes: own = shapes, values = contiguous, gradients = contiguous }: Problem) {
    this.#problem = { type, shapes: own, values, gradients };
    this.parameters = own.map((shape, i) => {
      const parameter = new Parameter(shape, init.constant(0));
      parameter.load(values(waves(shape, i, 0.7).to({ dtype: type })));
      return [`${i}`, parameter];
    });
  }

  grads(salt: number): void {
    const { type, gradients } = this.#problem;
    for (const [i, [, parameter]] of this.parameters.entries()) {
      const gradient = waves(parameter.shape, 100 * salt + i).to({ dtype: type });
      TorchTensor.of(parameter).grad = noGrad(() => gradients(gradient));
    }
  }

  run(optimizer: Optimizer, steps = 3): number[][] {
    for (let step = 1; step <= steps; step++) {
      this.grads(step);
      optimizer.step();
    }
    return this.all();
  }

  all(): number[][] {
    return this.parameters.map(([, parameter]) => [...TorchTensor.of(parameter).dataAs("float64")]);
  }
}

/** The weights after some steps. */
function trained(make: (parameters: Parameters) => Optimizer, on: boolean, problem: Problem): number[][] {
  setFused(on);
  const steps = new Steps(problem);
  return steps.run(make(steps.parameters));
}

function expectAlike(actual: number[][], expected: number[][], tolerance: number): void {
  expect(actual.map((values) => values.length)).toEqual(expected.map((values) => values.length));
  for (const [i, values] of expected.entries()) if (values.length > 0) expectClose(actual[i] ?? [], values, tolerance);
}

describe.each(Object.entries(optimizers))("%s in one pass", (_, make) => {
  it.each<[string, Problem, number]>([
    ["float64", {}, 1e-12],
    ["float32", { type: "float32" }, 2e-6],
    ["float64, weights channels last", { values: channelsLast }, 1e-12],
    ["float64, gradients channels last", { gradients: channelsLast }, 1e-12],
    ["float32, both channels last", { type: "float32", values: channelsLast, gradients: channelsLast }, 2e-6],
    ["float64, gradients with gaps in memory", { shapes: [[4, 6], [7]], gradients: gaps }, 1e-12],
    ["bfloat16, which it does not take", { type: "bfloat16" }, 0],
  ])("is as by libtorch's operators: %s", (_name, problem, tolerance) => {
    const plain = trained(make, false, problem);
    expectAlike(trained(make, true, problem), plain, tolerance);
    expect(plain).not.toEqual(new Steps(problem).all());
  });

  it("comes to the same bits with any number of threads", () => {
    const problem: Problem = { type: "float32", shapes: [[3], [150, 401], [5], [8192]] };
    setThreads(1);
    const one = trained(make, true, problem);
    for (const several of [2, 3]) {
      setThreads(several);
      expect(isDeepStrictEqual(trained(make, true, problem), one)).toBe(true);
    }
  });
});

it("some of the tensors may be of another type", () => {
  const run = (on: boolean) => {
    setFused(on);
    const mixed = (["bfloat16", "float32", "float64"] as const).map(
      (type) => new Steps({ type, shapes: [[3, 4], [5]] }),
    );
    const named = mixed.flatMap(({ parameters }, i) =>
      parameters.map(([name, parameter]): [string, Parameter] => [`${i}.${name}`, parameter]),
    );
    const optimizer = new LAMB(named, { learningRate: rate });
    for (let step = 1; step <= 3; step++) {
      for (const steps of mixed) steps.grads(step);
      optimizer.step();
    }
    return mixed.flatMap((steps) => steps.all());
  };
  expectAlike(run(true), run(false), 2e-6);
});

it("autograd knows that the weights have changed", () => {
  setFused(true);
  const { parameters } = new Steps({ shapes: [[3]] });
  const [[, parameter] = [undefined, undefined]] = parameters;
  if (!parameter) throw new Error("no parameters");
  const loss = TorchTensor.of(TorchTensor.of(parameter).mul(parameter).sum());
  TorchTensor.of(parameter).grad = waves([3], 1).to({ dtype: "float64" });
  new SGD(parameters, { learningRate: 1 }).step();
  expect(() => loss.backward()).toThrow("modified by an inplace operation");
});

it("a loaded state lies in memory as the weights do", () => {
  const problem: Problem = { shapes: [[6, 5, 3, 3]], values: channelsLast };
  const make = (p: Parameters) => new SGD(p, { learningRate: rate, momentum: 0.9 });
  const saved = make(new Steps(problem).parameters);
  const contiguousState = new Map([["momentum/0", waves([6, 5, 3, 3], 5).to({ dtype: "float64" })]]);
  saved.loadStateDict({ steps: new Map([["0", 3]]), tensors: contiguousState });
  const loaded = saved.stateDict().tensors.get("momentum/0");
  expect(loaded?.isContiguous("channelsLast")).toBe(true);
  expect(loaded?.data()).toEqual(contiguousState.get("momentum/0")?.data());
});

describe("clipGradNorm in one pass", () => {
  it.each<[string, Problem, number]>([
    ["float64", {}, 1e-12],
    ["float32", { type: "float32" }, 1e-6],
    ["channels last", { type: "float32", gradients: channelsLast }, 1e-6],
    ["gaps in memory, which it does not take", { shapes: [[4, 6], [7]], gradients: gaps }, 1e-12],
  ])("is as by libtorch's operators: %s", (_, problem, tolerance) => {
    const clipped = (on: boolean) => {
      setFused(on);
      const steps = new Steps(problem);
      steps.grads(1);
      const norm = clipGradNorm(steps.parameters, 0.3);
      return [[norm], ...steps.parameters.map(([, p]) => [...(TorchTensor.of(p).grad?.dataAs("float64") ?? [])])];
    };
    expectAlike(clipped(true), clipped(false), tolerance);
    expect(Math.hypot(...clipped(true).slice(1).flat())).toBeCloseTo(0.3, 5);
  });

  it("comes to the same bits with any number of threads", () => {
    const norms = [1, 2, 3].map((several) => {
      setThreads(several);
      const steps = new Steps({ type: "float32", shapes: [[3], [300, 401], [8192]] });
      steps.grads(1);
      return clipGradNorm(steps.parameters, 1);
    });
    expect(new Set(norms).size).toBe(1);
    expect(norms[0]).toBeGreaterThan(elements([300, 401]) ** 0.5 / 3);
  });
});
