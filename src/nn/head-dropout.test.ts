import { describe, expect, it } from "vitest";
import { computed } from "../../test/support/golden.js";
import { createModel, listModels } from "../models/index.js";
import { device, ones, scope, TorchTensor } from "../tensor/torch/index.js";
import { type AnyModule, Conv2d, Dropout, headDropout, Linear, ReLU, Sequential } from "./index.js";

function pathOf(network: AnyModule): string | undefined {
  const found = headDropout(network);
  return [...network.modules()].find(([, module]) => module === found)?.[0];
}

describe("headDropout", () => {
  it.each([
    ["efficientnet_b0", "classifier.0"],
    ["efficientnet_v2_s", "classifier.0"],
    ["mobilenet_v3_large", "classifier.2"],
    ["nuclei_basic", "classifier.2"],
    ["squeezenet1_1", "classifier.0"],
    ["resnet18", "dropout"],
    ["googlenet", "dropout"],
    ["mlp_fashion", "hidden.1.dropout"],
    ["shiftnet_a", "head.dropout"],
    ["densenet121", undefined],
    ["cifar_resnet20", undefined],
  ])("of %s is %s", (name, path) => {
    expect(pathOf(createModel(name))).toBe(path);
  });

  it("is the one that the option of every network sets", () => {
    for (const { name, accepts, build } of listModels()) {
      const head = headDropout(build({ ...(accepts.includes("dropout") && { dropout: 0.37 }) }));
      if (head) expect([name, head.p]).toEqual([name, 0.37]);
      else expect([name, accepts.includes("dropout") && !name.startsWith("densenet")]).toEqual([name, false]);
    }
  });

  it("is none where none stands before the last layer alone", () => {
    expect(headDropout(new Sequential(new Dropout(), new Linear(2, 2), new ReLU(), new Linear(2, 2)))).toBeUndefined();
    expect(headDropout(new Sequential(new Linear(2, 2), new Dropout()))).toBeUndefined();
    expect(headDropout(new Sequential(new Conv2d(1, 1, 1)))).toBeUndefined();
    const head = new Dropout();
    expect(headDropout(new Sequential(new Dropout(), new Linear(2, 2), head, new Linear(2, 2)))).toBe(head);
  });

  it("acts on the network from the next step on", () => {
    const network = createModel("nuclei_basic").materialize(device(), 1);
    const head = headDropout(network);
    if (!head) throw new Error("nuclei_basic has a head");
    // Without the head's input its bias, 0, is left; evaluation is not touched.
    const logits = () => scope(() => [...computed(network.forward(ones([2, 3, 32, 32]))).dataAs("float32")]);
    expect(logits().some((value) => value !== 0)).toBe(true);
    head.p = 1;
    expect(logits()).toEqual(new Array(6).fill(0));
    network.eval();
    expect(logits().some((value) => value !== 0)).toBe(true);
    for (const [, parameter] of network.parameters()) TorchTensor.of(parameter).dispose();
  });
});
