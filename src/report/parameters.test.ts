import { describe, expect, it } from "vitest";
import { createModel } from "../models/index.js";
import { BatchNorm2d, Conv2d, Sequential } from "../nn/index.js";
import { parameterRows, parameterTable } from "./parameters.js";

describe("parameterTable", () => {
  it("is a box of names and counts, with the total below", () => {
    const network = new Sequential(new Conv2d(3, 8, 3, { bias: false }), new BatchNorm2d(8));
    expect(parameterTable(parameterRows(network)).split("\n")).toEqual([
      "+----------+------------+",
      "| Modules  | Parameters |",
      "+----------+------------+",
      "| 0.weight |        216 |",
      "| 1.weight |          8 |",
      "| 1.bias   |          8 |",
      "+----------+------------+",
      "Total Trainable Params: 232",
    ]);
  });

  it("leaves out what is frozen, which the rows still tell", () => {
    const network = new Sequential(new Conv2d(3, 8, 3), new Conv2d(8, 2, 1));
    for (const [name, parameter] of network.parameters()) parameter.trainable = name.startsWith("1.");
    const rows = parameterRows(network);
    expect(rows.map(({ name, count, trainable }) => [name, count, trainable])).toEqual([
      ["0.weight", 216, false],
      ["0.bias", 8, false],
      ["1.weight", 16, true],
      ["1.bias", 2, true],
    ]);
    expect(rows[0]?.shape).toEqual([8, 3, 3, 3]);
    expect(parameterTable(rows)).not.toContain("0.weight");
    expect(parameterTable(rows)).toMatch(/\nTotal Trainable Params: 18$/);
  });

  it("has the rows that are published of EfficientNet-B0", () => {
    // As a table of torchvision's efficientnet_b0 shows them.
    const published = {
      "features.0.0.weight": 864,
      "features.0.1.weight": 32,
      "features.0.1.bias": 32,
      "features.1.0.block.0.0.weight": 288,
      "features.1.0.block.1.fc1.weight": 256,
      "features.1.0.block.1.fc1.bias": 8,
      "features.1.0.block.1.fc2.weight": 256,
      "features.1.0.block.1.fc2.bias": 32,
      "features.1.0.block.2.0.weight": 512,
      "features.1.0.block.2.1.bias": 16,
      "features.2.0.block.0.0.weight": 1536,
      "features.2.0.block.1.0.weight": 864,
      "features.2.0.block.2.fc1.weight": 384,
      "features.2.0.block.2.fc1.bias": 4,
      "features.2.0.block.2.fc2.weight": 384,
      "classifier.1.weight": 1_280_000,
      "classifier.1.bias": 1000,
    };
    const lines = parameterTable(parameterRows(createModel("efficientnet_b0"))).split("\n");
    for (const [name, count] of Object.entries(published)) {
      expect(lines.filter((line) => new RegExp(`^\\| ${name} +\\| +${count} \\|$`).test(line))).toHaveLength(1);
    }
    expect(lines.at(-1)).toBe("Total Trainable Params: 5288548");
  });
});
