import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { createModel, DenseNet } from "./index.js";

describe("DenseNet", () => {
  it("densenet121 has the sizes of the paper's table 1", () => {
    const { modules } = trace(createModel("densenet121"), [1, 3, 224, 224]);
    const shapes = modules.flatMap(({ path, outputShape }) =>
      /^features\.(pool|dense|trans)\w+$/.test(path) ? [outputShape?.slice(1, 3)] : [],
    );
    expect(shapes).toEqual([
      [64, 56],
      [256, 56],
      [128, 28],
      [512, 28],
      [256, 14],
      [1024, 14],
      [512, 7],
      [1024, 7],
    ]);
  });

  it("puts what a layer adds behind what it was given", () => {
    const first = trace(createModel("densenet121"), [1, 3, 64, 64]).nodes.find(({ operator }) => operator === "cat");
    expect(
      first?.inputs.map((input) => (input?.kind === "node" ? [input.node.module, input.node.shape[1]] : [])),
    ).toEqual([
      ["features.pool0", 64],
      ["features.denseblock1.denselayer1.conv2", 32],
    ]);
  });

  it("has its dropout at the end of every dense layer, and none in the head", () => {
    const { nodes } = trace(createModel("densenet121", { dropout: 0.2 }), [2, 3, 64, 64], { training: true });
    const drops = nodes.filter(({ operator }) => operator === "dropout");
    expect(drops).toHaveLength(6 + 12 + 24 + 16);
    for (const { module, attributes, inputs } of drops) {
      expect(attributes).toEqual({ p: 0.2 });
      const [before] = inputs;
      expect(before?.kind === "node" && before.node.module).toBe(module.replace(/drop$/, "conv2"));
    }
  });

  it("is made from any row; half of an odd width is rounded down", () => {
    const network = new DenseNet({ growth: 3, blocks: [3, 2], stemChannels: 8 }, { classes: 5 });
    const shapes = network.stateShapes();
    expect(shapes.get("features.transition1.conv.weight")).toEqual([8, 17, 1, 1]);
    expect(shapes.get("features.norm3.weight")).toEqual([14]);
    expect(trace(network, [1, 3, 32, 32]).outputShape).toEqual([1, 5]);
  });

  it("refuses blocks that are none", () => {
    for (const blocks of [[], [6, 0], [1.5]]) {
      expect(() => new DenseNet({ growth: 3, blocks, stemChannels: 8 })).toThrow(
        /^DenseNet: blocks .* are not counts$/,
      );
    }
  });
});
