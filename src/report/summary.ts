import type { Graph, GraphModule } from "../graph/index.js";
import { bytesOf, elements, formatShape, type Pair, type Shape } from "../tensor/index.js";
import { bytes, count } from "./format.js";
import { plainTable } from "./tables.js";

/** A module of a summary. */
export interface SummaryRow extends GraphModule {
  /** Height and width of its window, where it is a convolution or a pooling. */
  readonly kernel: Pair | undefined;
}

/**
 * The modules of a network from the outside in, each with the numbers of everything below it.
 *
 * @param depth the deepest modules, 0 for the network itself; default all
 */
export function summaryRows(graph: Graph, depth = Number.POSITIVE_INFINITY): SummaryRow[] {
  const kernels = new Map<string, Pair>();
  for (const node of graph.nodes) {
    const kernel = kernelOf(node);
    if (kernel) kernels.set(node.module, kernel);
  }
  return graph.modules
    .filter((module) => module.depth <= depth)
    .map((module) => ({ ...module, kernel: module.leaf ? kernels.get(module.path) : undefined }));
}

/**
 * A network's modules as a table: shapes, kernel, parameters and multiply-adds of each with all below it, then the totals.
 * Where parameters are frozen, a column tells which modules are trained.
 *
 * @param options.depth the deepest modules shown, 0 for the network itself; default all
 */
export function summaryTable(graph: Graph, options: { depth?: number } = {}): string {
  const { inputShape, parameters, trainableParameters, multiplyAdds, parameterBytes, activationBytes } = graph;
  const frozen = parameters - trainableParameters;
  const inputBytes = elements(inputShape) * bytesOf.float32;
  const rows = summaryRows(graph, options.depth).map((row) => [
    ...cells(row),
    ...(frozen > 0 ? [trained(row)] : []),
    row.multiplyAdds === 0 ? "–" : count(row.multiplyAdds),
  ]);
  const head = ["Module", "Type", "Input", "Output", "Kernel", "Parameters"];
  const facts = [
    ["Parameters", count(parameters)],
    ...(frozen === 0
      ? []
      : [
          ["Trainable parameters", count(trainableParameters)],
          ["Frozen parameters", count(frozen)],
        ]),
    ["Multiply-adds", count(multiplyAdds)],
    ["Size of the input", bytes(inputBytes)],
    ["Size of the parameters", bytes(parameterBytes)],
    ["Size of all results, one forward pass", bytes(activationBytes)],
    ["Size of all three", bytes(inputBytes + parameterBytes + activationBytes)],
  ].map(([name = "", value = ""]) => `${name.padEnd(40)}${value}`);
  return [
    plainTable([...head, ...(frozen > 0 ? ["Trained"] : []), "Multiply-adds"], rows, [
      ...(["left", "left", "left", "left", "left", "right"] as const),
      ...(frozen > 0 ? (["left"] as const) : []),
      "right",
    ]),
    "",
    ...facts,
  ].join("\n");
}

function cells(row: SummaryRow): string[] {
  const name = row.path === "" ? "(network)" : row.path.slice(row.path.lastIndexOf(".") + 1);
  return [
    `${"  ".repeat(row.depth)}${name}`,
    row.type,
    shape(row.inputShape),
    shape(row.outputShape),
    row.kernel ? row.kernel.join("x") : "–",
    row.parameters === 0 ? "–" : count(row.parameters),
  ];
}

function trained({ parameters, trainableParameters }: GraphModule): string {
  if (parameters === 0) return "–";
  if (trainableParameters === 0) return "no";
  return trainableParameters === parameters ? "yes" : "in part";
}

function shape(value: Shape | undefined): string {
  return value ? formatShape(value) : "–";
}

function kernelOf({ operator, attributes, inputs: [, weight] }: Graph["nodes"][number]): Pair | undefined {
  switch (operator) {
    case "conv2d": {
      const [, , height, width] = weight?.kind === "leaf" ? weight.leaf.shape : [];
      return height === undefined || width === undefined ? undefined : [height, width];
    }
    case "maxPool2d":
    case "avgPool2d":
      return attributes.kernel;
    case "shift":
      return [attributes.kernel, attributes.kernel];
    default:
      return undefined;
  }
}
