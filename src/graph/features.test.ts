import { describe, expect, it } from "vitest";
import { computed, expectClose, waves } from "../../test/support/golden.js";
import { createModel } from "../models/index.js";
import { BatchNorm2d, Conv2d, Module, ReLU, Sequential } from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { device, noGrad, scope, TorchTensor } from "../tensor/torch/index.js";
import { FeatureExtractor } from "./index.js";

class Residual extends Module {
  readonly conv = new Conv2d(3, 3, 3, { padding: 1 });
  readonly norm = new BatchNorm2d(3);
  readonly after = new Sequential(new ReLU(), new Conv2d(3, 2, 1));
  scale: Tensor | undefined;

  forward(x: Tensor): Tensor {
    return this.after.forward(this.norm.forward(this.conv.forward(x)).add(x)).mul(2);
  }
}

describe("features by name", () => {
  it("are what the network computes there", () =>
    scope(() => {
      const network = new Residual().materialize(device(), 1).eval();
      const x = waves([2, 3, 5, 4], 1);
      const sum = network.norm.forward(network.conv.forward(x)).add(x);
      const found = new FeatureExtractor(network, ["norm", "add", "after", "after.0/relu", "", "mulScalar"]).forward(x);
      const expectSame = (actual: Tensor, expected: Tensor) => {
        expect(actual.shape).toEqual(expected.shape);
        expectClose(computed(actual).data() as Float32Array, computed(expected).data() as Float32Array, 0);
      };
      expectSame(found.norm, network.norm.forward(network.conv.forward(x)));
      expectSame(found.add, sum);
      expectSame(found["after.0/relu"], sum.relu());
      expectSame(found.after, network.after.forward(sum));
      expectSame(found[""], network.forward(x));
      expectSame(found.mulScalar, network.forward(x));
    }));

  it("of batches and images of other sizes", () =>
    scope(() => {
      const network = createModel("cifar_resnet20").materialize(device()).eval();
      const extractor = new FeatureExtractor(network, ["blocks.4", "output_net.1"]);
      for (const [batch, size] of [
        [1, 32],
        [3, 32],
        [2, 48],
      ] as const) {
        const found = noGrad(() => extractor.forward(waves([batch, 3, size, size], 3)));
        expect(found["blocks.4"].shape).toEqual([batch, 32, size / 2, size / 2]);
        expect(found["output_net.1"].shape).toEqual([batch, 64]);
      }
    }));

  it("follow the modes of the modules, and update running statistics in training", () =>
    scope(() => {
      const network = new Residual().materialize(device(), 1);
      const extractor = new FeatureExtractor(network, ["norm"]);
      const x = waves([4, 3, 5, 4], 1);
      const before = TorchTensor.of(network.norm.runningMean?.value ?? x)
        .data()
        .slice();
      const training = computed(extractor.forward(x).norm).data().slice();
      expect(TorchTensor.of(network.norm.runningMean?.value ?? x).data()).not.toEqual(before);
      network.norm.eval();
      expect(computed(extractor.forward(x).norm).data()).not.toEqual(training);
    }));

  it("run no more than they need, and carry gradients to the network's parameters", () =>
    scope(() => {
      const network = new Residual().materialize(device(), 1).train();
      let ran = 0;
      const head = network.after;
      head.forward = (x: Tensor) => {
        ran++;
        return Sequential.prototype.forward.call(head, x);
      };
      const { conv } = new FeatureExtractor(network, ["conv"]).forward(waves([1, 3, 5, 4], 1));
      // Once, when it was traced.
      expect(ran).toBe(1);
      computed(conv.sum()).backward();
      expect(TorchTensor.of(network.conv.weight).grad).toBeDefined();
    }));

  it("refuse names that are not there, with near ones", () => {
    const network = createModel("cifar_resnet20").materialize(device());
    const x = waves([1, 3, 32, 32], 1);
    expect(() => new FeatureExtractor(network, ["bloks.4"]).forward(x)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("blocks.4") }),
    );
    expect(() => new FeatureExtractor(network, [])).toThrow("no results");
    expect(() => new FeatureExtractor(network, ["a", "a"])).toThrow("twice");
  });
});
