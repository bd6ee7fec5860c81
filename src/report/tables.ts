import Table from "cli-table3";
import pc from "picocolors";
import type { ConfusionMatrix } from "../train/metrics.js";
import { percent } from "./format.js";

/** Where the cells of a column stand. */
export type Alignment = "left" | "right";

/**
 * A table for the terminal: a line under the head, no other borders. Colours only where the output is a terminal.
 *
 * @param options.align one per column; by default the first is left and the others, as numbers are, right
 * @param options.footer rows below a second line, e.g. totals
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  options: { align?: readonly Alignment[]; footer?: readonly (readonly (string | number)[])[] } = {},
): string {
  const { align = head.map((_, i) => (i === 0 ? "left" : "right")), footer = [] } = options;
  const columns = new Table({
    head: head.map((title) => pc.bold(title)),
    colAligns: [...align],
    chars: {
      top: "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      bottom: "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      left: "",
      "left-mid": "",
      right: "",
      "right-mid": "",
      mid: "─",
      "mid-mid": "──",
      middle: "  ",
    },
    // Compact leaves the line below the head and drops those between rows.
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  columns.push(...[...rows, ...footer].map((row) => [...row]));
  const lines = columns
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
  const rule = lines.findIndex((line) => line.startsWith("─"));
  if (footer.length > 0) lines.splice(lines.length - footer.length, 0, lines[rule] ?? "");
  return lines.map((line) => (line.startsWith("─") ? pc.dim(line) : line)).join("\n");
}

/**
 * As {@link table}, for cells of characters that are each one column wide and without colours. Takes thousands of rows in
 * no time, where the other takes seconds.
 */
export function plainTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  align: readonly Alignment[],
): string {
  const pads = padding([head, ...rows], align);
  const [title = "", ...lines] = [head, ...rows].map((row) => pads(row).join("  ").trimEnd());
  const width = pads(head).join("  ").length;
  return [pc.bold(title), pc.dim("─".repeat(width)), ...lines].join("\n");
}

/** Pads the cells of a row to the widths that all rows need. */
function padding(
  rows: readonly (readonly string[])[],
  align: readonly Alignment[],
): (row: readonly string[]) => string[] {
  const widths = align.map((_, i) => rows.reduce((most, row) => Math.max(most, row[i]?.length ?? 0), 0));
  return (row) =>
    widths.map((width, i) => (align[i] === "left" ? (row[i] ?? "").padEnd(width) : (row[i] ?? "").padStart(width)));
}

/** A table with borders of plain characters, as those of PrettyTable in Python: the first column left, the others right. */
export function boxTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const pads = padding(
    [head, ...rows],
    head.map((_, i) => (i === 0 ? "left" : "right")),
  );
  const line = (row: readonly string[]) => `| ${pads(row).join(" | ")} |`;
  const rule = line(head).replace(/[^|]/g, "-").replaceAll("|", "+");
  return [rule, line(head), rule, ...rows.map(line), rule].join("\n");
}

/** Counts by true class (rows) and predicted class (columns), and the share of each class that was recognised. */
export function confusionTable(matrix: ConfusionMatrix): string {
  const names = matrix.classes.map(printable);
  const counts = matrix.counts;
  const recalls = matrix.perClass().map((c) => (c.support === 0 ? "–" : percent(c.recall)));
  const rows = names.map((name, i) => [
    name,
    ...(counts[i] ?? []).map((count, j) => (i === j ? pc.green(count) : count === 0 ? pc.dim(count) : pc.red(count))),
    recalls[i] ?? "",
  ]);
  return table(["true \\ predicted", ...names, "recognised"], rows);
}

/** Precision, recall and F1 of each class, their means over the classes that occur, and the overall accuracy. */
export function metricsTable(matrix: ConfusionMatrix): string {
  const rows = matrix
    .perClass()
    .map((c) => [printable(c.name), c.support, percent(c.precision), percent(c.recall), percent(c.f1)]);
  const { precision, recall, f1 } = matrix.macro();
  return table(["class", "images", "precision", "recall", "F1"], rows, {
    footer: [
      ["mean of classes", matrix.total, percent(precision), percent(recall), percent(f1)],
      ["accuracy", matrix.total, "", "", percent(matrix.accuracy)],
      ["balanced accuracy", matrix.total, "", "", percent(matrix.balancedAccuracy)],
    ],
  });
}

/** Text from outside, such as the name of a folder, made safe to print: control characters move no cursor. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
}
