import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { AnyNet, type AnyNetDesign, type RegNetParameters, regnet, regnetStages } from "./index.js";

const line = (depth: number, w0: number, wa: number, wm: number, groupWidth: number): RegNetParameters => ({
  depth,
  w0,
  wa,
  wm,
  groupWidth,
});

describe("the stages of a RegNet", () => {
  it.each([
    ["X-200MF", line(13, 24, 36.44, 2.49, 8), [1, 1, 4, 7], [24, 56, 152, 368]],
    ["X-3.2GF", line(25, 88, 26.31, 2.25, 48), [2, 6, 15, 2], [96, 192, 432, 1008]],
    ["X-8GF", line(23, 80, 49.56, 2.88, 120), [2, 5, 15, 1], [80, 240, 720, 1920]],
    ["Y-1.6GF", line(27, 48, 20.71, 2.65, 24), [2, 6, 17, 2], [48, 120, 336, 888]],
    ["Y-128GF", line(27, 456, 160.83, 2.52, 264), [2, 7, 17, 1], [528, 1056, 2904, 7392]],
  ])("of %s are the published ones", (_, parameters, depths, widths) => {
    const stages = regnetStages(parameters);
    expect(stages.map(({ depth }) => depth)).toEqual(depths);
    expect(stages.map(({ width }) => width)).toEqual(widths);
  });

  it("have groups no wider than themselves", () => {
    expect(regnetStages(line(23, 80, 49.56, 2.88, 120)).map(({ groupWidth }) => groupWidth)).toEqual([
      80, 120, 120, 120,
    ]);
  });

  it.each([
    ["X-400MF", line(22, 24, 24.48, 2.54, 16), null, [32, 64, 160, 400], [32, 64, 160, 384], 5_157_512, 0.398],
    ["Y-800MF", line(14, 56, 38.84, 2.4, 16), 0.25, [64, 144, 320, 784], [64, 128, 320, 768], 6_263_168, 0.797],
    ["Y-8GF", line(17, 192, 76.82, 2.19, 56), 0.25, [224, 448, 896, 2016], [168, 448, 896, 2016], 39_180_068, 7.963],
    ["X-4GF", line(23, 96, 38.65, 2.43, 40), null, [120, 240, 560, 1360], [80, 240, 560, 1360], 22_118_248, 3.964],
    ["Y-4GF", line(22, 96, 31.41, 2.24, 64), 0.25, [128, 256, 512, 1088], [128, 192, 512, 1088], 20_646_656, 3.973],
  ])("of %s differ between torchvision and pycls", (_, parameters, squeeze, torchvision, pycls, count, giga) => {
    expect(regnetStages(parameters).map(({ width }) => width)).toEqual(torchvision);
    expect(regnetStages(parameters, "pycls").map(({ width }) => width)).toEqual(pycls);
    const graph = trace(regnet(parameters, { squeeze, rounding: "pycls" }), [1, 3, 224, 224]);
    expect(graph.parameters).toBe(count);
    expect((graph.multiplyAdds / 1e9).toFixed(3)).toBe(giga.toFixed(3));
  });

  it.each([line(13, 20, 36, 2.5, 8), line(13, 24, -1, 2.5, 8), line(13, 24, 36, 1, 8), line(0, 24, 36, 2.5, 8)])(
    "refuse %o",
    (parameters) => {
      expect(() => regnetStages(parameters)).toThrow("describe no network");
    },
  );
});

describe("AnyNet", () => {
  const stage = { depth: 2, width: 32, bottleneck: 2, groupWidth: 8 };
  const design: AnyNetDesign = {
    stages: [stage, { depth: 1, width: 48, bottleneck: 0.5, groupWidth: 16 }],
    block: "resnext",
    squeeze: null,
    stem: 16,
  };

  it("divides the width by the bottleneck ratio, and has groups of the group width", () => {
    const shapes = new AnyNet(design).stateShapes();
    expect(shapes.get("trunk_output.block1.block1-1.f.b.0.weight")).toEqual([16, 8, 3, 3]);
    expect(shapes.get("trunk_output.block2.block2-0.f.b.0.weight")).toEqual([96, 16, 3, 3]);
  });

  it("halves the image in the stem and in every stage, unless the stem is for small images", () => {
    const size = (stem: "imagenet" | "cifar") =>
      trace(new AnyNet(design, { stem }), [1, 3, 32, 32]).modules.find(({ path }) => path === "trunk_output")
        ?.outputShape;
    expect(size("imagenet")).toEqual([1, 48, 4, 4]);
    expect(size("cifar")).toEqual([1, 48, 8, 8]);
  });

  it("is made of plain residual blocks as well", () => {
    const network = new AnyNet({ ...design, block: "residual" }, { classes: 3 });
    // Two 3x3 convolutions with batch norm a block, a 1x1 one beside the first of a stage.
    const block = (into: number, out: number, first: boolean) =>
      9 * into * out + 9 * out * out + 4 * out + (first ? into * out + 2 * out : 0);
    const stem = 3 * 16 * 9 + 32;
    expect(network.parameterCount()).toBe(
      stem + block(16, 32, true) + block(32, 32, false) + block(32, 48, true) + 48 * 3 + 3,
    );
  });

  it("refuses groups that do not divide, and no stages", () => {
    expect(() => new AnyNet({ ...design, stages: [{ ...stage, groupWidth: 12 }] })).toThrow("groups of 12 channels");
    expect(() => new AnyNet({ ...design, stages: [] })).toThrow("without stages");
    expect(() => new AnyNet({ ...design, stages: [{ ...stage, depth: 0 }] })).toThrow("stage 1 has 0 blocks");
  });
});
