import type { ProgressiveStage } from "../train/progressive.js";
import { table } from "./tables.js";

/** The stages of progressive learning, a column for each value that changes. Epochs are counted from 1. */
export function stageTable(stages: readonly ProgressiveStage[]): string {
  const columns = [
    ["image size", (row: ProgressiveStage) => row.size],
    ["RandAugment", (row: ProgressiveStage) => row.randAugment],
    ["mixup", (row: ProgressiveStage) => row.mixup],
    ["CutMix", (row: ProgressiveStage) => row.cutmix],
    ["dropout", (row: ProgressiveStage) => row.dropout],
  ] as const;
  const used = columns.filter(([, value]) => stages.some((row) => value(row) !== undefined));
  return table(
    ["stage", "epochs", ...used.map(([title]) => title)],
    stages.map((row) => [String(row.stage), epochsOf(row), ...used.map(([, value]) => rounded(value(row)))]),
  );
}

function epochsOf({ fromEpoch, epochs }: ProgressiveStage): string {
  return epochs === 1 ? String(fromEpoch + 1) : `${fromEpoch + 1}–${fromEpoch + epochs}`;
}

/** Three digits after the point at most, and none that are 0. */
function rounded(value: number | undefined): string {
  return value === undefined ? "" : String(Number(value.toFixed(3)));
}
