import type { Graph } from "../../graph/index.js";
import { formatShape } from "../../tensor/index.js";
import type { ClassificationReport } from "../../train/classification-report.js";
import type { EpochRecord, Metric } from "../../train/epoch.js";
import { bytes, count, duration, exactPercent, percent, shortCount } from "../format.js";
import { scoreLooks } from "../scores.js";
import { summaryRows } from "../summary.js";
import { type Content, type Html, html, name } from "./markup.js";
import { type Column, htmlTable } from "./table.js";

/** Longer tables are folded away. */
const mostRowsShown = 40;
const mostConfusions = 10;

/** What somebody wants to know who looks for a second. */
export function headline(
  records: readonly EpochRecord[],
  best: EpochRecord,
  metric: Metric,
  report: ClassificationReport,
  network: Graph,
): Html {
  const { calibration, macro } = report;
  const figures: [title: string, value: string, score?: Metric][] = [
    ["Best epoch", `${best.epoch} of ${records.length}`],
    ["Accuracy", exactPercent(report.accuracy), "accuracy"],
    ["Balanced accuracy", exactPercent(report.balancedAccuracy), "balancedAccuracy"],
    ["Macro F1", exactPercent(macro.f1), "macroF1"],
    ["ROC-AUC, mean", scoreLooks.rocAuc.text(macro.rocAuc), "rocAuc"],
    ...(report.top5Accuracy === null
      ? []
      : [["Top-5 accuracy", exactPercent(report.top5Accuracy), "top5Accuracy"] satisfies [string, string, Metric]]),
    ["Calibration error", exactPercent(calibration.expectedError), "calibrationError"],
    ["Loss", scoreLooks.loss.text(report.negativeLogLikelihood), "loss"],
    ["Parameters", shortCount(network.parameters)],
    ["Multiply-adds", shortCount(network.multiplyAdds / (network.inputShape[0] ?? 1))],
    ["Time", duration(records.reduce((sum, { seconds }) => sum + seconds, 0))],
  ];
  return html`<dl class="figures">
${figures.map(
  ([
    title,
    value,
    score,
  ]) => html`<div${score === metric ? html` class="chosen"` : ""}><dt>${title}</dt><dd>${value}</dd></div>
`,
)}</dl>
`;
}

/** Precision, recall and more of each class, and their means. */
export function classTable({ perClass, macro, total }: ClassificationReport): Html {
  const score = (value: number) => scoreLooks.rocAuc.text(value);
  const columns: Column<ClassificationReport["perClass"][number]>[] = [
    { title: "Class", cell: (row) => name(row.name) },
    { title: "Images", kind: "number", cell: ({ support }) => count(support) },
    { title: "Precision", kind: "number", cell: ({ precision }) => percent(precision) },
    { title: "Recall", kind: "number", cell: ({ recall, support }) => (support === 0 ? "–" : percent(recall)) },
    { title: "F1", kind: "number", cell: ({ f1 }) => percent(f1) },
    { title: "ROC-AUC", kind: "number", cell: ({ rocAuc }) => score(rocAuc) },
    { title: "Average precision", kind: "number", cell: ({ averagePrecision }) => score(averagePrecision) },
  ];
  const means = [
    "Mean of the classes",
    count(total),
    percent(macro.precision),
    percent(macro.recall),
    percent(macro.f1),
    score(macro.rocAuc),
    score(macro.averagePrecision),
  ];
  return folded(
    perClass.length,
    `All ${count(perClass.length)} classes`,
    htmlTable("Scores of each class", columns, perClass, { footer: [means] }),
  );
}

/** The classes that are most often taken for others. */
export function confusionsTable({ classes, counts }: ClassificationReport): Html {
  const confusions = counts
    .flatMap((row, i) => {
      const support = row.reduce((sum, value) => sum + value, 0);
      return row.map((images, j) => ({ truth: classes[i] ?? "", predicted: classes[j] ?? "", images, support, i, j }));
    })
    .filter(({ images, i, j }) => images > 0 && i !== j)
    .sort((a, b) => b.images - a.images)
    .slice(0, mostConfusions);
  if (confusions.length === 0) return html``;
  return htmlTable(
    "Most frequent confusions",
    [
      { title: "Most often confused", cell: ({ truth }) => name(truth) },
      { title: "taken for", kind: "name", cell: ({ predicted }) => name(predicted) },
      { title: "Images", kind: "number", cell: ({ images }) => count(images) },
      { title: "of the class", kind: "number", cell: ({ images, support }) => percent(images / support) },
    ],
    confusions,
  );
}

/** The network's modules from the outside in. */
export function networkTable(network: Graph): Html {
  const rows = summaryRows(network);
  const number = (value: number) => (value === 0 ? "–" : count(value));
  const path = ({ path, depth }: (typeof rows)[number]): Content => {
    const shown = path === "" ? "(network)" : path.slice(path.lastIndexOf(".") + 1);
    return html`<div class="path" style="--depth: ${depth}">${name(shown)}</div>`;
  };
  const { parameters, trainableParameters, parameterBytes, activationBytes, multiplyAdds, inputShape } = network;
  const images = inputShape[0] === 1 ? "an image" : "a batch";
  const frozen = parameters - trainableParameters;
  return html`<p>${name(network.modules[0]?.type ?? "Network")} takes ${formatShape(inputShape)}:
${count(parameters)} parameters (${bytes(parameterBytes)})${frozen > 0 ? `, ${count(frozen)} of them frozen` : ""},
${count(multiplyAdds)} multiply-adds for ${images}; the results of all operators take ${bytes(activationBytes)}.</p>
<details><summary>All ${count(rows.length)} modules</summary>
${htmlTable(
  "The network's modules",
  [
    { title: "Module", cell: path },
    { title: "Type", cell: ({ type }) => name(type) },
    { title: "Output", cell: ({ outputShape }) => (outputShape ? formatShape(outputShape) : "–") },
    { title: "Parameters", kind: "number", cell: ({ parameters: own }) => number(own) },
    { title: "Multiply-adds", kind: "number", cell: ({ multiplyAdds: own }) => number(own) },
  ],
  rows,
)}</details>
`;
}

/** Of progressive learning. */
export function stagesTable(stages: readonly Readonly<Record<string, string | number>>[]): Html {
  const titles = [...new Set(stages.flatMap((stage) => Object.keys(stage)))];
  return htmlTable(
    "Stages",
    titles.map(
      (title, i): Column<(typeof stages)[number]> => ({
        title,
        cell: (stage) => stage[title] ?? "–",
        ...(i > 0 ? { kind: "number" } : {}),
      }),
    ),
    stages,
  );
}

function folded(rows: number, title: string, table: Html): Html {
  return rows <= mostRowsShown ? table : html`<details><summary>${title}</summary>${table}</details>`;
}
