import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { createModel, type RegNetParameters, regnet, regnetStages } from "./index.js";

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

describe("regnet", () => {
  const parameters = line(13, 24, 36.44, 2.49, 8);

  it("squeezes to a share of each block's input, and makes an X a Y by it", () => {
    const shapes = regnet(parameters, { squeeze: 0.25 }).stateShapes();
    expect(shapes.get("trunk_output.block1.block1-0.f.se.fc1.weight")).toEqual([8, 24, 1, 1]);
    expect(shapes.get("trunk_output.block2.block2-0.f.se.fc1.weight")).toEqual([6, 56, 1, 1]);
    expect(shapes.get("trunk_output.block4.block4-6.f.se.fc1.weight")).toEqual([92, 368, 1, 1]);
    expect([...regnet(parameters).stateShapes().keys()].some((name) => name.includes(".se."))).toBe(false);
  });

  it("keeps torchvision's rounding in the networks that torchvision has, and the paper's in the others", () => {
    const widths = (name: string) => {
      const shapes = createModel(name).stateShapes();
      return [1, 2, 3, 4].map((i) => shapes.get(`trunk_output.block${i}.block${i}-0.proj.0.weight`)?.[0]);
    };
    expect(widths("regnet_x_400mf")).toEqual([32, 64, 160, 400]);
    expect(widths("regnet_y_8gf")).toEqual([224, 448, 896, 2016]);
    expect(widths("regnet_x_4gf")).toEqual([80, 240, 560, 1360]);
    expect(widths("regnet_y_4gf")).toEqual([128, 192, 512, 1088]);
  });
});
