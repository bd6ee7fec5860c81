import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { StochasticDepth } from "../nn/index.js";
import { CifarResNet, type CifarResNetOptions, createModel } from "./index.js";

const traced = (options: CifarResNetOptions, training = false) =>
  trace(new CifarResNet(options), [1, 3, 32, 32], { training });
const operators = (options: CifarResNetOptions, path: string) =>
  traced(options)
    .nodes.filter(({ module }) => module === path || module.startsWith(`${path}.`))
    .map(({ operator }) => operator);

describe("the CIFAR ResNets", () => {
  it("halve the image where a group begins", () => {
    for (const block of ["residual", "preActivation"] as const) {
      const shapes = traced({ block }).modules.filter(({ path }) => /^blocks\.\d$/.test(path));
      expect(shapes.map(({ outputShape }) => outputShape)).toEqual([
        ...Array(3).fill([1, 16, 32, 32]),
        ...Array(3).fill([1, 32, 16, 16]),
        ...Array(3).fill([1, 64, 8, 8]),
      ]);
    }
  });

  it("have an activation after the sum, or with pre-activation before every convolution", () => {
    expect(operators({}, "input_net")).toEqual(["conv2d", "batchNorm", "relu"]);
    expect(operators({}, "blocks.3")).toEqual([
      ...["conv2d", "batchNorm", "relu", "conv2d", "batchNorm"],
      ...["conv2d", "add", "relu"],
    ]);
    expect(operators({ block: "preActivation" }, "input_net")).toEqual(["conv2d"]);
    expect(operators({ block: "preActivation" }, "blocks.3")).toEqual([
      ...["batchNorm", "relu", "conv2d", "batchNorm", "relu", "conv2d"],
      ...["batchNorm", "relu", "conv2d", "add"],
    ]);
    expect(operators({ block: "preActivation" }, "output_net")).toEqual(["adaptiveAvgPool2d", "flatten", "linear"]);
  });

  it("take other depths and widths", () => {
    // ResNet-56 and -110 by hand: a block of width w has 18·w² + 4·w parameters, one that halves 13.5·w² + 0.5·w² + 5·w.
    const byHand = (n: number) =>
      27 * 16 +
      32 +
      650 +
      [16, 32, 64].reduce((sum, w, i) => sum + (n - (i > 0 ? 1 : 0)) * (18 * w * w + 4 * w), 0) +
      [32, 64].reduce((sum, w) => sum + 14 * w * w + 5 * w, 0);
    for (const n of [3, 9, 18]) expect(traced({ blocks: [n, n, n] }).parameters).toBe(byHand(n));
    const graph = traced({ blocks: [1, 2], widths: [8, 24] });
    expect(graph.modules.find(({ path }) => path === "blocks")?.outputShape).toEqual([1, 24, 16, 16]);
  });

  it.each([["tanh"], ["leakyRelu"], ["gelu"]] as const)("take %s in place of every ReLU", (activation) => {
    for (const block of ["residual", "preActivation"] as const) {
      const { operators } = traced({ block, activation });
      expect(operators.get("relu")).toBeUndefined();
      expect(operators.get(activation)).toBe(traced({ block }).operators.get("relu"));
    }
  });

  it("leave blocks out with a probability that grows by an even step to the last", () => {
    for (const block of ["residual", "preActivation"] as const) {
      const network = new CifarResNet({ block, blocks: [1, 1, 2], stochasticDepth: 0.4 });
      const drops = [...network.modules()].flatMap(([, module]) =>
        module instanceof StochasticDepth ? [module.p] : [],
      );
      expect(drops.map((p) => p.toFixed(6))).toEqual(["0.100000", "0.200000", "0.300000", "0.400000"]);
      const names = [...network.parameters()].map(([name]) => name);
      expect(names).toEqual([...new CifarResNet({ block, blocks: [1, 1, 2] }).parameters()].map(([name]) => name));
    }
  });

  it("come by name in both kinds", () => {
    expect([...createModel("cifar_resnet20").parameters()].map(([name]) => name)).toContain("blocks.3.downsample.bias");
    expect([...createModel("cifar_preact_resnet20").parameters()].map(([name]) => name)).toContain(
      "blocks.3.downsample.2.weight",
    );
  });

  it.each([
    [{ blocks: [3, 3] }],
    [{ widths: [16] }],
    [{ blocks: [], widths: [] }],
    [{ blocks: [3, 0, 3] }],
    [{ blocks: [3, 1.5, 3] }],
  ])("refuse %j", (options) => {
    expect(() => new CifarResNet(options)).toThrow(
      /^CifarResNet: blocks \[.*\] and widths \[.*\] do not describe groups$/,
    );
  });
});
