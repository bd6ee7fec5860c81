import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { progressiveStages } from "../train/progressive.js";
import { stageTable } from "./stage-table.js";

describe("stageTable", () => {
  it("shows the stages and what changes in them", () => {
    const stages = progressiveStages({
      epochs: 350,
      progressive: { stages: 4, ramp: "paper", size: [128, 300], randAugment: [5, 15], dropout: [0.1, 0.3] },
    });
    expect(stripVTControlCharacters(stageTable(stages))).toBe(
      [
        "stage   epochs  image size  RandAugment  dropout",
        "────────────────────────────────────────────────",
        "1         1–87         128            5      0.1",
        "2       88–175         185        8.333    0.167",
        "3      176–262         243       11.667    0.233",
        "4      263–350         300           15      0.3",
      ].join("\n"),
    );
  });

  it("writes a stage of one epoch as one, and no column for what stays", () => {
    const stages = progressiveStages({ epochs: 2, progressive: { stages: 2, ramp: "paper", mixup: [0, 0.2] } });
    expect(stripVTControlCharacters(stageTable(stages))).toBe(
      ["stage  epochs  mixup", "────────────────────", "1           1      0", "2           2    0.2"].join("\n"),
    );
  });
});
