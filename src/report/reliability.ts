import type { TopLevelSpec } from "vega-lite";
import type { Calibration } from "../train/calibration.js";
import { exactPercent } from "./format.js";
import { chartConfig, colors } from "./theme.js";

const width = 340;
const shares = { domain: [0, 1], nice: false };
const fifths = [0, 0.2, 0.4, 0.6, 0.8, 1];
const fromZero = { datum: 0 };
const asPercent = "format(100 * datum.value, '~g') + ' %'";

/**
 * A reliability diagram: over bins of confidence the share of images predicted right, how far the mean confidence is above or
 * below it, and the diagonal on which both would be the same; below it, how many images each bin has.
 */
export function reliabilityChart({ bins, expectedError, maximumError }: Calibration): TopLevelSpec {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  const filled = bins.filter(({ count }) => count > 0);
  const tooSure = { values: filled.filter((bin) => bin.confidence > bin.accuracy), color: colors.train };
  const tooUnsure = { values: filled.filter((bin) => bin.confidence < bin.accuracy), color: colors.right };
  const x = {
    field: "low",
    type: "quantitative",
    scale: shares,
  } as const;
  const y = {
    field: "accuracy",
    type: "quantitative",
    title: "Images classified correctly",
    scale: shares,
    axis: { labelExpr: asPercent, values: fifths, domain: false, ticks: false, labelPadding: 8 },
  } as const;
  const x2 = { field: "high" } as const;
  const line = { stroke: "#ffffff", strokeWidth: 1 } as const;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    description: `Reliability diagram of ${total} images in ${bins.length} bins of confidence.`,
    config: chartConfig,
    spacing: 14,
    title: {
      text: "Reliability",
      subtitle:
        `${total.toLocaleString("en")} images, calibration error ${exactPercent(expectedError)}, ` +
        `at most ${exactPercent(maximumError)} in a bin`,
    },
    vconcat: [
      {
        width,
        height: width,
        layer: [
          {
            data: { values: filled },
            mark: { type: "bar", color: colors.validation, ...line },
            encoding: {
              x: { ...x, title: null, axis: { labels: false, ticks: false, grid: false } },
              x2,
              y,
              y2: fromZero,
            },
          },
          ...([tooSure, tooUnsure] as const).map(
            ({ values, color }) =>
              ({
                data: { values },
                mark: { type: "bar", color, ...line },
                encoding: { x, x2, y, y2: { field: "confidence" } },
              }) as const,
          ),
          {
            data: {
              values: [
                { low: 0, accuracy: 0 },
                { low: 1, accuracy: 1 },
              ],
            },
            mark: { type: "line", color: colors.ink, strokeDash: [4, 3], strokeWidth: 1.25 },
            encoding: { x, y },
          },
          // Beside the bars: any place among them may be taken.
          ...(
            [
              { text: "accuracy", color: colors.validation, dy: 6 },
              { text: "confidence beyond accuracy", color: tooSure.color, dy: 24 },
              { text: "accuracy beyond confidence", color: tooUnsure.color, dy: 42 },
            ] as const
          ).map(
            (mark) =>
              ({
                data: { values: [{ low: 1, accuracy: 1 }] },
                mark: { type: "text", align: "left", baseline: "middle", dx: 14, fontSize: 12, ...mark },
                encoding: { x, y },
              }) as const,
          ),
        ],
      },
      {
        width,
        height: 70,
        data: { values: bins },
        mark: { type: "bar", color: colors.quiet, ...line },
        encoding: {
          x: {
            ...x,
            title: "Confidence: probability of the predicted class",
            axis: { labelExpr: asPercent, values: fifths, grid: false },
          },
          x2,
          y: {
            field: "count",
            type: "quantitative",
            title: "Images",
            axis: { tickCount: 3, format: ",d", tickMinStep: 1, domain: false, ticks: false, labelPadding: 8 },
          },
          y2: fromZero,
        },
      },
    ],
  };
}
