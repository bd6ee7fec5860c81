import type { Graph, GraphModule } from "../graph/index.js";
import { formatShape } from "../tensor/index.js";
import { table } from "./tables.js";

/** 5,288,548 */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** 20.2 MiB */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let power = 0;
  // Compared as it will be shown: 1023.97 KiB would come out as 1024.0 KiB.
  while (power < units.length - 1 && rounded(value, power) >= 1024) power++;
  return `${rounded(value, power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function rounded(value: number, power: number): number {
  return Math.round((10 * value) / 1024 ** power) / 10;
}

/**
 * A network's modules as a table: output shape, parameters and multiply-adds of each with all below it, then the totals.
 *
 * @param options.depth the deepest modules shown, 0 for the network itself; default all
 */
export function summaryTable(graph: Graph, options: { depth?: number } = {}): string {
  const { depth = Number.POSITIVE_INFINITY } = options;
  const rows = graph.modules.filter((module) => module.depth <= depth).map(row);
  const { inputShape, parameters, trainableParameters, multiplyAdds, parameterBytes, activationBytes } = graph;
  const facts = [
    ["Input", formatShape(inputShape)],
    ["Parameters", count(parameters)],
    ...(trainableParameters === parameters ? [] : [["Trainable parameters", count(trainableParameters)]]),
    ["Multiply-adds", count(multiplyAdds)],
    ["Size of the parameters", bytes(parameterBytes)],
    ["Size of all results, one forward pass", bytes(activationBytes)],
  ].map(([name = "", value = ""]) => `${name.padEnd(40)}${value}`);
  return [
    table(["Module", "Type", "Output", "Parameters", "Multiply-adds"], rows, {
      align: ["left", "left", "left", "right", "right"],
    }),
    "",
    ...facts,
  ].join("\n");
}

function row(module: GraphModule): string[] {
  const name = module.path === "" ? "(network)" : module.path.slice(module.path.lastIndexOf(".") + 1);
  return [
    `${"  ".repeat(module.depth)}${name}`,
    module.type,
    module.outputShape ? formatShape(module.outputShape) : "–",
    module.parameters === 0 ? "–" : count(module.parameters),
    module.multiplyAdds === 0 ? "–" : count(module.multiplyAdds),
  ];
}
