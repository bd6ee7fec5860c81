import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { Module } from "../nn/index.js";
import { Random } from "../random.js";
import type { Tensor } from "../tensor/index.js";
import { createModel, GoogLeNet, type GoogLeNetOptions } from "./index.js";

/** Only an auxiliary head's logits, so that a trace holds nothing that they do not need. */
class Auxiliary extends Module {
  readonly network = new GoogLeNet({ auxiliary: true, classes: 7 });

  constructor(readonly head: "aux1" | "aux2") {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.network.forwardWithAuxiliary(x)[this.head];
  }
}

describe("GoogLeNet", () => {
  it("has the sizes of the paper's table 1", () => {
    const { modules } = trace(createModel("googlenet"), [1, 3, 224, 224]);
    const shapes = modules.flatMap(({ path, outputShape }) =>
      /^(conv\d|maxpool\d|inception\d\w)$/.test(path) ? [`${path} ${outputShape?.slice(1, 3).join("x")}`] : [],
    );
    expect(shapes).toEqual([
      "conv1 64x112",
      "maxpool1 64x56",
      "conv2 64x56",
      "conv3 192x56",
      "maxpool2 192x28",
      "inception3a 256x28",
      "inception3b 480x28",
      "maxpool3 480x14",
      "inception4a 512x14",
      "inception4b 512x14",
      "inception4c 512x14",
      "inception4d 528x14",
      "inception4e 832x14",
      "maxpool4 832x7",
      "inception5a 832x7",
      "inception5b 1024x7",
    ]);
  });

  it("has 5x5 kernels in the third branch only, and only when asked to", () => {
    const kernels = (options: GoogLeNetOptions) =>
      [...new GoogLeNet(options).stateShapes()].flatMap(([name, shape]) =>
        shape[2] === 5 && shape[3] === 5 ? [name.replace(/^inception\d\w/, "")] : [],
      );
    expect(kernels({})).toEqual([]);
    expect(kernels({ trueFiveByFive: true })).toEqual(Array.from({ length: 9 }, () => ".branch3.1.conv.weight"));
  });

  it.each([
    ["aux1", "inception4a", 512],
    ["aux2", "inception4d", 528],
  ] as const)("%s looks at %s, means of 4x4, and drops out 0.7", (head, source, channels) => {
    const { nodes, outputShape } = trace(new Auxiliary(head), [2, 3, 96, 96], { training: true });
    expect(outputShape).toEqual([2, 7]);
    const own = nodes.filter(({ module }) => module.startsWith(`network.${head}.`));
    const [pool] = own;
    const [seen] = pool?.inputs ?? [];
    expect(seen?.kind === "node" && [seen.node.module, seen.node.shape[1]]).toEqual([`network.${source}`, channels]);
    expect(own.map(({ operator }) => operator)).toEqual([
      "adaptiveAvgPool2d",
      "conv2d",
      "batchNorm",
      "relu",
      "flatten",
      "linear",
      "relu",
      "dropout",
      "linear",
    ]);
    expect(pool?.attributes).toEqual({ size: [4, 4] });
    expect(own.at(-2)?.attributes).toEqual({ p: 0.7 });
  });

  it("has batch norms of eps 0.001 and a dropout of 0.2 before the head", () => {
    const { nodes } = trace(createModel("googlenet"), [2, 3, 64, 64], { training: true });
    const eps = nodes.flatMap((node) => (node.operator === "batchNorm" ? [node.attributes.eps] : []));
    expect(eps).toEqual(Array.from({ length: 57 }, () => 0.001));
    expect(nodes.slice(-2).map(({ operator, attributes }) => [operator, attributes])).toEqual([
      ["dropout", { p: 0.2 }],
      ["linear", {}],
    ]);
  });

  it("begins with weights of deviation 0.01, not cut off at twice that", () => {
    const weights = [...new GoogLeNet({ auxiliary: true, classes: 10 }).parameters()].filter(
      ([, { shape }]) => shape.length > 1,
    );
    expect(weights).toHaveLength(57 + 1 + 2 * 3);
    for (const [name, { initializer, shape }] of weights.slice(-8)) {
      const values = initializer(shape, new Random(name));
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      expect(deviation / 0.01).toBeCloseTo(1, 1);
      // Of a normal distribution 4.55 % lie beyond two deviations.
      const beyond = values.filter((value) => Math.abs(value) > 0.02).length / values.length;
      expect(beyond).toBeCloseTo(0.0455, 2);
    }
  });

  it("refuses to re-normalise anything but three channels", () => {
    for (const inChannels of [1, 4]) {
      expect(() => new GoogLeNet({ transformInput: true, inChannels })).toThrow(
        `3 channels of ImageNet's images, not ${inChannels}`,
      );
    }
  });
});
