import { describe, expect, it } from "vitest";
import { computed, expectClose, fillByPlace, readGolden, waves } from "../../test/support/golden.js";
import { ArgumentError } from "../errors.js";
import { Linear, type Parameter, Sequential, Tanh } from "../nn/index.js";
import { device, memory, scope, TorchTensor, tensor } from "../tensor/torch/index.js";
import { Adam, AdamW, LAMB, Lion, type Optimizer, RMSprop, SGD, withoutDecay } from "./index.js";

interface Run {
  losses: number[];
  weights: Record<string, number[]>;
}

const golden = readGolden<{ optimizers: Record<string, Run> }>("optimizers").optimizers;

type Parameters = Iterable<[string, Parameter]>;

/** The first layer learns at a tenth of the rate, and biases do not decay. */
const groups = [withoutDecay(), { has: (name: string) => name.startsWith("0."), rate: 0.1 }];

/** The same optimisers as in `test/golden/optimizers.py`. */
const optimizers: Record<string, (parameters: Parameters) => Optimizer> = {
  sgd: (p) => new SGD(p, { learningRate: 0.05 }),
  "sgd decay": (p) => new SGD(p, { learningRate: 0.05, weightDecay: 0.1 }),
  "sgd momentum": (p) => new SGD(p, { learningRate: 0.05, momentum: 0.9 }),
  "sgd nesterov": (p) => new SGD(p, { learningRate: 0.05, momentum: 0.8, nesterov: true, weightDecay: 0.02 }),
  "sgd groups": (p) => new SGD(p, { learningRate: 0.05, momentum: 0.9, weightDecay: 0.1, groups }),
  adam: (p) => new Adam(p),
  "adam options": (p) => new Adam(p, { learningRate: 0.03, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.2 }),
  adamw: (p) => new AdamW(p),
  "adamw options": (p) => new AdamW(p, { learningRate: 0.03, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.2 }),
  "adamw no decay": (p) => new AdamW(p, { learningRate: 0.01, weightDecay: 0 }),
  "adamw groups": (p) => new AdamW(p, { learningRate: 0.03, weightDecay: 0.2, groups }),
  rmsprop: (p) => new RMSprop(p),
  "rmsprop options": (p) =>
    new RMSprop(p, { learningRate: 0.003, alpha: 0.9, eps: 0.0316, momentum: 0.9, weightDecay: 0.1 }),
  "rmsprop tensorflow": (p) => new RMSprop(p, { formulae: "tensorflow" }),
  "rmsprop tensorflow options": (p) =>
    new RMSprop(p, {
      ...{ formulae: "tensorflow", learningRate: 0.003, alpha: 0.8, eps: 0.001, momentum: 0.9, weightDecay: 0.1 },
    }),
  lamb: (p) => new LAMB(p),
  "lamb options": (p) => new LAMB(p, { learningRate: 0.02, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.2 }),
  "lamb groups": (p) => new LAMB(p, { learningRate: 0.02, weightDecay: 0.2, groups }),
  lion: (p) => new Lion(p),
  "lion options": (p) => new Lion(p, { learningRate: 0.003, betas: [0.8, 0.95], weightDecay: 0.5 }),
};

/** The problem of `test/golden/optimizers.py`. */
class Problem {
  readonly network = new Sequential(new Linear(4, 6), new Tanh(), new Linear(6, 2));
  readonly x: TorchTensor;
  readonly y: TorchTensor;

  constructor(dtype: "float32" | "float64" = "float32") {
    fillByPlace(this.network);
    this.network.to({ dtype });
    this.x = waves([8, 4], 11).to({ dtype });
    this.y = waves([8, 2], 12).to({ dtype });
  }

  step(optimizer: Optimizer): number {
    optimizer.zeroGrad();
    const value = scope(() => {
      const loss = computed(this.network.forward(this.x).mseLoss(this.y));
      loss.backward();
      return loss.item();
    });
    optimizer.step();
    return value;
  }

  steps(optimizer: Optimizer, count: number): number[] {
    return Array.from({ length: count }, () => this.step(optimizer));
  }

  weights(): Record<string, number[]> {
    const state = [...this.network.stateDict()];
    return Object.fromEntries(state.map(([name, value]) => [name, [...computed(value).dataAs("float64")]]));
  }
}

