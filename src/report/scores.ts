import type { Metric } from "../train/epoch.js";
import { exactPercent, percent } from "./format.js";

/** A score as texts and charts show it. */
interface ScoreLook {
  /** In the middle of a sentence. */
  readonly name: string;
  /** What it is, for an axis. */
  readonly axisTitle: string;
  readonly text: (value: number) => string;
  /** Writes a tick's value, a Vega expression. */
  readonly labelExpr: string;
  /** Values beyond which an axis never goes. */
  readonly limits: readonly [number, number];
}

const share = {
  text: percent,
  labelExpr: "format(100 * datum.value, '~g') + ' %'",
  limits: [0, 1],
} as const;
const plain = "format(datum.value, '~g')";

export const scoreLooks: Readonly<Record<Metric, ScoreLook>> = {
  loss: {
    name: "loss",
    axisTitle: "Mean loss per image",
    text: (value) => (Number.isNaN(value) ? "–" : value.toPrecision(3)),
    labelExpr: plain,
    limits: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  },
  accuracy: { ...share, name: "accuracy", axisTitle: "Images classified correctly" },
  balancedAccuracy: { ...share, name: "balanced accuracy", axisTitle: "Mean recall of the classes" },
  macroF1: { ...share, name: "macro F1", axisTitle: "Mean F1 of the classes" },
  top5Accuracy: { ...share, name: "top-5 accuracy", axisTitle: "True class among the five most probable" },
  rocAuc: {
    name: "ROC-AUC",
    axisTitle: "Mean area under the classes' ROC curves",
    text: (value) => (Number.isNaN(value) ? "–" : value.toFixed(4)),
    labelExpr: plain,
    limits: [0, 1],
  },
  calibrationError: {
    ...share,
    name: "calibration error",
    axisTitle: "Expected calibration error",
    text: exactPercent,
  },
};

/** With a capital, for the start of a line. */
export function scoreTitle(metric: Metric): string {
  const { name } = scoreLooks[metric];
  return name.charAt(0).toUpperCase() + name.slice(1);
}
