import { describe, expect, it } from "vitest";
import { computed } from "../../test/support/golden.js";
import { BatchNorm2d, Conv2d, GroupNorm, LayerNorm, Linear, Sequential } from "../nn/index.js";
import { device, ones, scope, TorchTensor } from "../tensor/torch/index.js";
import { normsWithoutDecay, type ParameterGroup, SGD, withoutDecay } from "./index.js";

function network(): Sequential {
  return new Sequential(
    new Conv2d(2, 4, 3),
    new BatchNorm2d(4),
    new GroupNorm(2, 4),
    new LayerNorm(4),
    new Linear(4, 2),
  ).materialize(device(), 1);
}

function namesOf(model: Sequential, group: ParameterGroup): string[] {
  return [...model.parameters()].filter(([name, parameter]) => group.has(name, parameter)).map(([name]) => name);
}

/** How much of each parameter a step of rate 1 without gradients takes off. */
function decayOf(model: Sequential, groups: ParameterGroup[]): Record<string, number> {
  for (const [, parameter] of model.parameters()) {
    const value = TorchTensor.of(parameter);
    parameter.load(ones(value.shape));
    scope(() => computed(value.mul(0).sum()).backward());
  }
  new SGD(model.parameters(), { learningRate: 1, weightDecay: 0.5, groups }).step();
  const after = [...model.parameters()].map(
    ([name, parameter]) => [name, 1 - (TorchTensor.of(parameter).dataAs("float64")[0] ?? 0)] as const,
  );
  return Object.fromEntries(after);
}

describe("withoutDecay", () => {
  it("has biases and norms; or what it is told", () => {
    const model = network();
    const [norms, biases] = [
      ["1.weight", "1.bias", "2.weight", "2.bias", "3.weight", "3.bias"],
      ["0.bias", "4.bias"],
    ];
    expect(namesOf(model, withoutDecay()).sort()).toEqual([...norms, ...biases].sort());
    expect(
      namesOf(
        model,
        withoutDecay((name) => name.startsWith("4.")),
      ),
    ).toEqual(["4.weight", "4.bias"]);
    expect(namesOf(model, normsWithoutDecay(model))).toEqual(norms);
  });
});

describe("groups", () => {
  it("take nothing from others", () => {
    expect(new Set(Object.values(decayOf(network(), [])))).toEqual(new Set([0.5]));
    const decay = decayOf(network(), [withoutDecay()]);
    expect([decay["0.weight"], decay["4.weight"]]).toEqual([0.5, 0.5]);
    expect([decay["0.bias"], decay["1.weight"], decay["3.bias"]]).toEqual([0, 0, 0]);
  });

  it("that overlap multiply their rates, and the last one's decay counts", () => {
    const head = (name: string) => name.startsWith("4.");
    const decay = decayOf(network(), [
      { has: () => true, rate: 0.5 },
      { has: head, rate: 0.5, weightDecay: 0.1 },
      withoutDecay((name) => name === "4.bias"),
      { has: head, rate: 2 },
    ]);
    expect(decay["0.weight"]).toBeCloseTo(0.25, 6);
    expect(decay["4.weight"]).toBeCloseTo(0.05, 6);
    expect(decay["4.bias"]).toBe(0);
  });

  it("refuse rates and decays below 0", () => {
    const make = (group: Partial<ParameterGroup>) => () =>
      new SGD(network().parameters(), { learningRate: 1, groups: [{ has: () => true, ...group }] });
    expect(make({ rate: -1 })).toThrow("multiple -1");
    expect(make({ weightDecay: Number.NaN })).toThrow("weight decay NaN");
  });
});
