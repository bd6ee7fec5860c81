import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { createModel, D2lAnyNet, type D2lDesign } from "./index.js";

/** Names and shapes below a prefix, without it. */
function shapesBelow(network: D2lAnyNet, prefix: string): Record<string, readonly number[]> {
  return Object.fromEntries(
    [...network.stateShapes()].flatMap(([name, shape]) =>
      name.startsWith(prefix) && name.endsWith("weight") ? [[name.slice(prefix.length), shape]] : [],
    ),
  );
}

const stage = { depth: 2, channels: 48, groupWidth: 16, bottleneck: 2 };

describe("the blocks of the book", () => {
  it("multiply by the bottleneck, and have groups of a width", () => {
    const network = new D2lAnyNet({ block: "resnext", stages: [stage] });
    expect(shapesBelow(network, "net.stage1.0.")).toEqual({
      "conv1.weight": [96, 32, 1, 1],
      "conv2.weight": [96, 16, 3, 3],
      "conv3.weight": [48, 96, 1, 1],
      "conv4.weight": [48, 32, 1, 1],
      "bn1.weight": [96],
      "bn2.weight": [96],
      "bn3.weight": [48],
      "bn4.weight": [48],
    });
    expect(Object.keys(shapesBelow(network, "net.stage1.1."))).not.toContain("conv4.weight");
  });

  it("have whole groups: 80 channels in groups of 32 are two groups of 40", () => {
    const shapes = createModel("d2l_vionet_g").stateShapes();
    expect(shapes.get("net.stage2.5.conv2.weight")).toEqual([80, 40, 3, 3]);
  });

  it("when they are plain, have no batch norm on the shortcut", () => {
    const network = new D2lAnyNet({ block: "residual", stages: [stage] });
    expect(shapesBelow(network, "net.stage1.0.")).toEqual({
      "conv1.weight": [48, 32, 3, 3],
      "conv2.weight": [48, 48, 3, 3],
      "conv3.weight": [48, 32, 1, 1],
      "bn1.weight": [48],
      "bn2.weight": [48],
    });
  });

  it.each([
    [{ ...stage, groupWidth: 128 }, "groups is 0"],
    [{ ...stage, groupWidth: 40 }, undefined],
    [{ ...stage, channels: 50, bottleneck: 1, groupWidth: 12 }, "do not divide into 4 groups"],
    [{ ...stage, channels: 0 }, "is 0, not a count"],
  ])("of %o are built or refused", (row, message) => {
    const build = () => new D2lAnyNet({ block: "resnext", stages: [row] });
    if (message === undefined) expect(build()).toBeInstanceOf(D2lAnyNet);
    else expect(build).toThrow(message);
  });
});

describe("the networks of the book", () => {
  it("count their layers as the book does, the shortcuts aside", () => {
    const layers = (name: string) =>
      trace(createModel(name), [1, 1, 96, 96]).nodes.filter(
        ({ operator, module }) => /^(conv2d|linear)$/.test(operator) && !module.endsWith("conv4"),
      ).length;
    expect(layers("d2l_regnet_x32")).toBe(32);
    expect(layers("d2l_regnet_x32_4stage")).toBe(104);
  });

  it("halve the image in the stem and in every stage", () => {
    const sizes = trace(createModel("d2l_regnet_x32_4stage"), [1, 1, 224, 224]).modules.flatMap(
      ({ path, outputShape }) => (/^net\.(0|stage\d)$/.test(path) ? [outputShape?.slice(1)] : []),
    );
    expect(sizes).toEqual([
      [32, 112, 112],
      [32, 56, 56],
      [80, 28, 28],
      [128, 14, 14],
      [256, 7, 7],
    ]);
  });

  it("take the book's own multiply-adds at another size", () => {
    const { multiplyAdds } = trace(createModel("d2l_regnet_x32"), [1, 1, 224, 224]);
    expect((multiplyAdds / 1e9).toFixed(3)).toBe("0.219");
  });

  it("are rows that one changes", () => {
    const design: D2lDesign = { block: "resnext", stages: [{ depth: 1, channels: 16, groupWidth: 16, bottleneck: 1 }] };
    const graph = trace(new D2lAnyNet(design, { classes: 3, inChannels: 2 }), [5, 2, 32, 32]);
    expect(graph.outputShape).toEqual([5, 3]);
    const norms = 2 * (32 + 16 * 4);
    const convolutions = 2 * 32 * 9 + 32 + (32 * 16 + 16) + (16 * 16 * 9 + 16) + (16 * 16 + 16) + (32 * 16 + 16);
    expect(graph.parameters).toBe(convolutions + norms + 16 * 3 + 3);
  });
});
