import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { BatchNorm2d, StochasticDepth } from "../nn/index.js";
import { compoundScaling, createModel, EfficientNet, EfficientNetV2, type EfficientNetV2Row } from "./index.js";

describe("compound scaling", () => {
  it("gives the paper's factors", () => {
    expect(compoundScaling(0)).toEqual({ depth: 1, width: 1, resolution: 1 });
    const { depth, width, resolution } = compoundScaling(2);
    expect(depth).toBeCloseTo(1.44, 12);
    expect(width).toBeCloseTo(1.21, 12);
    expect(resolution).toBeCloseTo(1.3225, 12);
    expect(compoundScaling(1, { alpha: 2, beta: 1, gamma: 1 }).depth).toBe(2);
  });

  it.each([
    [{ alpha: 1.2, beta: 1.2, gamma: 1.3 }, "not about 2"],
    [{ alpha: 1.0, beta: 1.1, gamma: 1.1 }, "1.464"],
    [{ alpha: 0.9, beta: 1.3, gamma: 1.15 }, "alpha is 0.9"],
    [{ alpha: Number.NaN, beta: 1, gamma: 1 }, "alpha is NaN"],
  ])("refuses %s", (bases, message) => {
    expect(() => compoundScaling(1, bases)).toThrow(message);
  });

  it("about doubles the computation with each step", () => {
    const adds = [0, 1, 2, 3].map((phi) => {
      const { network, size } = EfficientNet.scaled(phi, { classes: 10 });
      return trace(network, [1, 3, size, size]).multiplyAdds;
    });
    for (const [i, value] of adds.slice(1).entries()) {
      const factor = value / (adds[i] ?? 0);
      expect(factor).toBeGreaterThan(1.6);
      expect(factor).toBeLessThan(2.5);
    }
    expect(EfficientNet.scaled(0).network.parameterCount()).toBe(5_288_548);
  });

  it("takes explicit factors: those of B3 give B3", () => {
    const { network, size } = EfficientNet.scaled({ width: 1.2, depth: 1.4, resolution: 300 / 224 });
    expect(network.parameterCount()).toBe(12_233_232);
    expect(size).toBe(304);
  });
});

it("efficientnet_b0 has the parameters that count_parameters prints", () => {
  const counts = new Map(
    [...createModel("efficientnet_b0").parameters()].map(([name, { elements }]) => [name, elements]),
  );
  const published = {
    "features.0.0.weight": 864,
    "features.0.1.weight": 32,
    "features.0.1.bias": 32,
    "features.1.0.block.0.0.weight": 288,
    "features.1.0.block.1.fc1.weight": 256,
    "features.1.0.block.1.fc1.bias": 8,
    "features.1.0.block.1.fc2.weight": 256,
    "features.1.0.block.1.fc2.bias": 32,
    "features.1.0.block.2.0.weight": 512,
    "features.1.0.block.2.1.bias": 16,
    "features.2.0.block.0.0.weight": 1536,
    "features.2.0.block.1.0.weight": 864,
    "features.2.0.block.2.fc1.weight": 384,
    "features.2.0.block.2.fc1.bias": 4,
    "features.2.0.block.2.fc2.weight": 384,
    "classifier.1.weight": 1_280_000,
    "classifier.1.bias": 1000,
  };
  expect(Object.fromEntries(Object.keys(published).map((name) => [name, counts.get(name)]))).toEqual(published);
});

it("leaves out branches with a probability that rises block by block", () => {
  const network = new EfficientNet();
  const rates = [...network.modules()].flatMap(([, module]) => (module instanceof StochasticDepth ? [module.p] : []));
  // Of 16 blocks nine have a skip; the last with one is block 14, counted from 0.
  expect(rates).toHaveLength(9);
  expect(rates.at(-1)).toBeCloseTo((0.2 * 14) / 16, 12);
  expect(rates).toEqual([...rates].sort((a, b) => a - b));
});

it.each([
  ["efficientnet_b4", 1e-5, 0.1],
  ["efficientnet_b5", 1e-3, 0.01],
  ["efficientnet_v2_s", 1e-3, 0.1],
  ["mobilenet_v3_small", 1e-3, 0.01],
  ["googlenet", 1e-3, 0.1],
  ["resnet18", 1e-5, 0.1],
])("%s has the batch norm of its reference", (name, eps, momentum) => {
  const norms = [...createModel(name).modules()].flatMap(([, module]) =>
    module instanceof BatchNorm2d ? [module] : [],
  );
  expect(new Set(norms.map((norm) => norm.eps))).toEqual(new Set([eps]));
  expect(new Set(norms.map((norm) => norm.momentum))).toEqual(new Set([momentum]));
});

it("a changed row is another EfficientNetV2", () => {
  const row: EfficientNetV2Row = {
    stem: 16,
    stages: [
      { block: "fused", expansion: 2, stride: 2, channels: 24, layers: 1 },
      { block: "mbconv", expansion: 4, stride: 2, channels: 48, layers: 2 },
    ],
    head: 96,
  };
  const graph = trace(new EfficientNetV2(row, { classes: 5, stem: "cifar" }), [1, 3, 32, 32]);
  expect(graph.outputShape).toEqual([1, 5]);
  const shape = (path: string) => graph.modules.find((module) => module.path === path)?.outputShape;
  expect(shape("features.0")).toEqual([1, 16, 32, 32]);
  expect(shape("features.2")).toEqual([1, 48, 8, 8]);
  expect(shape("features.3")).toEqual([1, 96, 8, 8]);
});