describe("50 steps with a falling rate in float64 as in PyTorch", () => {
  it("of all of them", () => expect(Object.keys(optimizers)).toEqual(Object.keys(golden)));

  it.each(Object.entries(optimizers))("%s", (name, make) => {
    const problem = new Problem("float64");
    const optimizer = make(problem.network.parameters());
    const { learningRate } = optimizer;
    const expected = golden[name] ?? { losses: [], weights: {} };
    expect(expected.losses).toHaveLength(50);
    for (const [step, loss] of expected.losses.entries()) {
      optimizer.learningRate = learningRate * (1 - step / 100);
      expect(Math.abs(problem.step(optimizer) / loss - 1)).toBeLessThan(1e-9);
    }
    expect(Object.keys(expected.weights)).toHaveLength(4);
    for (const [path, values] of Object.entries(expected.weights)) {
      expectClose(problem.weights()[path] ?? [], values, 1e-9);
    }
    expect([...optimizer.stateDict().steps.values()]).toEqual([50, 50, 50, 50]);
  });
});

/** The tensors that an optimiser keeps of each parameter. */
function slotsOf(optimizer: Optimizer): string[] {
  const momentum = "momentum" in optimizer && optimizer.momentum ? ["momentum"] : [];
  if (optimizer instanceof SGD) return momentum;
  if (optimizer instanceof RMSprop) return [...momentum, "square"];
  if (optimizer instanceof Lion) return ["mean"];
  return ["mean", "square"];
}

describe.each(Object.entries(optimizers))("the state of %s", (_, make) => {
  it("continues exactly where it was saved", () => {
    const whole = new Problem();
    whole.steps(make(whole.network.parameters()), 15);

    const first = new Problem();
    const saved = make(first.network.parameters());
    first.steps(saved, 7);
    const second = new Problem();
    second.network.loadStateDict(first.network.stateDict());
    const restored = make(second.network.parameters());
    second.step(restored); // a state of its own, which loading must replace
    second.network.loadStateDict(first.network.stateDict());
    restored.loadStateDict(saved.stateDict());
    expect([...restored.stateDict().steps.values()]).toEqual([7, 7, 7, 7]);
    first.steps(saved, 3); // the restored state is a copy
    second.steps(restored, 8);
    expect(second.weights()).toEqual(whole.weights());
  });

  it("names its tensors by slot and parameter", () => {
    const problem = new Problem();
    const optimizer = make(problem.network.parameters());
    problem.step(optimizer);
    const slots = new Set([...optimizer.stateDict().tensors.keys()].map((key) => key.slice(0, key.indexOf("/"))));
    const expected = slotsOf(optimizer);
    expect([...slots].sort()).toEqual(expected);
    expect(optimizer.stateDict().tensors.size).toBe(4 * expected.length);
  });
});

it.each(Object.entries(optimizers))("%s leaves no tensors behind", (_, make) => {
  const problem = new Problem();
  const optimizer = make(problem.network.parameters());
  problem.steps(optimizer, 2);
  // The garbage collector may take what other tests dropped at any moment, so one step without it has to be among these.
  const growth = Array.from({ length: 10 }, () => {
    const before = memory();
    problem.step(optimizer);
    const after = memory();
    return [after.tensors - before.tensors, after.bytes - before.bytes, after.scopes - before.scopes];
  });
  expect([0, 1, 2].map((i) => Math.max(...growth.map((each) => each[i] ?? Number.NaN)))).toEqual([0, 0, 0]);
});

