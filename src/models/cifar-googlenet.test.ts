import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { CifarGoogLeNet } from "./index.js";

describe("the CIFAR GoogLeNet", () => {
  const graph = trace(new CifarGoogLeNet(), [1, 3, 32, 32]);

  it("goes 32 → 16 → 8, 64 to 128 channels", () => {
    const rows = graph.modules.filter(({ path }) => /^inception_blocks\.\d+$/.test(path));
    expect(rows.map(({ outputShape }) => outputShape?.slice(1))).toEqual([
      [64, 32, 32],
      [96, 32, 32],
      [96, 16, 16],
      ...Array(3).fill([96, 16, 16]),
      [128, 16, 16],
      ...Array(3).fill([128, 8, 8]),
    ]);
  });

  it("joins the branches in the order 1x1, 3x3, 5x5, pooling", () => {
    const joined = graph.nodes.filter(({ operator }) => operator === "cat");
    expect(joined).toHaveLength(8);
    const modules = joined[0]?.inputs.map((input) => (input?.kind === "node" ? input.node.module : ""));
    expect(modules).toEqual(
      ["conv_1x1.2", "conv_3x3.5", "conv_5x5.5", "max_pool.3"].map((branch) => `inception_blocks.0.${branch}`),
    );
  });

  it("takes another activation in every place", () => {
    const { operators } = trace(new CifarGoogLeNet({ activation: "tanh" }), [1, 3, 32, 32]);
    expect([operators.get("relu"), operators.get("tanh")]).toEqual([undefined, graph.operators.get("relu")]);
  });
});
