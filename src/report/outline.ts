import { measureText, textPath } from "./glyphs.js";

/**
 * Replaces the texts of an SVG by their outlines. Texts with characters that our font lacks stay texts, as does
 * everything that is not a `<text>` of plain lines (in one run, or one `<tspan>` each, as Vega writes them).
 */
export function outlineText(svg: string): string {
  return svg.replace(
    /<text\b([^>]*)>((?:[^<]|<tspan\b[^>]*>[^<]*<\/tspan>)*)<\/text>/g,
    (original, attributes, body) => {
      const attribute = readAttributes(String(attributes));
      const size = Number.parseFloat(attribute.get("font-size") ?? "");
      if (!(size > 0)) return original;
      const weight = attribute.get("font-weight") ?? 400;
      const share = { middle: 0.5, end: 1 }[attribute.get("text-anchor") ?? ""] ?? 0;

      let path = "";
      let down = number(attribute.get("y"));
      for (const { text, dy } of linesOf(String(body))) {
        down += dy;
        const x = number(attribute.get("x")) - share * measureText(text, size, weight);
        const line = textPath(text, x, down, size, weight);
        if (line === undefined) return original;
        path += line;
      }
      const kept = [...attribute].filter(([name]) => !/^(font-|text-anchor$|[xy]$)/.test(name));
      return `<path${kept.map(([name, value]) => ` ${name}="${value}"`).join("")} d="${path}"/>`;
    },
  );
}

/** A line of text as an SVG element: outlines where we have them, else a text for the machine's fonts. */
export function textElement(
  text: string,
  at: { x: number; y: number; size: number; weight?: number; fill: string },
): string {
  const path = textPath(text, at.x, at.y, at.size, at.weight);
  if (path !== undefined) return `<path fill="${at.fill}" d="${path}"/>`;
  const place = `x="${at.x}" y="${at.y}" font-size="${at.size}" font-weight="${at.weight ?? 400}"`;
  return `<text ${place} font-family="sans-serif" fill="${at.fill}">${escapeXml(text)}</text>`;
}

function linesOf(body: string): { text: string; dy: number }[] {
  if (!body.includes("<")) return [{ text: unescapeXml(body), dy: 0 }];
  return [...body.matchAll(/<tspan\b([^>]*)>([^<]*)<\/tspan>/g)].map(([, attributes = "", text = ""]) => ({
    text: unescapeXml(text),
    dy: number(readAttributes(attributes).get("dy")),
  }));
}

function readAttributes(text: string): Map<string, string> {
  return new Map([...text.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]));
}

function number(text: string | undefined): number {
  const value = Number.parseFloat(text ?? "");
  return Number.isFinite(value) ? value : 0;
}

/** Text as XML and HTML write it, between tags and between double quotes. */
export function escapeXml(text: string): string {
  return withoutControls(text)
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;");
}

/** Control characters, and halves of others, are not allowed in XML, escaped or not: they are replaced. */
export function withoutControls(text: string): string {
  return text.replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, "\ufffd");
}

function unescapeXml(text: string): string {
  const named = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&", nbsp: "\u00a0" };
  return text.replace(/&(?:#(\d+)|#x([\da-f]+)|(lt|gt|quot|apos|amp|nbsp));/gi, (_, decimal, hex, name) => {
    if (decimal) return String.fromCodePoint(Number(decimal));
    if (hex) return String.fromCodePoint(Number.parseInt(String(hex), 16));
    return new Map(Object.entries(named)).get(String(name).toLowerCase()) ?? "";
  });
}
