import type { Shape } from "../tensor/index.js";
import { boxTable } from "./tables.js";

/** A parameter as lists show it. */
export interface ParameterRow {
  /** As in checkpoints: `features.0.0.weight`. */
  readonly name: string;
  readonly shape: Shape;
  /** Elements. */
  readonly count: number;
  /** False when it is frozen. */
  readonly trainable: boolean;
}

/** A module's parameters in the order of their definition, frozen ones as well; a shared one comes once. */
export function parameterRows(module: {
  parameters(): Iterable<[string, { shape: Shape; elements: number; trainable: boolean }]>;
}): ParameterRow[] {
  return Array.from(module.parameters(), ([name, { shape, elements, trainable }]) => ({
    name,
    shape,
    count: elements,
    trainable,
  }));
}

/** The trainable ones by name in a box of two columns, and their total below. */
export function parameterTable(rows: readonly ParameterRow[]): string {
  const trainable = rows.filter((row) => row.trainable);
  const total = trainable.reduce((sum, row) => sum + row.count, 0);
  return [
    boxTable(
      ["Modules", "Parameters"],
      trainable.map((row) => [row.name, String(row.count)]),
    ),
    `Total Trainable Params: ${total}`,
  ].join("\n");
}
