import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { CifarDenseNet, type CifarDenseNetOptions } from "./index.js";

const traced = (options: CifarDenseNetOptions = {}) => trace(new CifarDenseNet(options), [1, 3, 32, 32]);

describe("the CIFAR DenseNet", () => {
  it("adds 96 channels in a block, and halves channels and image between blocks", () => {
    const rows = traced().modules.filter(({ path }) => /^blocks\.\d$/.test(path));
    expect(rows.map(({ outputShape }) => outputShape?.slice(1))).toEqual([
      [128, 32, 32],
      [64, 16, 16],
      [160, 16, 16],
      [80, 8, 8],
      [176, 8, 8],
      [88, 4, 4],
      [184, 4, 4],
    ]);
  });

  it("puts what a layer adds before what it was given", () => {
    const [first] = traced().nodes.filter(({ operator }) => operator === "cat");
    const shapes = first?.inputs.map((input) =>
      input?.kind === "node" ? [input.node.module, input.node.shape[1]] : [],
    );
    expect(shapes).toEqual([
      ["blocks.0.block.0.net.5", 16],
      ["input_net.0", 32],
    ]);
  });

  it("takes other sizes", () => {
    const graph = traced({ layers: [2, 3], growthRate: 12, bottleneck: 4 });
    const shape = (path: string) => graph.modules.find((row) => row.path === path)?.outputShape;
    expect(shape("input_net")).toEqual([1, 48, 32, 32]);
    expect(shape("blocks.0.block.1.net.2")).toEqual([1, 48, 32, 32]);
    expect(shape("blocks")).toEqual([1, (48 + 2 * 12) / 2 + 3 * 12, 16, 16]);
  });

  it("takes another activation in every place", () => {
    const { operators } = traced({ activation: "gelu" });
    expect([operators.get("relu"), operators.get("gelu")]).toEqual([undefined, traced().operators.get("relu")]);
  });

  it.each([[{ layers: [] }], [{ layers: [6, 0] }], [{ growthRate: 0 }], [{ bottleneck: 1.5 }]])(
    "refuses %j",
    (options) => {
      expect(() => new CifarDenseNet(options)).toThrow(/^CifarDenseNet: layers .* are not counts$/);
    },
  );
});
