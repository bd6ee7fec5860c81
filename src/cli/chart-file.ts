import { extname } from "node:path";
import { InvalidArgumentError } from "commander";
import type { TopLevelSpec } from "vega-lite";
import { writeFileAtomic } from "../files.js";
import { rasterize, renderSvg } from "../report/index.js";

/** An option's value that names a chart's file; commander prints what it throws beside the option's name. */
export function chartFile(path: string): string {
  if ([".svg", ".png"].includes(extname(path).toLowerCase())) return path;
  throw new InvalidArgumentError("It must end in .svg or .png.");
}

/** Writes a chart as SVG or PNG, as the file's name says. @throws FileError when it cannot be written */
export async function writeChartFile(path: string, chart: TopLevelSpec): Promise<void> {
  const svg = await renderSvg(chart);
  writeFileAtomic(path, extname(path).toLowerCase() === ".png" ? await rasterize(svg) : svg);
}
