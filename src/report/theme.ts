import type { Config } from "vega-lite";

/** Colours that people with any kind of colour vision tell apart (Okabe and Ito 2008), dark enough for text on white. */
export const colors = {
  train: "#c44e00",
  validation: "#0072b2",
  average: "#000000",
  wrong: "#c62828",
  right: "#2e7d4f",
  ink: "#1f2933",
  quiet: "#52606d",
  line: "#d9dee3",
} as const;

/** For up to eight groups side by side: Okabe and Ito's colours, the yellow darkened to be seen on white. */
export const palette = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#56b4e9",
  "#e69f00",
  "#000000",
  "#a39200",
] as const;

/** What texts are set in where it is installed, else what the system has; images carry Inter's outlines. */
export const fontFamily = "Inter, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";

/** The look of every chart. */
export const chartConfig: Config = {
  background: "#ffffff",
  font: fontFamily,
  padding: 16,
  title: {
    anchor: "start",
    frame: "group",
    fontSize: 15,
    fontWeight: 600,
    color: colors.ink,
    subtitleFontSize: 12,
    subtitleColor: colors.quiet,
    subtitlePadding: 4,
    offset: 14,
  },
  view: { stroke: null },
  axis: {
    labelFontSize: 11,
    labelColor: colors.quiet,
    titleFontSize: 12,
    titleFontWeight: 400,
    titleColor: colors.ink,
    titlePadding: 8,
    gridColor: colors.line,
    domainColor: colors.quiet,
    tickColor: colors.quiet,
  },
};
