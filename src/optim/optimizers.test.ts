import { describe, expect, it } from "vitest";
import { computed, expectClose, fillByPlace, readGolden, waves } from "../../test/support/golden.js";
import { ArgumentError } from "../errors.js";
import { Linear, type Parameter, Sequential, Tanh } from "../nn/index.js";
import { device, memory, scope, TorchTensor, tensor } from "../tensor/torch/index.js";
import { AdamW, type Optimizer, SGD } from "./index.js";

interface Run {
  losses: number[];
  weights: Record<string, number[]>;
}

const golden = readGolden<{ optimizers: Record<string, Run> }>("optimizers").optimizers;

type Parameters = Iterable<[string, Parameter]>;

/** The same optimisers as in `test/golden/optimizers.py`. */
const optimizers: Record<string, (parameters: Parameters) => Optimizer> = {
  sgd: (p) => new SGD(p, { learningRate: 0.05 }),
  "sgd decay": (p) => new SGD(p, { learningRate: 0.05, weightDecay: 0.1 }),
  "sgd momentum": (p) => new SGD(p, { learningRate: 0.05, momentum: 0.9 }),
  "sgd nesterov": (p) => new SGD(p, { learningRate: 0.05, momentum: 0.8, nesterov: true, weightDecay: 0.02 }),
  adamw: (p) => new AdamW(p),
  "adamw options": (p) => new AdamW(p, { learningRate: 0.03, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.2 }),
  "adamw no decay": (p) => new AdamW(p, { learningRate: 0.01, weightDecay: 0 }),
};

/** The problem of `test/golden/optimizers.py`. */
class Problem {
  readonly network = new Sequential(new Linear(4, 6), new Tanh(), new Linear(6, 2));
  readonly x = waves([8, 4], 11);
  readonly y = waves([8, 2], 12);

  constructor() {
    fillByPlace(this.network);
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
    return Object.fromEntries(state.map(([name, value]) => [name, [...computed(value).dataAs("float32")]]));
  }
}

describe("20 steps as in PyTorch", () => {
  it("of all of them", () => expect(Object.keys(optimizers)).toEqual(Object.keys(golden)));

  it.each(Object.entries(optimizers))("%s", (name, make) => {
    const problem = new Problem();
    const optimizer = make(problem.network.parameters());
    const losses = problem.steps(optimizer, 20);
    for (const [i, loss] of losses.entries()) {
      expect(Math.abs(loss / (golden[name]?.losses[i] ?? 0) - 1)).toBeLessThan(1e-5);
    }
    for (const [path, values] of Object.entries(golden[name]?.weights ?? {})) {
      expectClose(problem.weights()[path] ?? [], values, 1e-5);
    }
    expect([...optimizer.stateDict().steps.values()]).toEqual([20, 20, 20, 20]);
  });
});

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
    const expected =
      optimizer instanceof AdamW
        ? ["mean", "square"]
        : "momentum" in optimizer && optimizer.momentum
          ? ["momentum"]
          : [];
    expect([...slots]).toEqual(expected);
    expect(optimizer.stateDict().tensors.size).toBe(4 * expected.length);
  });
});

it.each(Object.entries(optimizers))("%s leaves no tensors behind", (_, make) => {
  const problem = new Problem();
  const optimizer = make(problem.network.parameters());
  problem.steps(optimizer, 2);
  const before = memory();
  problem.steps(optimizer, 10);
  const { tensors, bytes, scopes } = memory();
  expect({ tensors, bytes, scopes }).toEqual({ tensors: before.tensors, bytes: before.bytes, scopes: before.scopes });
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

describe("refuses", () => {
  const parameters = () => new Problem().network.parameters();

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("the learning rate %d", (learningRate) => {
    expect(() => new SGD(parameters(), { learningRate })).toThrow(ArgumentError);
    expect(() => new AdamW(parameters(), { learningRate })).toThrow(ArgumentError);
  });

  it("no parameters, Nesterov without momentum, betas outside [0, 1), a state of another network", () => {
    expect(() => new AdamW([])).toThrow("no parameters");
    expect(() => new SGD(parameters(), { learningRate: 1, nesterov: true })).toThrow("momentum");
    expect(() => new AdamW(parameters(), { betas: [0.9, 1] })).toThrow("betas 0.9, 1");
    expect(() => new AdamW(parameters(), { betas: [-0.1, 0.9] })).toThrow(ArgumentError);
    const optimizer = new AdamW(parameters());
    expect(() =>
      optimizer.loadStateDict({ steps: new Map(), tensors: new Map([["mean/9.bias", tensor([1])]]) }),
    ).toThrow("9.bias");
    expect(() => optimizer.loadStateDict({ steps: new Map([["9.bias", 3]]), tensors: new Map() })).toThrow("9.bias");
    expect(optimizer.stateDict().steps.size).toBe(0);
  });
});
