import { stripVTControlCharacters as plain } from "node:util";
import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Flatten, Linear, ReLU, Sequential } from "../nn/index.js";
import { bytes, count, summaryTable } from "./summary.js";

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
        "Module     Type               Output        Parameters  Multiply-adds",
        "─────────────────────────────────────────────────────────────────────",
        "(network)  Sequential         [1, 2]               250          5,416",
        "  0        Sequential         [1, 8, 5, 5]         232          5,400",
        "    0      Conv2d             [1, 8, 5, 5]         216          5,400",
        "    1      BatchNorm2d        [1, 8, 5, 5]          16              –",
        "    2      ReLU               [1, 8, 5, 5]           –              –",
        "  1        AdaptiveAvgPool2d  [1, 8, 1, 1]           –              –",
        "  2        Flatten            [1, 8]                 –              –",
        "  3        Linear             [1, 2]                18             16",
        "",
        "Input                                   [1, 3, 10, 10]",
        "Parameters                              250",
        "Multiply-adds                           5,416",
        "Size of the parameters                  1000 B",
        "Size of all results, one forward pass   2.4 KiB",
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
    expect(names(0)[0]).toEqual(["(network)", "Sequential", "[4, 2]", "250", "21,664"]);
    expect(names(0)[1]).toEqual([""]);
    expect(names(1).findIndex(([name]) => name === "")).toBe(5);
    expect(names(2).findIndex(([name]) => name === "")).toBe(8);
    expect(names(7)).toEqual(names(2));
    const lines = summaryTable(graph, { depth: 1 }).split("\n");
    expect(lines[3]).toMatch(/^ {2}0 +Sequential +\[4, 8, 5, 5\] +232 +21,600$/);
  });

  it("tells frozen parameters from trainable ones, where there are any", () => {
    const frozen = network();
    for (const [name, parameter] of frozen.parameters()) parameter.trainable = !name.startsWith("0.");
    expect(summaryTable(trace(frozen, [1, 3, 10, 10]))).toContain("\nTrainable parameters                    18\n");
    expect(summaryTable(trace(network(), [1, 3, 10, 10]))).not.toContain("Trainable");
  });
});

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1536, "1.5 KiB"],
  [1024 ** 2 - 1, "1.0 MiB"],
  [21_154_192, "20.2 MiB"],
  [1.5 * 1024 ** 3, "1.5 GiB"],
  [3 * 1024 ** 4, "3.0 TiB"],
  [5000 * 1024 ** 4, "5000.0 TiB"],
])("%d bytes are %s", (value, text) => {
  expect(bytes(value)).toBe(text);
});

it.each([
  [0, "0"],
  [999, "999"],
  [5_288_548, "5,288,548"],
])("%d is written %s", (value, text) => {
  expect(count(value)).toBe(text);
});
