import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { StochasticDepth } from "../nn/index.js";
import { Random } from "../random.js";
import { AnyNet, type AnyNetDesign } from "./index.js";

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

  it("leaves out its blocks with probabilities that rise evenly to the last", () => {
    const network = new AnyNet({ ...design, stages: [stage, stage] }, { stochasticDepth: 0.3 });
    const rates = [...network.modules()].flatMap(([, module]) => (module instanceof StochasticDepth ? [module.p] : []));
    expect(rates.map((rate) => rate.toFixed(6))).toEqual(["0.000000", "0.100000", "0.200000", "0.300000"]);
    expect(() => new AnyNet(design, { stochasticDepth: 1.5 })).toThrow("1.5");
  });

  it("begins as the reference does: He-normal convolutions over the outputs, a small head, no zero biases in between", () => {
    const network = new AnyNet({
      stages: [{ depth: 1, width: 256, bottleneck: 1, groupWidth: 16 }],
      block: "resnext",
      squeeze: 4,
      stem: 16,
    });
    const firstValues = new Map(
      [...network.parameters()].map(([name, { initializer, shape }]) => [name, initializer(shape, new Random(name))]),
    );
    const deviation = (name: string) => {
      const values = firstValues.get(name) ?? new Float32Array();
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    };
    const block = "trunk_output.block1.block1-0";
    // The deviation is √(2 / (kernel² · outputs)), whatever the groups.
    expect(deviation(`${block}.f.a.0.weight`) / Math.sqrt(2 / 256)).toBeCloseTo(1, 1);
    expect(deviation(`${block}.f.b.0.weight`) / Math.sqrt(2 / (9 * 256))).toBeCloseTo(1, 1);
    expect(deviation(`${block}.f.se.fc1.weight`) / Math.sqrt(2 / 64)).toBeCloseTo(1, 1);
    expect(deviation("fc.weight") / 0.01).toBeCloseTo(1, 1);
    expect(deviation("fc.bias")).toBe(0);
    // PyTorch's U(±1/√fan-in), which torchvision leaves in place here.
    expect(deviation(`${block}.f.se.fc1.bias`) * Math.sqrt(3 * 256)).toBeCloseTo(1, 0);
  });
});
