import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import opentype, { type Font, type Glyph, type PathCommand } from "opentype.js";

/**
 * Text as outlines of Inter (SIL Open Font Licence), so that a PNG comes out the same on every machine, fonts installed
 * or not. Latin, Greek and Cyrillic; other scripts are left to the machine's own fonts.
 */

/** Weights that are there; others take the nearer of the two. */
type Weight = 400 | 600;

const subsets = ["latin", "latin-ext", "greek", "cyrillic"] as const;
const fonts = new Map<string, Font>();

/** Width of a line of text, pixels. Characters without an outline are taken to be as wide as they are high. */
export function measureText(text: string, size: number, weight: string | number = 400): number {
  let width = 0;
  for (const character of text) {
    const found = findGlyph(character, weightOf(weight));
    width += found ? (found.glyph.advanceWidth / found.font.unitsPerEm) * size : size;
  }
  return width;
}

/**
 * The outlines of a line of text as SVG path data; its baseline begins at (x, y).
 *
 * @returns undefined when a character has no outline
 */
export function textPath(
  text: string,
  x: number,
  y: number,
  size: number,
  weight: string | number = 400,
): string | undefined {
  let path = "";
  let at = x;
  for (const character of text) {
    const found = findGlyph(character, weightOf(weight));
    if (found === undefined) return undefined;
    path += found.glyph.getPath(at, y, size).commands.map(pathData).join("");
    at += (found.glyph.advanceWidth / found.font.unitsPerEm) * size;
  }
  return path;
}

/** The text, or as much of its beginning as fits into `width` pixels, with an ellipsis. */
export function fitText(text: string, width: number, size: number, weight: string | number = 400): string {
  if (measureText(text, size, weight) <= width) return text;
  const characters = [...text];
  while (characters.length > 0 && measureText(`${characters.join("")}…`, size, weight) > width) characters.pop();
  return `${characters.join("")}…`;
}

function findGlyph(character: string, weight: Weight): { font: Font; glyph: Glyph } | undefined {
  for (const subset of subsets) {
    const font = loadFont(subset, weight);
    const glyph = font.charToGlyph(character);
    if (glyph.index !== 0) return { font, glyph };
  }
  return undefined;
}

function loadFont(subset: (typeof subsets)[number], weight: Weight): Font {
  const file = `@fontsource/inter/files/inter-${subset}-${weight}-normal.woff`;
  let font = fonts.get(file);
  if (font === undefined) {
    const bytes = readFileSync(createRequire(import.meta.url).resolve(file));
    font = opentype.parse(new Uint8Array(bytes).buffer);
    fonts.set(file, font);
  }
  return font;
}

// Written here: that of opentype.js 2.0 forgets the space before a number that rounds to -0.
function pathData(command: PathCommand): string {
  switch (command.type) {
    case "M":
    case "L":
      return command.type + numbers(command.x, command.y);
    case "Q":
      return `Q${numbers(command.x1, command.y1, command.x, command.y)}`;
    case "C":
      return `C${numbers(command.x1, command.y1, command.x2, command.y2, command.x, command.y)}`;
    case "Z":
      return "Z";
    default:
      return command satisfies never;
  }
}

function numbers(...values: number[]): string {
  return values.map((value) => Math.round(value * 100) / 100).join(" ");
}

function weightOf(weight: string | number): Weight {
  return weight === "bold" || Number(weight) >= 500 ? 600 : 400;
}
