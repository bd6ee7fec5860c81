import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { StochasticDepth } from "../nn/index.js";
import { createModel, ShiftNet } from "./index.js";

const traced = (name: string, size = 224) => trace(createModel(name), [1, 3, size, size]);

describe("ShiftNet", () => {
  it.each([
    ["a", [64, 128, 256, 512]],
    ["b", [32, 64, 128, 256]],
    ["c", [32, 64, 128, 256]],
  ] as const)("%s halves the image in the stem and in each of four stages", (letter, widths) => {
    const rows = traced(`shiftnet_${letter}`).modules.filter(({ path }) => /^(stem|stages\.\d)$/.test(path));
    expect(rows.map(({ outputShape }) => outputShape?.slice(2))).toEqual([
      ...[112, 56, 28, 14, 7].map((size) => [size, size]),
    ]);
    expect(rows.slice(1).map(({ outputShape }) => outputShape?.[1])).toEqual(widths);
  });

  it("A shifts by 5x5 in two stages and by 3x3 in two, at the paper's expansions", () => {
    const shifts = traced("shiftnet_a").nodes.filter(({ operator }) => operator === "shift");
    const summary = shifts.map(({ shape, attributes }) => [shape[1], "kernel" in attributes && attributes.kernel]);
    expect(summary).toEqual([
      [4 * 32, 5],
      ...Array(4).fill([4 * 64, 5]),
      [4 * 64, 5],
      ...Array(5).fill([3 * 128, 5]),
      [3 * 128, 3],
      ...Array(6).fill([2 * 256, 3]),
      [2 * 256, 3],
      ...Array(2).fill([512, 3]),
    ]);
  });

  it("widens by putting the averaged input before the branch; C by the branch alone", () => {
    const joined = traced("shiftnet_a").nodes.filter(({ operator }) => operator === "cat");
    expect(joined).toHaveLength(4);
    const inputs = joined[0]?.inputs.map((input) => (input?.kind === "node" ? input.node.module : ""));
    expect(inputs).toEqual(["stages.0.0.pool", "stages.0.0.branch.6"]);
    const { operators } = traced("shiftnet_c");
    expect([operators.get("cat"), operators.get("avgPool2d"), operators.get("add")]).toEqual([undefined, undefined, 8]);
  });

  it("refuses a stage that concatenation cannot make", () => {
    const stages = [{ blocks: 1, width: 32, kernel: 3, expansion: [1, 1] }] as const;
    expect(() => new ShiftNet({ stem: 32, stages, widening: "concat" })).toThrow(
      "ShiftNet: 32 channels with a branch behind them do not make a stage of 32",
    );
    expect(new ShiftNet({ stem: 32, stages, widening: "branch" }).parameterCount()).toBeGreaterThan(0);
  });

  it("takes images whose sizes are odd", () => {
    for (const size of [225, 97]) expect(traced("shiftnet_a", size).outputShape).toEqual([1, 1000]);
  });

  it("with a stem for small images keeps their size there", () => {
    const graph = trace(createModel("shiftnet_b", { stem: "cifar", classes: 10 }), [1, 3, 32, 32]);
    const shape = (path: string) => graph.modules.find((row) => row.path === path)?.outputShape;
    expect([shape("stem"), shape("stages")]).toEqual([
      [1, 16, 32, 32],
      [1, 256, 2, 2],
    ]);
  });

  it("leaves out blocks that keep the shape, with a probability that grows to the last", () => {
    const network = createModel("shiftnet_c", { stochasticDepth: 0.24 });
    const drops = [...network.modules()].flatMap(([, module]) => (module instanceof StochasticDepth ? [module.p] : []));
    // Of 12 blocks, those that begin the stages (1, 2, 6, 10) have no input beside their branch.
    expect(drops.map((p) => p.toFixed(6))).toEqual(
      [3, 4, 5, 7, 8, 9, 11, 12].map((block) => ((0.24 * block) / 12).toFixed(6)),
    );
  });
});
