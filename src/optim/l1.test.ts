import { describe, expect, it } from "vitest";
import { computed, expectClose, fillByPlace, waves } from "../../test/support/golden.js";
import { ArgumentError } from "../errors.js";
import { BatchNorm2d, Conv2d, Flatten, Linear, type Parameter, Sequential } from "../nn/index.js";
import { clearGrads, memory, scope, TorchTensor, tensor } from "../tensor/torch/index.js";
import { addL1Gradient } from "./index.js";

function gradient(parameter: Parameter): number[] {
  return [...(TorchTensor.of(parameter).grad?.dataAs("float64") ?? [])];
}

/** In float64, so that sums in another order differ by next to nothing. */
function problem(): Sequential {
  const network = new Sequential(new Conv2d(2, 3, 3), new BatchNorm2d(3), new Flatten(), new Linear(12, 2));
  fillByPlace(network);
  network.to({ dtype: "float64" });
  return network;
}

function loss(network: Sequential): TorchTensor {
  return computed(network.forward(waves([4, 2, 4, 4], 11).to({ dtype: "float64" })).mseLoss(target()));
}

const target = () => waves([4, 2], 12).to({ dtype: "float64" });

describe("addL1Gradient", () => {
  it("adds the amount by the sign, and nothing to a weight of 0", () => {
    const layer = new Linear(3, 1);
    layer.weight.load(tensor([0.5, -2, 0], [1, 3]));
    layer.bias?.load(tensor([1]));
    const weight = TorchTensor.of(layer.weight);
    weight.grad = tensor([10, 20, 30], [1, 3]);
    addL1Gradient(layer.parameters(), 0.25);
    expect(gradient(layer.weight)).toEqual([10.25, 19.75, 30]);
    expect([...weight.dataAs("float32")]).toEqual([0.5, -2, 0]);
  });

  it("is autograd's gradient of the penalty", () => {
    const [network, penalised] = [problem(), problem()];
    scope(() => {
      loss(network).backward();
      let sum = loss(penalised);
      for (const [, parameter] of penalised.parameters()) {
        if (parameter.shape.length <= 1) continue;
        const weight = TorchTensor.of(parameter);
        const magnitudes = weight.relu().add(weight.mul(-1).relu());
        sum = computed(sum.add(magnitudes.sum().mul(1e-2)));
      }
      sum.backward();
    });
    const before = new Map([...network.parameters()].map(([name, parameter]) => [name, gradient(parameter)]));
    addL1Gradient(network.parameters(), 1e-2);
    const expected = new Map([...penalised.parameters()].map(([name, parameter]) => [name, gradient(parameter)]));
    for (const [name, parameter] of network.parameters()) {
      expectClose(gradient(parameter), expected.get(name) ?? [], 1e-12);
      const changed = gradient(parameter).some((value, i) => value !== before.get(name)?.[i]);
      expect([name, changed]).toEqual([name, parameter.shape.length > 1]);
    }
  });

  it("leaves alone what is frozen and what no gradient reached, and no tensors behind", () => {
    const network = problem();
    scope(() => loss(network).backward());
    const [[, frozen] = [undefined, undefined]] = [...network.parameters()];
    const last = [...network.parameters()].findLast(([, { shape }]) => shape.length > 1)?.[1];
    if (!frozen || !last) throw new Error("no parameters");
    const before = gradient(frozen);
    frozen.trainable = false;
    clearGrads([TorchTensor.of(last)]);
    const growth = Array.from({ length: 5 }, () => {
      const tensors = memory().tensors;
      addL1Gradient(network.parameters(), 1);
      return memory().tensors - tensors;
    });
    // The garbage collector may take what other tests dropped at any moment.
    expect(Math.max(...growth)).toBe(0);
    expect(gradient(frozen)).toEqual(before);
    expect(TorchTensor.of(last).grad).toBeNull();
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("refuses the amount %d", (amount) => {
    expect(() => addL1Gradient(problem().parameters(), amount)).toThrow(ArgumentError);
  });
});
