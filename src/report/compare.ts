import type { TopLevelSpec } from "vega-lite";
import type { Graph } from "../graph/index.js";
import { elements } from "../tensor/index.js";
import type { Latency } from "../train/index.js";
import { bytes, count, milliseconds, shortCount } from "./format.js";
import { type ScatterAxis, scatterChart } from "./scatter.js";
import { table } from "./tables.js";

/** What is compared of a network. */
export interface ComparisonRow {
  readonly name: string;
  readonly family: string;
  /** Height and width that the numbers are for. */
  readonly size: number;
  readonly parameters: number;
  /** Multiply-accumulates of one image. */
  readonly multiplyAdds: number;
  /** Elements of the results of all convolutions for one image; see {@link convolutionActivations}. */
  readonly activations: number;
  /** Bytes of the parameters in float32. */
  readonly weightBytes: number;
  /** Percent of ImageNet's validation images told right, as published for this size; null where nothing was. */
  readonly top1: number | null;
  /** The published weights that reach it. */
  readonly top1Weights: string | null;
  /** For a batch; null where it was not measured. */
  readonly latency: Latency | null;
}

/**
 * Elements of the results of all convolutions of one image: what Radosavovic et al. 2020 (arXiv 2003.13678) call
 * activations, and find to go with the time on a GPU better than multiply-adds do.
 */
export function convolutionActivations(graph: Graph): number {
  const sum = graph.nodes.reduce(
    (total, node) => (node.operator === "conv2d" ? total + elements(node.shape) : total),
    0,
  );
  return sum / (graph.inputShape[0] ?? 1);
}

/** Networks side by side; columns that no network has a value for are left out. */
export function comparisonTable(rows: readonly ComparisonRow[]): string {
  const columns: readonly { title: string; cell: (row: ComparisonRow) => string | null }[] = [
    { title: "Network", cell: ({ name }) => name },
    { title: "Input", cell: ({ size }) => `${size}x${size}` },
    { title: "Parameters", cell: ({ parameters }) => count(parameters) },
    { title: "Multiply-adds", cell: ({ multiplyAdds }) => shortCount(multiplyAdds) },
    { title: "Activations", cell: ({ activations }) => shortCount(activations) },
    { title: "Weights", cell: ({ weightBytes }) => bytes(weightBytes) },
    { title: "Top-1", cell: ({ top1 }) => (top1 === null ? null : `${top1.toFixed(2)} %`) },
    { title: "Latency", cell: ({ latency }) => latency && milliseconds(latency.median) },
    {
      title: "fastest … slowest",
      cell: ({ latency }) => latency && `${milliseconds(latency.fastest)} … ${milliseconds(latency.slowest)}`,
    },
  ];
  const told = columns.filter(({ cell }) => rows.some((row) => cell(row) !== null));
  return table(
    told.map(({ title }) => title),
    rows.map((row) => told.map(({ cell }) => cell(row) ?? "–")),
  );
}

/** What a comparison is drawn against. */
export type ComparisonX = "parameters" | "multiply-adds";
/** What of a comparison is drawn. */
export type ComparisonY = "latency" | "accuracy";

/**
 * Latency or published accuracy against size, a family's networks in one colour. Networks without the value are left out.
 *
 * @param conditions how it was measured, one line
 * @throws ArgumentError when no network has it
 */
export function comparisonChart(
  rows: readonly ComparisonRow[],
  { x, y, conditions }: { x: ComparisonX; y: ComparisonY; conditions: string },
): TopLevelSpec {
  const points = rows.flatMap((row) => {
    const value = y === "latency" ? row.latency?.median : row.top1;
    const size = x === "parameters" ? row.parameters : row.multiplyAdds;
    return value === undefined || value === null || size === 0
      ? []
      : [{ name: row.name, group: row.family, x: size, y: value }];
  });
  return scatterChart(points, {
    title: `${y === "latency" ? "Latency" : "Top-1 accuracy"} against ${x}`,
    subtitle: y === "latency" ? conditions : "ImageNet's validation images, as published",
    x: xAxes[x],
    y: yAxes[y],
  });
}

const xAxes: Record<ComparisonX, ScatterAxis> = {
  parameters: { title: "Parameters", scale: "log", labelExpr: "replace(format(datum.value, '~s'), 'G', 'B')" },
  "multiply-adds": { title: "Multiply-adds of one image", scale: "log", labelExpr: "format(datum.value, '~s')" },
};

const yAxes: Record<ComparisonY, ScatterAxis> = {
  latency: { title: "Median time of a batch", scale: "log", labelExpr: "format(datum.value, '~g') + ' ms'" },
  accuracy: { title: "Top-1 accuracy", scale: "linear", labelExpr: "format(datum.value, '~g') + ' %'" },
};
