import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { Random } from "../random.js";
import { createModel, SqueezeNet } from "./index.js";

describe("SqueezeNet", () => {
  it.each([
    ["squeezenet1_0", [109, 54, 54, 54, 54, 27, 27, 27, 27, 27, 13, 13], [96, 128, 128, 256, 256, 384, 384, 512, 512]],
    ["squeezenet1_1", [111, 55, 55, 55, 27, 27, 27, 13, 13, 13, 13, 13], [64, 128, 128, 256, 256, 384, 384, 512, 512]],
  ])("%s has the published sizes: pooling keeps the windows at the edge", (name, sizes, channels) => {
    const { modules } = trace(createModel(name), [1, 3, 224, 224]);
    const layers = modules.filter(({ path, type }) => /^features\.\d+$/.test(path) && type !== "ReLU");
    expect(layers.map(({ outputShape }) => outputShape?.[2])).toEqual(sizes);
    const widths = layers.filter(({ type }) => type !== "MaxPool2d").map(({ outputShape }) => outputShape?.[1]);
    expect(widths).toEqual(channels);
  });

  it("ends in dropout, a 1x1 convolution to the classes, ReLU and means", () => {
    const { nodes } = trace(createModel("squeezenet1_1", { classes: 7 }), [2, 3, 64, 64], { training: true });
    expect(nodes.slice(-5).map(({ operator }) => operator)).toEqual([
      "dropout",
      "conv2d",
      "relu",
      "adaptiveAvgPool2d",
      "flatten",
    ]);
    expect(nodes.at(-5)?.attributes).toEqual({ p: 0.5 });
    expect(nodes.at(-4)?.shape.slice(0, 2)).toEqual([2, 7]);
  });

  it("takes another activation in the fire modules; logits are never below 0", () => {
    const { operators } = trace(createModel("squeezenet1_0", { activation: "gelu" }), [1, 3, 64, 64]);
    expect([operators.get("gelu"), operators.get("relu")]).toEqual([1 + 8 * 3, 1]);
  });

  it("begins with uniform weights that keep the variance, a small last convolution and zero biases", () => {
    for (const [name, { initializer, shape }] of createModel("squeezenet1_1").parameters()) {
      const values = initializer(shape, new Random(name));
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      const [, into = 0, height = 0, width = 0] = shape;
      if (name.endsWith("bias")) expect(values.every((value) => value === 0)).toBe(true);
      else if (name === "classifier.1.weight") expect(deviation / 0.01).toBeCloseTo(1, 1);
      else {
        const bound = Math.sqrt(6 / (into * height * width));
        expect(deviation / (bound / Math.sqrt(3))).toBeCloseTo(1, 1);
        expect(values.every((value) => Math.abs(value) <= bound)).toBe(true);
      }
    }
  });

  it("is made from any row", () => {
    const network = new SqueezeNet(
      { stem: { channels: 8, kernel: 5 }, layers: [[2, 4, 6], "pool", [3, 5, 7]] },
      { classes: 5 },
    );
    expect(network.stateShapes().get("features.4.squeeze.weight")).toEqual([3, 10, 1, 1]);
    expect(trace(network, [1, 3, 32, 32]).outputShape).toEqual([1, 5]);
  });
});