describe("parameters", () => {
  it("that are frozen, or that no gradient reached, stay; also against weight decay", () => {
    const problem = new Problem();
    const [[, frozen] = [undefined, undefined]] = [...problem.network.parameters()];
    if (!frozen) throw new Error("no parameters");
    frozen.trainable = false;
    const unreached = new Linear(2, 2, { bias: false }).materialize(device());
    const before = [...computed(unreached.weight.value).data()];
    const optimizer = new AdamW([...problem.network.parameters(), ["unreached", unreached.weight]], {
      weightDecay: 0.5,
    });
    const start = problem.weights();
    problem.steps(optimizer, 2);
    expect(problem.weights()["0.weight"]).toEqual(start["0.weight"]);
    expect(problem.weights()["2.weight"]).not.toEqual(start["2.weight"]);
    expect([...computed(unreached.weight.value).data()]).toEqual(before);
  });

  it("that thaw late start Adam's averages then: the first update is the learning rate, whatever the gradient", () => {
    const problem = new Problem();
    const [[name, late] = ["", undefined]] = [...problem.network.parameters()];
    if (!late) throw new Error("no parameters");
    late.trainable = false;
    const optimizer = new AdamW(problem.network.parameters(), { learningRate: 1e-3, weightDecay: 0 });
    problem.steps(optimizer, 10);
    late.trainable = true;
    const before = problem.weights()[name] ?? [];
    problem.steps(optimizer, 1);
    const moved = (problem.weights()[name] ?? []).map((value, i) => Math.abs(value - (before[i] ?? 0)));
    expect(Math.max(...moved)).toBeCloseTo(1e-3, 5);
  });

  it("that are frozen while they hold a gradient stay", () => {
    const problem = new Problem();
    const optimizer = new SGD(problem.network.parameters(), { learningRate: 0.1 });
    problem.step(optimizer);
    const before = problem.weights();
    for (const [, parameter] of problem.network.parameters()) parameter.trainable = false;
    optimizer.step();
    expect(problem.weights()).toEqual(before);
  });

  it("still require gradients after a step, which autograd does not record", () => {
    const problem = new Problem();
    problem.step(new SGD(problem.network.parameters(), { learningRate: 0.1 }));
    for (const [, parameter] of problem.network.parameters()) {
      const value = TorchTensor.of(parameter);
      expect([value.requiresGrad, value.isLeaf]).toEqual([true, true]);
    }
  });

  it("lose their gradients by zeroGrad", () => {
    const problem = new Problem();
    const optimizer = new SGD(problem.network.parameters(), { learningRate: 0.1 });
    problem.step(optimizer);
    optimizer.zeroGrad();
    for (const [, parameter] of problem.network.parameters()) expect(TorchTensor.of(parameter).grad).toBeNull();
  });
});

it("the learning rate can be set before every step", () => {
  const problem = new Problem();
  const optimizer = new SGD(problem.network.parameters(), { learningRate: 0.1 });
  optimizer.learningRate = 0;
  const before = problem.weights();
  problem.step(optimizer);
  expect(problem.weights()).toEqual(before);
});

it("LAMB takes Adam's step where all weights are 0, which would have no length to follow", () => {
  const problem = new Problem("float64");
  problem.network.loadStateDict(new Map([["2.bias", tensor([0, 0])]]), { strict: false });
  problem.step(new LAMB(problem.network.parameters(), { learningRate: 0.1, eps: 0, weightDecay: 0.5 }));
  for (const value of problem.weights()["2.bias"] ?? []) expect(Math.abs(value)).toBeCloseTo(0.1, 12);
});

describe("refuses", () => {
  const parameters = () => new Problem().network.parameters();

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("the learning rate %d", (learningRate) => {
    expect(() => new SGD(parameters(), { learningRate })).toThrow(ArgumentError);
    expect(() => new AdamW(parameters(), { learningRate })).toThrow(ArgumentError);
  });

  it.each([-1, Number.NaN])("the weight decay, the momentum or the eps %d", (value) => {
    expect(() => new AdamW(parameters(), { weightDecay: value })).toThrow("weight decay");
    expect(() => new SGD(parameters(), { learningRate: 1, momentum: value })).toThrow("momentum");
    expect(() => new RMSprop(parameters(), { momentum: value })).toThrow("momentum");
    expect(() => new Adam(parameters(), { eps: value })).toThrow("eps");
    expect(() => new LAMB(parameters(), { eps: value })).toThrow("eps");
    expect(() => new RMSprop(parameters(), { eps: value })).toThrow("eps");
  });

  it("no parameters, Nesterov without momentum, betas outside [0, 1), a state of another network", () => {
    expect(() => new AdamW([])).toThrow("no parameters");
    expect(() => new SGD(parameters(), { learningRate: 1, nesterov: true })).toThrow("momentum");
    expect(() => new AdamW(parameters(), { betas: [0.9, 1] })).toThrow("betas 0.9, 1");
    expect(() => new AdamW(parameters(), { betas: [-0.1, 0.9] })).toThrow(ArgumentError);
    expect(() => new LAMB(parameters(), { betas: [1, 0.9] })).toThrow("betas 1, 0.9");
    expect(() => new Lion(parameters(), { betas: [0.9, 1] })).toThrow("betas 0.9, 1");
    expect(() => new RMSprop(parameters(), { alpha: 1 })).toThrow("alpha 1");
    const optimizer = new AdamW(parameters());
    expect(() =>
      optimizer.loadStateDict({ steps: new Map(), tensors: new Map([["mean/9.bias", tensor([1])]]) }),
    ).toThrow("9.bias");
    expect(() => optimizer.loadStateDict({ steps: new Map([["9.bias", 3]]), tensors: new Map() })).toThrow("9.bias");
    expect(optimizer.stateDict().steps.size).toBe(0);
  });
});
