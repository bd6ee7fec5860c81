import { expect, it } from "vitest";
import { describeOps } from "./describe.js";
import { drawOps } from "./draw.js";
import { parsePipeline } from "./schema.js";

it("describeOps says in a few words what was done", () => {
  const style = { interpolation: "nearest", fill: [0, 0, 0] } as const;
  expect(
    describeOps([
      { op: "rotate", degrees: -12.345, ...style },
      { op: "brightness", factor: 1.2 },
      { op: "turn", quarters: 3 },
      { op: "affine", matrix: [1, 0.1, 0, 0, 1, 0], ...style },
      { op: "affine", matrix: [1, 0, 0, -0.25, 1, 0], ...style },
      { op: "translate", x: 0.1, y: 0, unit: "share", ...style },
      { op: "translate", x: 0, y: -5, unit: "pixels", ...style },
      { op: "pad", left: 4, top: 4, right: 4, bottom: 4, mode: "edge", fill: [0, 0, 0] },
      { op: "pad", left: 4, top: 0, right: 4, bottom: 0, mode: "edge", fill: [0, 0, 0] },
      { op: "resizedCrop", width: 8, height: 9, interpolation: "bilinear", ratio: [1, 1], boxes: [box(0.5)] },
      { op: "mixChains", original: 0.25, chains: [{ weight: 0.75, ops: [{ op: "invert" }, { op: "equalize" }] }] },
      { op: "erase", boxes: [box(0.1)], fill: { kind: "noise", seed: 1 } },
    ]),
  ).toEqual([
    "rotate -12.3°",
    "brightness 1.2",
    "turn 270°",
    "shear x 0.1",
    "shear y -0.25",
    "move x 10%",
    "move y -5 px",
    "pad 4",
    "pad 4 0 4 0",
    "crop 50% to 8×9",
    "mix 75% (invert, equalize)",
    "erase 10%",
  ]);
});

it("describeOps has short words for everything that is drawn", () => {
  const pipeline = parsePipeline([
    { name: "resize", size: 40 },
    { name: "randomCrop", size: 32, padding: 4 },
    { name: "centerCrop", size: 30 },
    { name: "colorJitter", brightness: 0.4, hue: 0.1 },
    { name: "stainJitter" },
    { name: "gaussianBlur", kernelSize: 3 },
    { name: "randAugment", ops: "efficientnetv2", numOps: 8 },
    { name: "trivialAugmentWide" },
    { name: "cutout", size: 8 },
  ]);
  for (let sample = 0; sample < 200; sample++) {
    const words = describeOps(drawOps(pipeline, [sample]));
    for (const one of words) expect(one).toMatch(/^[a-z-]+( [\w.%°×+-]+){0,5}$/i);
  }
});

function box(area: number) {
  return { area, aspect: 1, across: 0, down: 0 };
}
