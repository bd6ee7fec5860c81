import type { TopLevelSpec } from "vega-lite";
import type { LayerSpec, UnitSpec } from "vega-lite/build/src/spec/index.js";
import { ArgumentError } from "../errors.js";
import { bestEpoch, type EpochRecord, type Metric, scoresOf } from "../train/epoch.js";
import { niceRange, spread, wholeTicks } from "./layout.js";
import { scoreLooks, scoreTitle } from "./scores.js";
import { chartConfig, colors } from "./theme.js";

/** A line of a panel. */
interface Series {
  name: string;
  color: string;
  dash?: number[];
  /** NaN where an epoch has none. */
  value: (record: EpochRecord) => number;
}

interface Panel {
  /** What its y axis is of. */
  score: Metric;
  subtitle: string;
  series: Series[];
  /** The score that the best epoch is marked at. */
  marked: { score: Metric; color: string };
}

const schema = "https://vega.github.io/schema/vega-lite/v5.json";
const width = 340;
const height = 240;
/** Labels at the ends of lines stand at least this far apart, pixels. */
const labelDistance = 15;

/**
 * Loss and accuracy over the epochs, training and validation, side by side; each line named at its end, the best epoch
 * marked. A metric that is neither has a panel of its own. Where averaged weights are kept, theirs are the scores that count:
 * they have lines too. Balanced accuracy is drawn where it differs from accuracy by half a percentage point or more. Values
 * that are not finite leave gaps.
 *
 * @param metric what the best epoch is chosen by (see `bestEpoch`)
 * @throws ArgumentError without records
 */
export function curves(records: readonly EpochRecord[], metric: Metric = "balancedAccuracy"): TopLevelSpec {
  return {
    $schema: schema,
    description: `Loss and accuracy of training and validation over ${records.length} epochs.`,
    config: chartConfig,
    spacing: 36,
    hconcat: panels(records, metric),
  };
}

/** The panels of {@link curves} as charts of their own. @throws ArgumentError without records */
export function curvePanels(records: readonly EpochRecord[], metric: Metric = "balancedAccuracy"): TopLevelSpec[] {
  return panels(records, metric).map((panel) => ({ $schema: schema, config: chartConfig, ...panel }));
}

function panels(records: readonly EpochRecord[], metric: Metric): (LayerSpec<string> | LayerSpec<never>)[] {
  const best = bestEpoch(records, metric);
  if (best === undefined) throw new ArgumentError("there is no epoch to draw curves of");
  const averages = records.some(({ average }) => average !== undefined);
  const differ = records.some((record) => {
    const { accuracy, balancedAccuracy } = scoresOf(record);
    return Math.abs(accuracy - balancedAccuracy) >= 0.005;
  });
  const judged = averages ? colors.average : colors.validation;

  /** Of validation, and of averaged weights where they are kept. */
  const lines = (score: Metric): Series[] => [
    { name: "validation", color: colors.validation, value: (r) => r.validation[score] },
    ...(averages
      ? [
          {
            name: "averaged weights",
            color: colors.average,
            value: (r: EpochRecord) => r.average?.[score] ?? Number.NaN,
          },
        ]
      : []),
  ];
  const balanced: Series = {
    name: averages ? "balanced" : "validation, balanced",
    color: judged,
    dash: [4, 3],
    // Of what epochs are judged by, which is not yet an average where averaging begins late.
    value: (r) => scoresOf(r).balancedAccuracy,
  };
  const reached = (score: Metric) => scoreLooks[score].text(scoresOf(best)[score]);
  const subtitle = (scores: string) =>
    `${best.average ? "Averaged weights" : "Validation"} at the best epoch, ${best.epoch}: ${scores}`;
  const color = best.average ? colors.average : colors.validation;
  const panel = (parts: Panel) => draw(records, best, parts);

  return [
    panel({
      score: "loss",
      subtitle: subtitle(reached("loss")),
      series: [{ name: "training", color: colors.train, value: (r) => r.train.loss }, ...lines("loss")],
      marked: { score: "loss", color },
    }),
    panel({
      score: "accuracy",
      subtitle: subtitle(
        differ ? `${reached("accuracy")}, balanced ${reached("balancedAccuracy")}` : reached("accuracy"),
      ),
      series: [
        { name: "training", color: colors.train, value: (r) => r.train.accuracy },
        ...lines("accuracy"),
        ...(differ ? [balanced] : []),
      ],
      marked: { score: differ && metric === "balancedAccuracy" ? metric : "accuracy", color },
    }),
    ...(metric === "loss" || metric === "accuracy" || metric === "balancedAccuracy"
      ? []
      : [
          panel({
            score: metric,
            subtitle: subtitle(reached(metric)),
            series: lines(metric),
            marked: { score: metric, color },
          }),
        ]),
  ];
}

