import type { TopLevelSpec } from "vega-lite";
import { ArgumentError } from "../errors.js";
import type { LearningRateSearch } from "../train/lr-finder.js";
import { factorTicks, niceRange, wholeTicks } from "./layout.js";
import { chartConfig, colors } from "./theme.js";

const width = 340;
const height = 240;

/** A learning rate, and when it was in use. */
export interface LearningRatePoint {
  /** An epoch, or a step. */
  readonly at: number;
  readonly learningRate: number;
}

/**
 * The learning rate over epochs or steps. Rates that are not finite leave gaps, as do those of 0 where the scale is
 * logarithmic.
 *
 * @param options.x what `at` counts; default `epoch`
 * @param options.scale default `linear`
 * @throws ArgumentError when there is no point to draw
 */
export function learningRateChart(
  points: readonly LearningRatePoint[],
  { x = "epoch", scale = "linear" }: { x?: "epoch" | "step"; scale?: "linear" | "log" } = {},
): TopLevelSpec {
  const log = scale === "log";
  const values = points.filter(({ learningRate: rate }) => Number.isFinite(rate) && (log ? rate > 0 : rate >= 0));
  if (values.length === 0) throw new ArgumentError("there is no learning rate to draw");
  const times = values.map(({ at }) => at);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const rates = values.map(({ learningRate }) => learningRate);
  const { low, high, ticks } = niceRange([0, ...rates], [0, Number.POSITIVE_INFINITY]);
  const factors = widened(Math.min(...rates), Math.max(...rates));
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    description: `The learning rate over ${values.length} ${x}s.`,
    config: chartConfig,
    width,
    height,
    title: {
      text: "Learning rate",
      subtitle: `Highest ${rateText(Math.max(...rates))}, last ${rateText(rates.at(-1) ?? 0)}`,
    },
    data: { values },
    mark: {
      type: "line",
      color: colors.ink,
      strokeWidth: 2.25,
      // A lone point makes no line.
      ...(values.length <= 20 ? { point: { color: colors.ink, size: 18, filled: true } } : {}),
    },
    encoding: {
      x: {
        field: "at",
        type: "quantitative",
        title: x === "epoch" ? "Epoch" : "Step",
        scale: { domain: first === last ? [first - 1, last + 1] : [first, last], nice: false, zero: false },
        axis: { values: wholeTicks(first, last), format: ",d", grid: false, labelFlush: false },
      },
      y: {
        field: "learningRate",
        type: "quantitative",
        title: "Learning rate",
        scale: log ? { type: "log", nice: false, domain: factors } : { domain: [low, high], nice: false },
        axis: {
          values: log ? factorTicks(...factors) : ticks,
          labelExpr: log ? factorLabel : `format(datum.value, '${high < 0.001 ? "~e" : "~g"}')`,
          domain: false,
          ticks: false,
          labelPadding: 8,
        },
      },
    },
  };
}

/**
 * What a learning-rate finder saw (the range test of Smith 2017, arXiv 1506.01186): each batch's loss, and its running mean,
 * over the rising learning rate, with the rate that is suggested. The axis leaves out how far the loss rises in the end.
 *
 * @param search what `findLearningRate` gives
 * @throws ArgumentError when no point has a finite loss and a rate above 0
 */
export function lrFinderChart({ points, suggestion }: LearningRateSearch): TopLevelSpec {
  const seen = points.filter(({ learningRate, loss }) => learningRate > 0 && Number.isFinite(learningRate + loss));
  const means = seen.map(({ loss }) => loss);
  const [start] = means;
  if (start === undefined) throw new ArgumentError("there is no loss to draw over the learning rate");
  const least = Math.min(...means);
  // As far above the start as the loss has sunk below it: the rest of the rise tells no more.
  const most = Math.min(Math.max(...means), start + Math.max(start - least, 0.1 * Math.abs(start)));
  const { low, high, ticks } = niceRange([least, most], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  const domain = [low, high];
  const rates = seen.map(({ learningRate }) => learningRate);
  const factors = widened(Math.min(...rates), Math.max(...rates));
  const x = {
    field: "learningRate",
    type: "quantitative",
    title: "Learning rate",
    scale: { type: "log", domain: factors, nice: false },
    axis: { values: factorTicks(...factors), labelExpr: factorLabel, grid: false },
  } as const;
  const y = {
    type: "quantitative",
    title: "Loss of a batch",
    scale: { domain, nice: false, zero: false },
    axis: { values: ticks, labelExpr: "format(datum.value, '~g')", domain: false, ticks: false, labelPadding: 8 },
  } as const;
  // A lone point makes no line.
  const line = { type: "line", clip: true, interpolate: "linear", point: seen.length === 1 } as const;
  const marked = suggestion === undefined ? [] : [{ learningRate: suggestion }];
  const found = suggestion === undefined ? "No rate can be suggested" : `Suggested: ${rateText(suggestion)}`;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    description: `Loss over the learning rate, ${seen.length} steps. ${found}.`,
    config: chartConfig,
    width: 480,
    height: 280,
    title: { text: "Learning-rate finder", subtitle: `${found}. Thin: each batch; thick: the running mean` },
    data: { values: seen },
    layer: [
      {
        mark: { ...line, color: colors.validation, strokeWidth: 1, opacity: 0.35 },
        encoding: { x, y: { ...y, field: "batchLoss" } },
      },
      {
        mark: { ...line, color: colors.validation, strokeWidth: 2.5 },
        encoding: { x, y: { ...y, field: "loss" } },
      },
      {
        data: { values: marked },
        mark: { type: "rule", color: colors.train, strokeWidth: 1.5, strokeDash: [4, 3] },
        encoding: { x },
      },
      {
        data: { values: marked },
        mark: {
          type: "text",
          text: rateText(suggestion ?? 0),
          color: colors.train,
          align: "left",
          dx: 6,
          dy: 2,
          fontSize: 12,
          baseline: "top",
        },
        encoding: { x, y: { value: 0 } },
      },
    ],
  };
}

/** Of an axis of factors. */
const factorLabel = "format(datum.value, datum.value < 0.001 ? '~e' : '~g')";

/** Three digits: 0.00123, 1.23e-5. */
function rateText(rate: number): string {
  return String(Number(rate.toPrecision(3)));
}

/** An axis of factors needs some room. */
function widened(low: number, high: number): [number, number] {
  return low < high ? [low, high] : [low / 2, high * 2];
}
