import type { TopLevelSpec } from "vega-lite";
import type { ConfusionMatrix } from "../train/metrics.js";
import { percent } from "./format.js";
import { chartConfig, colors } from "./theme.js";

/** With more classes than this, cells are too small for numbers, and a legend tells what the colours mean. */
export const mostNumbered = 14;

/**
 * A heat map of the confusion matrix: true class on y, predicted class on x. Each cell holds its count and its share of
 * the row, 0 … 100 %, which is also its colour; rows of classes that do not occur are blank.
 */
export function confusionChart(matrix: ConfusionMatrix): TopLevelSpec {
  const { classes, counts, total } = matrix;
  const domain = [...classes];
  const numbered = classes.length <= mostNumbered;
  const long = classes.some((name) => name.length > 13);
  const cells = counts.flatMap((row, i) => {
    const support = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, j) => {
      const share = support === 0 ? 0 : count / support;
      const label = support === 0 ? "" : percent(share);
      return { truth: classes[i], predicted: classes[j], count: count.toLocaleString("en"), share, percent: label };
    });
  });

  const x = {
    field: "predicted",
    type: "nominal",
    title: "Predicted class",
    sort: null,
    scale: { domain, paddingInner: 0.03, paddingOuter: 0 },
    axis: { orient: "top", labelAngle: numbered ? (long ? -30 : 0) : -90, labelLimit: 160 },
  } as const;
  const y = {
    field: "truth",
    type: "nominal",
    title: "True class",
    sort: null,
    scale: { domain, paddingInner: 0.03, paddingOuter: 0 },
    axis: { labelLimit: 160 },
  } as const;
  const ink = { condition: { test: "datum.share > 0.5", value: "#ffffff" }, value: colors.ink };

  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    description: `Confusion matrix of ${classes.length} classes and ${total} images.`,
    config: {
      ...chartConfig,
      axis: { ...chartConfig.axis, domain: false, ticks: false, grid: false, labelPadding: 8 },
    },
    title: {
      text: "Confusion matrix",
      subtitle:
        `${total.toLocaleString("en")} images, accuracy ${percent(matrix.accuracy)}, ` +
        `balanced ${percent(matrix.balancedAccuracy)}`,
    },
    data: { values: cells },
    width: { step: numbered ? 84 : 18 },
    height: { step: numbered ? 64 : 18 },
    layer: [
      {
        mark: { type: "rect" },
        encoding: {
          x,
          y,
          color: {
            field: "share",
            type: "quantitative",
            title: "Share of true class",
            // One hue from almost white: dark enough from one half on for white numbers.
            scale: { domain: [0, 1], range: ["#f3f7fa", "#7fb3d5", "#005d94", "#003a5e"], interpolate: "lab" },
            legend: numbered ? null : { labelExpr: "format(100 * datum.value, 'd') + ' %'", gradientLength: 160 },
          },
        },
      },
      ...(numbered
        ? ([
            {
              mark: { type: "text", dy: -8, fontSize: 15, fontWeight: 600 },
              encoding: { x, y, text: { field: "count" }, color: ink },
            },
            {
              mark: { type: "text", dy: 11, fontSize: 11 },
              encoding: { x, y, text: { field: "percent" }, color: ink },
            },
          ] as const)
        : []),
    ],
  };
}
