import type { TopLevelSpec } from "vega-lite";
import type { LayerSpec, UnitSpec } from "vega-lite/build/src/spec/index.js";
import { ArgumentError } from "../errors.js";
import { bestEpoch, type EpochRecord } from "../train/epoch.js";
import { percent } from "./format.js";
import { niceRange, spread, wholeTicks } from "./layout.js";
import { chartConfig, colors } from "./theme.js";

/** A line of a panel. */
interface Series {
  name: string;
  color: string;
  dash?: number[];
  value: (record: EpochRecord) => number;
}

interface Panel {
  title: string;
  subtitle: string;
  axisTitle: string;
  /** Writes a tick's value, a Vega expression. */
  labelExpr: string;
  /** Values beyond which the axis never goes. */
  limits: readonly [number, number];
  series: Series[];
  /** The series on which the best epoch is marked. */
  marked: Series;
}

const width = 340;
const height = 240;
/** Labels at the ends of lines stand at least this far apart, pixels. */
const labelDistance = 15;

/**
 * Loss and accuracy over the epochs, training and validation, side by side; each line named at its end, the best epoch
 * (see `bestEpoch`) marked. Balanced accuracy is drawn where it differs from accuracy by half a percentage point or more.
 * Values that are not finite leave gaps.
 *
 * @throws ArgumentError without records
 */
export function curves(records: readonly EpochRecord[]): TopLevelSpec {
  const best = bestEpoch(records);
  if (best === undefined) throw new ArgumentError("there is no epoch to draw curves of");
  const { loss, accuracy, balancedAccuracy } = best.validation;

  const trainLoss: Series = { name: "training", color: colors.train, value: (r) => r.train.loss };
  const loss2: Series = { name: "validation", color: colors.validation, value: (r) => r.validation.loss };
  const trainAccuracy: Series = { name: "training", color: colors.train, value: (r) => r.train.accuracy };
  const plain: Series = { name: "validation", color: colors.validation, value: (r) => r.validation.accuracy };
  const balanced: Series = {
    name: "validation, balanced",
    color: colors.validation,
    dash: [4, 3],
    value: (r) => r.validation.balancedAccuracy,
  };
  const differ = records.some((r) => Math.abs(r.validation.accuracy - r.validation.balancedAccuracy) >= 0.005);
  const scores = differ ? `${percent(accuracy)}, balanced ${percent(balancedAccuracy)}` : percent(accuracy);

  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    description: `Loss and accuracy of training and validation over ${records.length} epochs.`,
    config: chartConfig,
    spacing: 36,
    hconcat: [
      panel(records, best.epoch, {
        title: "Loss",
        subtitle: `Validation at the best epoch, ${best.epoch}: ${loss.toPrecision(3)}`,
        axisTitle: "Mean loss per image",
        labelExpr: "format(datum.value, '~g')",
        limits: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
        series: [trainLoss, loss2],
        marked: loss2,
      }),
      panel(records, best.epoch, {
        title: "Accuracy",
        subtitle: `Validation at the best epoch, ${best.epoch}: ${scores}`,
        axisTitle: "Images classified correctly",
        labelExpr: "format(100 * datum.value, '~g') + ' %'",
        limits: [0, 1],
        series: differ ? [trainAccuracy, plain, balanced] : [trainAccuracy, plain],
        marked: differ ? balanced : plain,
      }),
    ],
  };
}

function panel(records: readonly EpochRecord[], best: number, spec: Panel): LayerSpec<string> | LayerSpec<never> {
  const epochs = records.map((r) => r.epoch);
  const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
  const lines = spec.series.map((series) => ({
    ...series,
    points: records.map((r) => ({ epoch: r.epoch, value: series.value(r) })).filter((p) => Number.isFinite(p.value)),
  }));
  const { low, high, ticks } = niceRange(
    lines.flatMap((line) => line.points.map((p) => p.value)),
    spec.limits,
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
    title: spec.axisTitle,
    scale: { domain, nice: false, zero: false },
    axis: { values: ticks, labelExpr: spec.labelExpr, domain: false, ticks: false, labelPadding: 8 },
  } as const;

  const ends = lines.flatMap(({ name, color, points }) => points.slice(-1).map((p) => ({ ...p, name, color })));
  const toPixels = height / (high - low);
  const places = spread(
    ends.map((end) => (end.value - low) * toPixels),
    labelDistance,
    [labelDistance / 2, height - labelDistance / 2],
  );
  const markedPoint = records.filter((r) => r.epoch === best && Number.isFinite(spec.marked.value(r)));

  const layer: UnitSpec<string>[] = [
    {
      data: { values: [{ epoch: best }] },
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
      data: { values: markedPoint.map((r) => ({ epoch: r.epoch, value: spec.marked.value(r) })) },
      mark: { type: "point", fill: "#ffffff", stroke: spec.marked.color, strokeWidth: 2.25, size: 90, opacity: 1 },
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
  return { width, height, title: { text: spec.title, subtitle: spec.subtitle }, layer };
}
