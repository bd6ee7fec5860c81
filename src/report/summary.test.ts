import { stripVTControlCharacters as plain } from "node:util";
import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { summaryRows, summaryTable } from "./summary.js";

// conv: 3·3·3·8 = 216 weights, at each of 5·5 positions: 5,400 multiply-adds. batch norm: 2·8. linear: 8·2 + 2.
const network = () =>
  new Sequential(
    new Sequential(new Conv2d(3, 8, 3, { stride: 2, padding: 1, bias: false }), new BatchNorm2d(8), new ReLU()),
    new AdaptiveAvgPool2d(1),
    new Flatten(),
    new Linear(8, 2),
  );

describe("summaryTable", () => {
  it("shows every module with its output, parameters and multiply-adds, and the totals", () => {
    // All results: conv, batch norm and ReLU of 200 numbers each, pooled and flattened 8 each, linear 2; 4 bytes each.
    expect(plain(summaryTable(trace(network(), [1, 3, 10, 10])))).toBe(
      [
        "Module     Type               Input           Output        Kernel  Parameters  Multiply-adds",
        "─────────────────────────────────────────────────────────────────────────────────────────────",
        "(network)  Sequential         [1, 3, 10, 10]  [1, 2]        –              250          5,416",
        "  0        Sequential         [1, 3, 10, 10]  [1, 8, 5, 5]  –              232          5,400",
        "    0      Conv2d             [1, 3, 10, 10]  [1, 8, 5, 5]  3x3            216          5,400",
        "    1      BatchNorm2d        [1, 8, 5, 5]    [1, 8, 5, 5]  –               16              –",
        "    2      ReLU               [1, 8, 5, 5]    [1, 8, 5, 5]  –                –              –",
        "  1        AdaptiveAvgPool2d  [1, 8, 5, 5]    [1, 8, 1, 1]  –                –              –",
        "  2        Flatten            [1, 8, 1, 1]    [1, 8]        –                –              –",
        "  3        Linear             [1, 8]          [1, 2]        –               18             16",
        "",
        "Parameters                              250",
        "Multiply-adds                           5,416",
        "Size of the input                       1.2 KiB",
        "Size of the parameters                  1000 B",
        "Size of all results, one forward pass   2.4 KiB",
        "Size of all three                       4.6 KiB",
      ].join("\n"),
    );
  });

  it("shows modules down to a depth, with everything below in their numbers", () => {
    const graph = trace(network(), [4, 3, 10, 10]);
    const names = (depth: number) =>
      plain(summaryTable(graph, { depth }))
        .split("\n")
        .slice(2)
        .map((line) => line.trim().split(/ {2,}/));
    expect(names(0)[0]).toEqual(["(network)", "Sequential", "[4, 3, 10, 10]", "[4, 2]", "–", "250", "21,664"]);
    expect(names(0)[1]).toEqual([""]);
    expect(names(1).findIndex(([name]) => name === "")).toBe(5);
    expect(names(2).findIndex(([name]) => name === "")).toBe(8);
    expect(names(7)).toEqual(names(2));
    const lines = summaryTable(graph, { depth: 1 }).split("\n");
    expect(lines[3]).toMatch(/^ {2}0 +Sequential +\[4, 3, 10, 10\] +\[4, 8, 5, 5\] +– +232 +21,600$/);
  });

  it("tells frozen parameters from trainable ones, where there are any", () => {
    const frozen = network();
    for (const [name, parameter] of frozen.parameters()) parameter.trainable = !name.startsWith("0.");
    const lines = summaryTable(trace(frozen, [1, 3, 10, 10])).split("\n");
    const trained = (line = 0) => lines[line + 2]?.trim().split(/ {2,}/).at(-2);
    expect(lines[0]).toMatch(/Parameters {2}Trained +Multiply-adds$/);
    expect([0, 1, 2, 4, 7].map(trained)).toEqual(["in part", "no", "no", "–", "yes"]);
    expect(lines).toContain("Trainable parameters                    18");
    expect(lines).toContain("Frozen parameters                       232");
    expect(summaryTable(trace(network(), [1, 3, 10, 10]))).not.toMatch(/Train|Frozen/);
  });

  it("shows the windows of poolings and shifts too", () => {
    class Shifting extends Module {
      forward(x: Tensor): Tensor {
        return x.shift(5);
      }
    }
    const layers = [new MaxPool2d(3), new AvgPool2d([2, 1]), new Conv2d(3, 3, [1, 7]), new Shifting()];
    const rows = summaryRows(trace(new Sequential(...layers), [1, 3, 60, 60]));
    expect(rows.map(({ kernel }) => kernel)).toEqual([undefined, [3, 3], [2, 1], [1, 7], [5, 5]]);
  });
});
