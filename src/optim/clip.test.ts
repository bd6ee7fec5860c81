import { describe, expect, it } from "vitest";
import { computed, expectClose, fillByPlace, readGolden, waves } from "../../test/support/golden.js";
import { ArgumentError } from "../errors.js";
import { Linear, type Parameter, Sequential, Tanh } from "../nn/index.js";
import { device, memory, scope, TorchTensor } from "../tensor/torch/index.js";
import { clipGradNorm, clipGradValue } from "./index.js";

interface Clipped {
  gradients: Record<string, number[]>;
  norm?: number;
}

const golden = readGolden<{ clips: Record<string, Clipped> }>("optimizers").clips;

/** The network of `test/golden/optimizers.py`, with the gradients of its first step. */
function problem(): Sequential {
  const network = new Sequential(new Linear(4, 6), new Tanh(), new Linear(6, 2));
  fillByPlace(network);
  network.to({ dtype: "float64" });
  scope(() => {
    const [x, y] = [waves([8, 4], 11).to({ dtype: "float64" }), waves([8, 2], 12).to({ dtype: "float64" })];
    computed(network.forward(x).mseLoss(y)).backward();
  });
  return network;
}

function gradient(parameter: Parameter): number[] {
  return [...(TorchTensor.of(parameter).grad?.dataAs("float64") ?? [])];
}

function expectGradients(network: Sequential, name: string): void {
  for (const [path, parameter] of network.parameters()) {
    expectClose(gradient(parameter), golden[name]?.gradients[path] ?? [], 1e-10);
  }
}

describe("clipGradNorm", () => {
  it.each([0.5, 100])("is PyTorch's at %d", (most) => {
    const network = problem();
    const norm = clipGradNorm(network.parameters(), most);
    expect(norm / (golden[`norm ${most}`]?.norm ?? 0)).toBeCloseTo(1, 10);
    expectGradients(network, `norm ${most}`);
  });

  it("counts neither what is frozen nor what no gradient reached", () => {
    const network = problem();
    const norm = clipGradNorm(network.parameters(), 1e9);
    const [[, frozen] = [undefined, undefined]] = [...network.parameters()];
    if (!frozen) throw new Error("no parameters");
    const without = Math.sqrt(norm ** 2 - gradient(frozen).reduce((sum, x) => sum + x * x, 0));
    const before = gradient(frozen);
    frozen.trainable = false;
    const unreached = new Linear(2, 2).materialize(device());
    const parameters = [...network.parameters(), ["unreached", unreached.weight] as [string, Parameter]];
    expect(clipGradNorm(parameters, 0.1)).toBeCloseTo(without, 10);
    expect(clipGradNorm(parameters, 1)).toBeCloseTo(0.1, 5);
    clipGradValue(parameters, 1e-9);
    expect(gradient(frozen)).toEqual(before);
  });

  it("says 0 where there are no gradients, and what is wrong where they are no numbers", () => {
    const unreached = new Linear(2, 2).materialize(device());
    expect(clipGradNorm(unreached.parameters(), 1)).toBe(0);
    scope(() => computed(TorchTensor.of(unreached.weight).mul(Number.NaN).sum()).backward());
    expect(clipGradNorm(unreached.parameters(), 1)).toBeNaN();
  });

  it("leaves no tensors behind, as clipGradValue", () => {
    const network = problem();
    // The garbage collector may take what other tests dropped at any moment.
    const growth = Array.from({ length: 10 }, () => {
      const before = memory().tensors;
      clipGradNorm(network.parameters(), 0.1);
      clipGradValue(network.parameters(), 0.1);
      return memory().tensors - before;
    });
    expect(Math.max(...growth)).toBe(0);
  });

  it.each([0, -1, Number.NaN])("refuses the norm %d", (most) => {
    expect(() => clipGradNorm(problem().parameters(), most)).toThrow(ArgumentError);
  });
});

describe("clipGradValue", () => {
  it("is PyTorch's", () => {
    const network = problem();
    clipGradValue(network.parameters(), 0.1);
    expectGradients(network, "value 0.1");
    expect(Math.max(...[...network.parameters()].flatMap(([, p]) => gradient(p).map(Math.abs)))).toBe(0.1);
  });

  it("refuses a bound below 0", () => {
    expect(() => clipGradValue(problem().parameters(), -1)).toThrow(ArgumentError);
  });
});
