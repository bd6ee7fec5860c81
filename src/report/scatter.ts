import type { TopLevelSpec } from "vega-lite";
import type { PositionFieldDef } from "vega-lite/build/src/channeldef.js";
import type { UnitSpec } from "vega-lite/build/src/spec/index.js";
import { ArgumentError } from "../errors.js";
import { placeLabels } from "./label-places.js";
import { factorTicks, niceRange } from "./layout.js";
import { chartConfig, colors, palette } from "./theme.js";

/** A named point of a {@link scatterChart}. */
export interface ScatterPoint {
  readonly name: string;
  /** Points of a group have a colour, and a line from one to the next along x. */
  readonly group: string;
  readonly x: number;
  readonly y: number;
}

/** An axis of a {@link scatterChart}. */
export interface ScatterAxis {
  readonly title: string;
  /** Where values differ by factors, `log`. */
  readonly scale: "log" | "linear";
  /** Writes a tick's value, a Vega expression over `datum.value`. */
  readonly labelExpr: string;
}

const fontSize = 11;
/** Pixels; names need room. */
const sizeFor = (points: number) => (points > 20 ? { width: 960, height: 640 } : { width: 640, height: 420 });

/**
 * Named points, their groups joined by lines.
 *
 * @throws ArgumentError without points, or when one is not finite, or not above 0 on an axis of factors
 */
export function scatterChart(
  items: readonly ScatterPoint[],
  options: { title: string; subtitle: string; x: ScatterAxis; y: ScatterAxis },
): TopLevelSpec {
  // Lines go from one to the next in this order.
  const points = [...items].sort((a, b) => a.x - b.x);
  const { width, height } = sizeFor(points.length);
  if (points.length === 0) throw new ArgumentError("there is nothing to draw: no points");
  const across = rangeOf(points, "x", options.x.scale);
  const up = rangeOf(points, "y", options.y.scale);
  const x = encoding("x", options.x, across);
  const y = encoding("y", options.y, up);
  const groups = [...new Set(points.map((point) => point.group))];
  const color = {
    field: "group",
    type: "nominal",
    title: null,
    scale: { domain: groups, range: groups.map((_, i) => palette[i % palette.length] ?? colors.ink) },
    legend: groups.length > 1 ? { orient: "bottom", direction: "horizontal", columns: 6, symbolOpacity: 1 } : null,
  } as const;

  const places = placeLabels(
    points.map((point) => ({
      x: across.place(point.x) * width,
      y: (1 - up.place(point.y)) * height,
      text: point.name,
    })),
    { width, height },
    fontSize,
  );
  const layer: UnitSpec<string>[] = [
    {
      data: { values: points },
      mark: { type: "line", strokeWidth: 1.25, opacity: 0.45, order: false },
      encoding: { x, y, color },
    },
    {
      data: { values: points },
      mark: { type: "point", filled: true, size: 60, opacity: 1 },
      encoding: { x, y, color },
    },
    ...points.flatMap((point, i): UnitSpec<string>[] => {
      const { dx = 0, dy = 0, leader } = places[i] ?? {};
      const text: UnitSpec<string> = {
        data: { values: [point] },
        mark: {
          type: "text",
          text: point.name,
          align: "left",
          baseline: "alphabetic",
          dx,
          dy,
          fontSize,
          color: colors.ink,
        },
        encoding: { x, y },
      };
      if (!leader) return [text];
      const end = { x: across.value(leader.x / width), y: up.value(1 - leader.y / height) };
      const line: UnitSpec<string> = {
        data: { values: [point, end] },
        mark: { type: "line", strokeWidth: 0.75, color: colors.quiet },
        encoding: { x, y },
      };
      return [line, text];
    }),
  ];
  const { title, subtitle } = options;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    description: `${title}: ${points.map((point) => point.name).join(", ")}.`,
    config: chartConfig,
    width,
    height,
    title: { text: title, subtitle },
    layer,
  };
}

interface AxisRange {
  domain: [number, number];
  ticks: number[];
  /** Where on the axis a value stands, 0 … 1. */
  place: (value: number) => number;
  /** The value that stands there. */
  value: (place: number) => number;
}

function rangeOf(points: readonly ScatterPoint[], key: "x" | "y", scale: ScatterAxis["scale"]): AxisRange {
  for (const point of points) {
    const value = point[key];
    if (!Number.isFinite(value) || (scale === "log" && value <= 0)) {
      throw new ArgumentError(`${point.name} has the ${key} ${value}, which has no place on this axis`);
    }
  }
  const values = points.map((point) => point[key]);
  if (scale === "linear") {
    const { low, high, ticks } = niceRange(values, [0, Number.POSITIVE_INFINITY]);
    const place = (value: number) => (value - low) / (high - low);
    return { domain: [low, high], ticks, place, value: (share) => low + share * (high - low) };
  }
  const [low, high] = [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
  const place = (value: number) => Math.log(value / low) / Math.log(high / low);
  return {
    domain: [low, high],
    ticks: factorTicks(low, high),
    place,
    value: (share) => low * (high / low) ** share,
  };
}

function encoding(field: "x" | "y", axis: ScatterAxis, { domain, ticks }: AxisRange): PositionFieldDef<string> {
  return {
    field,
    type: "quantitative",
    title: axis.title,
    scale: { type: axis.scale, domain, nice: false, ...(axis.scale === "linear" ? { zero: false } : {}) },
    axis: { values: ticks, labelExpr: axis.labelExpr, domain: false, ticks: false, labelPadding: 8 },
  };
}
