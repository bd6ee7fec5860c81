import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { BatchNorm2d, Dropout, StochasticDepth } from "../nn/index.js";
import { createModel, EfficientNet } from "./index.js";

describe("a scaled EfficientNet", () => {
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

  it("goes with images of γᵠ times 224 pixels, to a multiple of 4", () => {
    // 224, 257.6, 296.24, 340.676, 391.7774
    expect([0, 1, 2, 3, 4].map((phi) => EfficientNet.scaled(phi).size)).toEqual([224, 256, 296, 340, 392]);
  });

  it("takes explicit factors: those of B3 give B3", () => {
    const { network, size } = EfficientNet.scaled({ width: 1.2, depth: 1.4, resolution: 300 / 224 });
    expect(size).toBe(300);
    expect(network.parameterCount()).toBe(12_233_232);
    expect((trace(network, [1, 3, size, size]).multiplyAdds / 1e9).toFixed(3)).toBe("1.827");
  });

  it.each([
    [{ width: 0, depth: 1, resolution: 1 }, "width 0 and depth 1"],
    [{ width: 1, depth: -1, resolution: 1 }, "width 1 and depth -1"],
    [{ width: 1, depth: Number.NaN, resolution: 1 }, "depth NaN"],
    [{ width: 1, depth: 1, resolution: 0 }, "resolution 0"],
  ])("refuses %s", (scaling, message) => {
    expect(() => EfficientNet.scaled(scaling)).toThrow(
      expect.objectContaining({ name: "ArgumentError", message: expect.stringContaining(message) }),
    );
  });
});

describe("efficientnet_b0", () => {
  it("has the parameters that count_parameters prints", () => {
    const counts = new Map(
      [...createModel("efficientnet_b0").parameters()].map(([name, { elements }]) => [name, elements]),
    );
    const published = {
      "features.0.0.weight": 864,
      "features.0.1.weight": 32,
      "features.0.1.bias": 32,
      "features.1.0.block.0.0.weight": 288,
      "features.1.0.block.0.1.weight": 32,
      "features.1.0.block.0.1.bias": 32,
      "features.1.0.block.1.fc1.weight": 256,
      "features.1.0.block.1.fc1.bias": 8,
      "features.1.0.block.1.fc2.weight": 256,
      "features.1.0.block.1.fc2.bias": 32,
      "features.1.0.block.2.0.weight": 512,
      "features.1.0.block.2.1.weight": 16,
      "features.1.0.block.2.1.bias": 16,
      "features.2.0.block.0.0.weight": 1536,
      "features.2.0.block.0.1.weight": 96,
      "features.2.0.block.0.1.bias": 96,
      "features.2.0.block.1.0.weight": 864,
      "features.2.0.block.1.1.weight": 96,
      "features.2.0.block.1.1.bias": 96,
      "features.2.0.block.2.fc1.weight": 384,
      "features.2.0.block.2.fc1.bias": 4,
      "features.2.0.block.2.fc2.weight": 384,
      "classifier.1.weight": 1_280_000,
      "classifier.1.bias": 1000,
    };
    expect(Object.fromEntries(Object.keys(published).map((name) => [name, counts.get(name)]))).toEqual(published);
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(5_288_548);
  });

  it("leaves out branches with a probability that rises block by block", () => {
    const rates = (stochasticDepth?: number) =>
      [...createModel("efficientnet_b0", { stochasticDepth }).modules()].flatMap(([, module]) =>
        module instanceof StochasticDepth ? [module.p] : [],
      );
    // Of 16 blocks, counted from 0, these nine have a skip.
    const skips = [2, 4, 6, 7, 9, 10, 12, 13, 14];
    for (const [i, rate] of rates().entries()) expect(rate).toBeCloseTo((0.2 * (skips[i] ?? 0)) / 16, 12);
    expect(rates()).toHaveLength(skips.length);
    expect(rates(0.5).at(-1)).toBeCloseTo((0.5 * 14) / 16, 12);
  });

  it("halves the image five times, four with the stem for small ones", () => {
    const [usual, small] = [createModel("efficientnet_b0"), createModel("efficientnet_b0", { stem: "cifar" })];
    expect([...small.stateShapes()]).toEqual([...usual.stateShapes()]);
    const sides = (network: typeof usual, side: number) =>
      trace(network, [1, 3, side, side])
        .modules.filter(({ path }) => /^features\.\d$/.test(path))
        .map(({ outputShape }) => outputShape?.[2]);
    expect(sides(usual, 224)).toEqual([112, 112, 56, 28, 14, 14, 7, 7, 7]);
    expect(sides(small, 32)).toEqual([32, 32, 16, 8, 4, 4, 2, 2, 2]);
  });
});

it.each([
  ["efficientnet_b0", 0.2],
  ["efficientnet_b1", 0.2],
  ["efficientnet_b2", 0.3],
  ["efficientnet_b3", 0.3],
  ["efficientnet_b4", 0.4],
  ["efficientnet_b5", 0.4],
  ["efficientnet_b6", 0.5],
  ["efficientnet_b7", 0.5],
  ["efficientnet_v2_s", 0.2],
  ["efficientnet_v2_m", 0.3],
  ["efficientnet_v2_l", 0.4],
  ["mobilenet_v3_large", 0.2],
])("%s drops %d of the head", (name, dropout) => {
  const rates = [...createModel(name).modules()].flatMap(([, module]) => (module instanceof Dropout ? [module.p] : []));
  expect(rates).toEqual([dropout]);
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
