import { describe, expect, it } from "vitest";
import { computed, expectClose, readGolden, waves } from "../../test/support/golden.js";
import { ArgumentError } from "../errors.js";
import type { Reduction } from "../tensor/index.js";
import { device, grad, ones, tensor } from "../tensor/torch/index.js";
import { BCEWithLogitsLoss, CrossEntropyLoss, type Loss, MSELoss } from "./index.js";

interface Case {
  loss: "crossEntropy" | "bce" | "mse";
  soft?: boolean;
  weights?: boolean;
  labelSmoothing?: number;
  reduction: Reduction;
  value: number[];
  gradient: number[];
}

const golden = readGolden<{ classes: number[]; weights: number[]; soft: number[]; shape: number[]; cases: Case[] }>(
  "losses",
);

function lossOf({ loss, weights, labelSmoothing, reduction }: Case): Loss {
  const perClass = weights ? golden.weights : null;
  switch (loss) {
    case "crossEntropy":
      return new CrossEntropyLoss({ classWeights: perClass, labelSmoothing, reduction });
    case "bce":
      return new BCEWithLogitsLoss({ positiveWeight: perClass, reduction });
    case "mse":
      return new MSELoss(reduction);
    default:
      return loss satisfies never;
  }
}

describe("losses agree with PyTorch", () => {
  it.each(golden.cases)("$loss, soft $soft, weights $weights, smoothing $labelSmoothing, $reduction", (expected) => {
    const loss = lossOf(expected).materialize(device());
    const logits = waves(golden.shape, 1, 4);
    logits.requiresGrad = true;
    const target =
      expected.loss === "crossEntropy" && !expected.soft
        ? tensor(BigInt64Array.from(golden.classes, BigInt))
        : tensor(golden.soft, golden.shape);
    const value = computed(loss.forward(logits, target));
    expect(value.shape).toEqual(expected.reduction === "none" ? golden.shape.slice(0, value.shape.length) : []);
    expectClose(value.dataAs("float32"), expected.value, 2e-6);
    const [gradient] = grad([value], [logits], { gradients: [ones(value.shape)] });
    expectClose(computed(gradient).dataAs("float32"), expected.gradient, 2e-6);
  });
});

it("the weights of a loss are not trained", () => {
  const loss = new CrossEntropyLoss({ classWeights: [1, 2] });
  expect(loss.parameterCount({ trainableOnly: true })).toBe(0);
  expect(computed(loss.materialize(device()).weight?.value).requiresGrad).toBe(false);
});

it("refuses a smoothing outside 0 to 1", () => {
  for (const labelSmoothing of [-0.1, 1.5, Number.NaN]) {
    expect(() => new CrossEntropyLoss({ labelSmoothing })).toThrow(ArgumentError);
  }
});
