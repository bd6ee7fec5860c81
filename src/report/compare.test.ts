import { stripVTControlCharacters as plain } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ArgumentError } from "../errors.js";
import { trace } from "../graph/index.js";
import { createModel, findModel } from "../models/index.js";
import { type ComparisonRow, comparisonChart, comparisonTable, convolutionActivations } from "./compare.js";
import { renderSvg } from "./render.js";

// Vega and Vega-Lite warn of what they do not understand in a specification.
const warn = vi.spyOn(console, "warn");
beforeEach(() => {
  warn.mockClear();
});
afterEach(() => expect(warn).not.toHaveBeenCalled());

const small: ComparisonRow = {
  name: "small",
  family: "A",
  size: 224,
  parameters: 1_234_567,
  multiplyAdds: 386e6,
  activations: 6.75e6,
  weightBytes: 4_938_268,
  top1: 77.692,
  top1Weights: "IMAGENET1K_V1",
  latency: { median: 12.34, fastest: 11, slowest: 20 },
};
const large: ComparisonRow = {
  ...small,
  name: "large",
  parameters: 12_345_678,
  multiplyAdds: 4e9,
  top1: null,
  top1Weights: null,
  latency: { median: 1234, fastest: 1100, slowest: 2000 },
};

describe("convolutionActivations", () => {
  // Published in millions by the paper's authors, in the model zoo of pycls.
  it.each([
    ["resnet50", 11.1],
    ["resnet101", 16.2],
    ["resnet152", 22.6],
    ["resnext50_32x4d", 14.4],
    ["regnet_x_3_2gf", 11.4],
  ])("of %s are %d M", (name, millions) => {
    const graph = trace(createModel(name), [1, 3, 224, 224]);
    expect(convolutionActivations(graph) / 1e6).toBeCloseTo(millions, 1);
  });

  it("are those of one image, whatever the batch", () => {
    const { inputSize } = findModel("cifar_resnet20");
    const [one, four] = [1, 4].map((n) =>
      convolutionActivations(trace(createModel("cifar_resnet20"), [n, 3, inputSize, inputSize])),
    );
    expect(four).toBe(one);
  });
});

describe("comparisonTable", () => {
  it("puts networks side by side, with dashes where something is not known", () => {
    expect(plain(comparisonTable([small, large])).split("\n")).toEqual([
      "Network    Input  Parameters  Multiply-adds  Activations  Weights    Top-1  Latency  fastest … slowest",
      "──────────────────────────────────────────────────────────────────────────────────────────────────────",
      "small    224x224   1,234,567          386 M       6.75 M  4.7 MiB  77.69 %  12.3 ms  11.0 ms … 20.0 ms",
      "large    224x224  12,345,678         4.00 G       6.75 M  4.7 MiB        –   1.23 s    1.10 s … 2.00 s",
    ]);
  });

  it("leaves out columns without any value", () => {
    const [head] = plain(comparisonTable([{ ...large, latency: null }])).split("\n");
    expect(head).toMatch(/^Network +Input +Parameters +Multiply-adds +Activations +Weights$/);
  });
});

describe("comparisonChart", () => {
  it("draws latency against parameters, with its conditions", async () => {
    const texts = await textsOf([small, large], "parameters", "latency");
    expect(texts).toEqual(expect.arrayContaining(["Latency against parameters", "batch of 1, 2 threads"]));
    expect(texts).toEqual(expect.arrayContaining(["small", "large", "Parameters", "2M", "5M", "10M", "100 ms"]));
  });

  it("draws accuracy against multiply-adds, without networks that have none", async () => {
    const more = { ...small, name: "more", family: "B", multiplyAdds: 1e9, top1: 80.1 };
    const texts = await textsOf([small, large, more], "multiply-adds", "accuracy");
    expect(texts).toEqual(expect.arrayContaining(["small", "more", "A", "B", "500M", "1G", "78 %", "80 %"]));
    expect(texts).not.toContain("large");
  });

  it("needs a network that has the value", () => {
    const draw = () => comparisonChart([large], { x: "parameters", y: "accuracy", conditions: "" });
    expect(draw).toThrow(ArgumentError);
  });
});

async function textsOf(rows: ComparisonRow[], x: "parameters" | "multiply-adds", y: "latency" | "accuracy") {
  const svg = await renderSvg(comparisonChart(rows, { x, y, conditions: "batch of 1, 2 threads" }));
  expect(svg).not.toMatch(/NaN|Infinity/);
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text = ""]) => text);
}
