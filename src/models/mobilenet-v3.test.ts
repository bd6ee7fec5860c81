import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { createModel, MobileNetV3, type MobileNetV3Options } from "./index.js";

const parameters = (size: "large" | "small", options: MobileNetV3Options) =>
  new MobileNetV3(size, options).parameterCount();

describe("MobileNetV3", () => {
  it.each([
    ["large", 1000, 5_483_032],
    ["large", 100, 4_330_132],
    ["large", 10, 4_214_842],
    ["small", 1000, 2_542_856],
    ["small", 100, 1_620_356],
    ["small", 10, 1_528_106],
  ] as const)("%s for %i classes", (size, classes, count) => {
    expect(parameters(size, { classes })).toBe(count);
  });

  // Parameters and, for 64x64 images, multiply-adds of torchvision's MobileNetV3 with `width_mult`, `reduced_tail`, `dilated`.
  it.each([
    ["large", { width: 0.5 }, 1_734_576, 6_526_272],
    ["large", { width: 0.75, reducedTail: true }, 1_620_728, 10_902_944],
    ["large", { reducedTail: true }, 2_569_352, 16_501_120],
    ["large", { dilated: true }, 5_483_032, 32_652_800],
    ["large", { width: 1.25, reducedTail: true, dilated: true }, 3_844_568, 31_580_416],
    ["small", { width: 0.5 }, 917_264, 2_261_696],
    ["small", { width: 0.75, reducedTail: true }, 752_848, 3_164_320],
    ["small", { reducedTail: true }, 1_099_672, 4_370_944],
    ["small", { dilated: true }, 2_542_856, 10_598_016],
    ["small", { width: 1.25, reducedTail: true, dilated: true }, 1_567_008, 8_755_840],
  ] as const)("%s with %o", (size, options, count, multiplyAdds) => {
    const graph = trace(new MobileNetV3(size, options), [1, 3, 64, 64]);
    expect(graph.parameters).toBe(count);
    expect(graph.multiplyAdds).toBe(multiplyAdds);
  });

  it("refuses a width that is not above 0", () => {
    for (const width of [0, -1, Number.NaN]) {
      expect(() => new MobileNetV3("small", { width })).toThrow(
        expect.objectContaining({
          name: "ArgumentError",
          message: `MobileNetV3: width is ${width}, it must be above 0`,
        }),
      );
    }
  });

  it("halves the image five times, three with a dilated tail and the stem for small ones", () => {
    const side = (options: MobileNetV3Options, pixels: number) =>
      trace(new MobileNetV3("large", options), [1, 3, pixels, pixels]).modules.find(
        ({ path }) => path === "features.16",
      )?.outputShape;
    expect(side({}, 224)).toEqual([1, 960, 7, 7]);
    expect(side({ dilated: true }, 224)).toEqual([1, 960, 14, 14]);
    expect(side({ stem: "cifar" }, 32)).toEqual([1, 960, 2, 2]);
    expect(side({ stem: "cifar", dilated: true }, 32)).toEqual([1, 960, 4, 4]);
    const [usual, small] = [new MobileNetV3("small"), new MobileNetV3("small", { stem: "cifar" })];
    expect([...small.stateShapes()]).toEqual([...usual.stateShapes()]);
  });

  it("has hard-swish where the table says so, or another", () => {
    const operators = (options: MobileNetV3Options) => {
      const graph = trace(new MobileNetV3("small", options), [1, 3, 224, 224]);
      return (["relu", "hardswish", "gelu", "hardsigmoid", "add"] as const).map(
        (operator) => graph.operators.get(operator) ?? 0,
      );
    };
    // ReLU: the first three blocks (the first has no expansion) and nine squeeze-and-excitations. Hard-swish: both of the
    // other eight blocks' convolutions, stem, last convolution, classifier.
    expect(operators({})).toEqual([5 + 9, 16 + 3, 0, 9, 6]);
    expect(operators({ activation: "gelu" })).toEqual([14, 0, 19, 9, 6]);
  });

  it("is another network with a row of one's own", () => {
    const row = {
      stem: 8,
      blocks: [
        { kernel: 3, expanded: 32, channels: 16, squeeze: false, activation: "relu", stride: 2 },
        { kernel: 5, expanded: 48, channels: 16, squeeze: true, activation: "hardswish", stride: 1 },
      ],
      hidden: 64,
    } as const;
    const graph = trace(new MobileNetV3(row, { classes: 4 }), [1, 3, 32, 32]);
    expect(graph.outputShape).toEqual([1, 4]);
    expect(graph.modules.find(({ path }) => path === "features.3")?.outputShape).toEqual([1, 96, 8, 8]);
    expect(graph.operators.get("add")).toBe(1);
  });

  it("drops as much of the classifier's hidden layer as it is told", () => {
    const nodes = (options: MobileNetV3Options) =>
      trace(createModel("mobilenet_v3_small", options), [1, 3, 64, 64], { training: true }).nodes;
    const rate = (options: MobileNetV3Options) =>
      nodes(options).flatMap(({ operator, attributes }) => (operator === "dropout" ? [attributes.p] : []));
    expect(rate({})).toEqual([0.2]);
    expect(rate({ dropout: 0.4 })).toEqual([0.4]);
  });
});
