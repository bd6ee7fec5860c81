import type { TopLevelSpec } from "vega-lite";
import { writeFileAtomic } from "../files.js";
import { measureText } from "./glyphs.js";
import { outlineText, withoutControls } from "./outline.js";

/** Pixels of a PNG for each unit of its chart: sharp on dense screens and in print. */
const scale = 2;

/** A chart as SVG. Its texts are texts, set in the reader's font. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  // Loaded when a chart is drawn: commands that draw none should not wait for them.
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  // Without a browser Vega guesses that every character is 0.8 em wide, which sets axis titles far off.
  vega.textMetrics.width = (item, text) => {
    const width = measureText(String(text ?? ""), item.fontSize ?? 11, item.fontWeight);
    // What is longer than its limit is cut off.
    return item.limit !== undefined && item.limit > 0 ? Math.min(width, item.limit) : width;
  };
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: "none" });
  try {
    return withoutControls(await view.toSVG());
  } finally {
    view.finalize();
  }
}

/** An SVG as PNG, at twice its size. Its texts become outlines first, so no fonts need to be installed. */
export async function rasterize(svg: string): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp");
  return sharp(Buffer.from(outlineText(svg)), { density: 72 * scale })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/**
 * Writes a chart as `<basePath>.svg` and `<basePath>.png`.
 *
 * @returns the paths written
 * @throws FileError when a file cannot be written
 */
export async function writeChart(spec: TopLevelSpec, basePath: string): Promise<string[]> {
  const svg = await renderSvg(spec);
  const png = await rasterize(svg);
  const paths = [`${basePath}.svg`, `${basePath}.png`] as const;
  writeFileAtomic(paths[0], svg);
  writeFileAtomic(paths[1], png);
  return [...paths];
}
