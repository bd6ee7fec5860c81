import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { SqueezeExcitation, StochasticDepth } from "../nn/index.js";
import {
  createModel,
  EfficientNetV2,
  type EfficientNetV2Row,
  findModel,
  IMAGENET_NORMALIZATION,
  listModels,
} from "./index.js";

describe("EfficientNetV2", () => {
  it("has eight variants", () => {
    const names = ["b0", "b1", "b2", "b3", "l", "m", "s", "xl"].map((variant) => `efficientnet_v2_${variant}`);
    expect(listModels("efficientnet_v2_*").map(({ name }) => name)).toEqual(names);
  });

  it("rounds B3's widths as the authors' code, which may lose more than a tenth", () => {
    const network = trace(createModel("efficientnet_v2_b3"), [1, 3, 300, 300]);
    const stages = network.modules.filter(({ path }) => /^features\.\d$/.test(path));
    // Of 19.2 channels 16 are left, where V1's rounding makes 24.
    expect(stages.map(({ outputShape }) => outputShape?.[1])).toEqual([40, 16, 40, 56, 112, 136, 232, 1536]);
  });

  it("squeezes and excites only in MBConv, to a quarter of the block's input", () => {
    const squeezes = [...createModel("efficientnet_v2_s").modules()].flatMap(([path, module]) =>
      module instanceof SqueezeExcitation ? [[path, module.fc1.weight.shape] as const] : [],
    );
    expect(squeezes).toHaveLength(6 + 9 + 15);
    expect(squeezes[0]).toEqual(["features.4.0.block.2", [16, 256, 1, 1]]);
    expect(squeezes[1]).toEqual(["features.4.1.block.2", [32, 512, 1, 1]]);
  });

  it("leaves out branches with a probability that rises block by block", () => {
    const rates = [...createModel("efficientnet_v2_s").modules()].flatMap(([, module]) =>
      module instanceof StochasticDepth ? [module.p] : [],
    );
    // Of 40 blocks all have a skip but the five that change the shape; the first has probability 0.
    expect(rates).toHaveLength(35);
    expect(rates[0]).toBe(0);
    expect(rates.at(-1)).toBeCloseTo((0.2 * 39) / 40, 12);
  });

  it("is normalised as the weights want it", () => {
    const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
    const normalization = (variant: string) => findModel(`efficientnet_v2_${variant}`).normalization;
    for (const variant of ["l", "xl"]) expect(normalization(variant)).toEqual(half);
    for (const variant of ["s", "m", "b0", "b3"]) expect(normalization(variant)).toEqual(IMAGENET_NORMALIZATION);
  });

  it("takes images from the published 33 pixels on, and smaller ones", () => {
    for (const side of [33, 32, 1]) {
      expect(trace(createModel("efficientnet_v2_s"), [1, 3, side, side]).outputShape).toEqual([1, 1000]);
    }
  });
});

describe("a row of one's own", () => {
  const row: EfficientNetV2Row = {
    stem: 16,
    stages: [
      { block: "fused", expansion: 2, stride: 2, channels: 24, layers: 1 },
      { block: "mbconv", expansion: 4, stride: 2, channels: 48, layers: 2 },
    ],
    head: 96,
  };

  it("is another network", () => {
    const graph = trace(new EfficientNetV2(row, { classes: 5, stem: "cifar" }), [1, 3, 32, 32]);
    expect(graph.outputShape).toEqual([1, 5]);
    const shape = (path: string) => graph.modules.find((module) => module.path === path)?.outputShape;
    expect(shape("features.0")).toEqual([1, 16, 32, 32]);
    expect(shape("features.1")).toEqual([1, 24, 16, 16]);
    expect(shape("features.2")).toEqual([1, 48, 8, 8]);
    expect(shape("features.3")).toEqual([1, 96, 8, 8]);
  });

  it("may have a stage of no layers", () => {
    const [fused, mbconv] = row.stages;
    if (!fused || !mbconv) throw new Error("the row has two stages");
    const graph = trace(new EfficientNetV2({ ...row, stages: [{ ...fused, layers: 0 }, mbconv] }), [1, 3, 32, 32]);
    expect(graph.modules.find(({ path }) => path === "features.2")?.outputShape).toEqual([1, 48, 8, 8]);
  });
});
