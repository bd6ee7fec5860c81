import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { StochasticDepth } from "../nn/index.js";
import { createModel, ShiftResNet } from "./index.js";

describe("ShiftResNet", () => {
  // The parameters at each expansion; 95,642 is what the authors' README prints, the others round to its table's.
  it.each([
    [20, 3, { 1: 34_906, 3: 95_642, 6: 186_746, 9: 277_850 }],
    [56, 9, { 1: 102_106, 3: 294_554, 6: 583_226, 9: 871_898 }],
    [110, 18, { 1: 202_906, 3: 592_922, 6: 1_177_946, 9: 1_762_970 }],
  ])("of depth %i has the parameters that are known", (depth, blocks, counts) => {
    for (const [expansion, count] of Object.entries(counts)) {
      expect(new ShiftResNet(blocks, { expansion: Number(expansion) }).parameterCount()).toBe(count);
    }
    expect(createModel(`shift_resnet${depth}`).parameterCount()).toBe(counts[3]);
  });

  const graph = trace(createModel("shift_resnet20"), [1, 3, 32, 32]);

  it("has the authors' multiply-adds for depth 20, apart from their count of the stem", () => {
    expect(graph.multiplyAdds).toBe(16_581_248 - 32 * 32 * 9 * (64 - 3 * 16));
  });

  it("shifts three times the channels, ends its branch in an activation and adds", () => {
    const inside = graph.nodes.filter(({ module }) => module.startsWith("layer2.0"));
    expect(inside.map(({ operator, shape }) => [operator, shape[1], shape[2]])).toEqual([
      ["conv2d", 96, 32],
      ["batchNorm", 96, 32],
      ["relu", 96, 32],
      ["shift", 96, 32],
      ["conv2d", 32, 16],
      ["batchNorm", 32, 16],
      ["relu", 32, 16],
      ["conv2d", 32, 16],
      ["batchNorm", 32, 16],
      ["add", 32, 16],
    ]);
    expect(graph.operators.get("shift")).toBe(9);
    expect(graph.nodes.filter(({ operator }) => operator === "shift").map(({ attributes }) => attributes)).toEqual(
      Array(9).fill({ kernel: 3 }),
    );
  });

  it("leaves blocks out with a probability that grows by an even step to the last", () => {
    const network = new ShiftResNet(1, { stochasticDepth: 0.3 });
    const drops = [...network.modules()].flatMap(([, module]) => (module instanceof StochasticDepth ? [module.p] : []));
    expect(drops.map((p) => p.toFixed(6))).toEqual(["0.100000", "0.200000", "0.300000"]);
  });

  it.each([0, -1, Number.NaN])("refuses an expansion of %d", (expansion) => {
    expect(() => new ShiftResNet(3, { expansion })).toThrow(`ShiftResNet: the expansion ${expansion} is not above 0`);
  });
});
