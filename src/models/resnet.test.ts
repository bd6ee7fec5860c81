import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { GroupNorm } from "../nn/index.js";
import { createModel, type ModelOptions, ResNet, type ResNetRow } from "./index.js";

const training = (name: string, options: ModelOptions) =>
  trace(createModel(name, options), [2, 3, 64, 64], { training: true });

describe("ResNet", () => {
  it.each([
    ["resnet34", [64, 64, 128, 256, 512]],
    ["resnet50", [64, 256, 512, 1024, 2048]],
  ])("%s goes 224 → 112 → 56 → 56 → 28 → 14 → 7, as in the paper's table 1", (name, channels) => {
    const { modules } = trace(createModel(name), [1, 3, 224, 224]);
    const shapes = ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4"].map((wanted) =>
      modules.find(({ path }) => path === wanted)?.outputShape?.slice(1, 3),
    );
    const [stem, ...stages] = channels;
    expect(shapes).toEqual([[stem, 112], [stem, 56], ...stages.map((width, i) => [width, 56 / 2 ** i])]);
  });

  it.each([
    ["resnet50", [64, 128, 256, 512], 1],
    ["resnext50_32x4d", [128, 256, 512, 1024], 32],
    ["resnext101_32x8d", [256, 512, 1024, 2048], 32],
    ["resnext101_64x4d", [256, 512, 1024, 2048], 64],
    ["wide_resnet50_2", [128, 256, 512, 1024], 1],
  ])("%s has the papers' inner widths %j in %i groups", (name, widths, groups) => {
    const shapes = createModel(name).stateShapes();
    expect([1, 2, 3, 4].map((layer) => shapes.get(`layer${layer}.0.conv2.weight`))).toEqual(
      widths.map((width) => [width, width / groups, 3, 3]),
    );
  });

  it("halves the image in the 3x3 convolution of a bottleneck, and beside it", () => {
    const strides = trace(createModel("resnet50"), [1, 3, 64, 64]).nodes.flatMap((node) =>
      node.operator === "conv2d" && node.module.startsWith("layer2.0.")
        ? [[node.module, node.attributes.stride[0]]]
        : [],
    );
    expect(strides).toEqual([
      ["layer2.0.conv1", 1],
      ["layer2.0.conv2", 2],
      ["layer2.0.conv3", 1],
      ["layer2.0.downsample.0", 2],
    ]);
  });

  it.each([
    ["resnet18", 8, 0.35, "bn2"],
    ["resnet50", 16, 0.75, "bn3"],
  ])(
    "%s leaves out branches with probabilities that rise evenly to the last, just before the sum",
    (name, blocks, rate, last) => {
      const { nodes } = training(name, { stochasticDepth: rate });
      const drops = nodes.filter((node) => node.operator === "stochasticDepth");
      // timm: rate · block / (blocks - 1), 0.05 more with each here, so the first block has none.
      expect(drops.map(({ attributes }) => attributes.p.toFixed(3))).toEqual(
        Array.from({ length: blocks - 1 }, (_, i) => (0.05 * (i + 1)).toFixed(3)),
      );
      for (const drop of drops) {
        const [before] = drop.inputs;
        expect(before?.kind === "node" && before.node.module).toMatch(new RegExp(`^layer\\d\\.\\d\\.${last}$`));
        const uses = nodes.filter(({ inputs }) =>
          inputs.some((input) => input?.kind === "node" && input.node === drop),
        );
        expect(uses.map(({ operator }) => operator)).toEqual(["add"]);
      }
      expect(training(name, {}).operators.get("stochasticDepth")).toBeUndefined();
    },
  );

  it("has dropout between pooling and the head", () => {
    const { nodes } = training("resnet18", { dropout: 0.3 });
    expect(nodes.slice(-4).map(({ operator }) => operator)).toEqual([
      "adaptiveAvgPool2d",
      "flatten",
      "dropout",
      "linear",
    ]);
    expect(nodes.at(-2)?.attributes).toEqual({ p: 0.3 });
  });

  it("is made from any row", () => {
    const row: ResNetRow = { block: "bottleneck", depths: [1, 3, 1, 2], groups: 8, groupWidth: 16 };
    const network = new ResNet(row, { classes: 5 });
    const shapes = network.stateShapes();
    expect(shapes.get("layer2.2.conv2.weight")).toEqual([256, 32, 3, 3]);
    expect(shapes.has("layer2.3.conv1.weight")).toBe(false);
    expect(trace(network, [1, 3, 64, 64]).outputShape).toEqual([1, 5]);
  });

  it("refuses depths that are none, and branches of zero with a norm of one's own", () => {
    const row: ResNetRow = { block: "basic", depths: [1, 1, 1, 1] };
    expect(() => new ResNet({ ...row, depths: [1, 0, 2.5, 1] })).toThrow("depths [1, 0, 2.5, 1] are not counts");
    expect(() => new ResNet({ ...row, block: "bottleneck", groups: 1.5 })).toThrow("not a count");
    const norm = (channels: number) => new GroupNorm(8, channels);
    expect(() => new ResNet(row, { norm, zeroInitResidual: true })).toThrow("zeroInitResidual is about batch norm");
    expect(trace(new ResNet(row, { norm }), [1, 3, 32, 32]).operators.get("batchNorm")).toBeUndefined();
  });
});