function draw(
  records: readonly EpochRecord[],
  best: EpochRecord,
  { score, subtitle, series, marked }: Panel,
): LayerSpec<string> | LayerSpec<never> {
  const { axisTitle, labelExpr, limits } = scoreLooks[score];
  const epochs = records.map((r) => r.epoch);
  const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
  const lines = series.map((line) => ({
    ...line,
    points: records.map((r) => ({ epoch: r.epoch, value: line.value(r) })).filter((p) => Number.isFinite(p.value)),
  }));
  const { low, high, ticks } = niceRange(
    lines.flatMap((line) => line.points.map((p) => p.value)),
    limits,
  );
  const domain = [low, high];
  const x = {
    field: "epoch",
    type: "quantitative",
    title: "Epoch",
    scale: { domain: first === last ? [first - 1, last + 1] : [first, last], nice: false, zero: false },
    axis: { values: wholeTicks(first, last), format: "d", grid: false, labelFlush: false },
  } as const;
  const y = {
    field: "value",
    type: "quantitative",
    title: axisTitle,
    scale: { domain, nice: false, zero: false },
    axis: { values: ticks, labelExpr, domain: false, ticks: false, labelPadding: 8 },
  } as const;

  const ends = lines.flatMap(({ name, color, points }) => points.slice(-1).map((p) => ({ ...p, name, color })));
  const toPixels = height / (high - low);
  const places = spread(
    ends.map((end) => (end.value - low) * toPixels),
    labelDistance,
    [labelDistance / 2, height - labelDistance / 2],
  );
  const mark = { epoch: best.epoch, value: scoresOf(best)[marked.score] };

  const layer: UnitSpec<string>[] = [
    {
      data: { values: [{ epoch: best.epoch }] },
      mark: { type: "rule", color: colors.quiet, strokeDash: [2, 3] },
      encoding: { x },
    },
    ...lines.map(
      ({ points, color, dash }): UnitSpec<string> => ({
        data: { values: points },
        mark: {
          type: "line",
          color,
          strokeWidth: dash ? 1.75 : 2.25,
          interpolate: "linear",
          ...(dash ? { strokeDash: dash } : {}),
          // A lone point makes no line.
          ...(points.length <= 20 ? { point: { color, size: 18, filled: true } } : {}),
        },
        encoding: { x, y },
      }),
    ),
    {
      data: { values: Number.isFinite(mark.value) ? [mark] : [] },
      mark: { type: "point", fill: "#ffffff", stroke: marked.color, strokeWidth: 2.25, size: 90, opacity: 1 },
      encoding: { x, y },
    },
    ...ends.map(
      ({ epoch, name, color }, i): UnitSpec<string> => ({
        data: { values: [{ epoch, value: low + (places[i] ?? 0) / toPixels }] },
        mark: { type: "text", text: name, color, align: "left", baseline: "middle", dx: 9, fontSize: 12 },
        encoding: { x, y },
      }),
    ),
  ];
  return {
    description: `${scoreTitle(score)} over ${records.length} epochs. ${subtitle}.`,
    width,
    height,
    title: { text: scoreTitle(score), subtitle },
    layer,
  };
}
