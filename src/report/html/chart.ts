import type { TopLevelSpec } from "vega-lite";
import { escapeXml } from "../outline.js";
import { renderSvg } from "../render.js";
import { Html, html } from "./markup.js";

/** A chart shrinks with the page to this share of its size; below it scrolls, for nobody could read it. */
const leastScale = 0.55;

/**
 * A chart as a figure with its SVG inside. The chart's description stands for it where it is not seen.
 *
 * @param id unlike those of the page's other charts
 */
export async function chartFigure(spec: TopLevelSpec, id: string): Promise<Html> {
  // The description tells more than a name for each of thousands of marks would, and takes less.
  const svg = await renderSvg({ ...spec, config: { ...spec.config, aria: false } });
  const width = Number(/ width="([\d.]+)"/.exec(svg)?.[1] ?? 0);
  const label = escapeXml(String(spec.description ?? "Chart"));
  const attributes = `role="img" aria-label="${label}" style="min-width: ${Math.round(leastScale * width)}px"`;
  const own = svg
    // Names of gradients and clips are the page's: each chart has its own. Texts have their < escaped: these are tags.
    .replace(/<[^>]*>/g, (tag) => tag.replace(/ id="/g, ` id="${id}-`).replace(/url\(#/g, `url(#${id}-`))
    .replace(/^<svg [^>]*?(?= width=)/, `<svg ${attributes}`);
  return html`<figure class="chart" tabindex="0">${new Html(own)}</figure>
`;
}
