import { ArgumentError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { fitText, measureText } from "./glyphs.js";
import { textElement } from "./outline.js";
import { colors } from "./theme.js";
import { composeTiles, mostTiles, type Picture, type Place, wholeOption } from "./tiles.js";

/** One form of a sample: as it is, or as a network would see it. */
export interface GridCell extends Picture {
  /** In one line, such as `"original, 27x27"`. */
  readonly title: string;
  /** What was done to it, one text for each; default nothing. */
  readonly changes?: readonly string[];
}

/** A sample in one or several forms, which stand side by side. */
export interface GridRow {
  /** Its class, or what else it is known by. */
  readonly label: string;
  /** Where it comes from. */
  readonly name: string;
  readonly cells: readonly GridCell[];
}

/** How a grid is laid out. */
export interface GridOptions {
  /** Side of the square that each image is fitted into, pixels; 32 … 1024. Default 160. */
  readonly size?: number;
}

const gap = 20;
const cellGap = 8;
const headHeight = 24;
const lineHeight = 15;
const fontSize = 12;
/** Of an image with more changes than fit into so many lines, the first are told. */
const mostLines = 6;

/**
 * Samples, each in one or several forms, as PNG: above each its class and where it comes from, beneath each form what was
 * done to it.
 *
 * @throws ArgumentError without samples, with more than 500 images, or when pixels do not fit their size
 */
export async function imageGrid(rows: readonly GridRow[], options: GridOptions = {}): Promise<Uint8Array> {
  const cells = rows.flatMap((row) => row.cells);
  if (rows.length === 0 || cells.length > mostTiles) {
    throw new ArgumentError(`a grid shows 1 to ${mostTiles} images, not ${cells.length}`, "Show fewer samples.");
  }
  const size = wholeOption("size", options.size ?? 160, 32, 1024);
  const texts = cells.map(({ changes = [] }) => wrap(changes, size));
  const lines = 1 + Math.max(...texts.map((text) => text.length));
  const block = {
    width: Math.max(...rows.map((row) => row.cells.length * (size + cellGap) - cellGap)),
    height: headHeight + size + lines * lineHeight + cellGap,
  };
  const across = Math.min(
    rows.length,
    Math.max(1, Math.round(Math.sqrt((rows.length * 1.5 * (block.height + gap)) / (block.width + gap)))),
  );
  const corners = rows.map((_, i) => ({
    left: gap + (i % across) * (block.width + gap),
    top: gap + Math.floor(i / across) * (block.height + gap),
  }));
  const places = rows.flatMap((row, i) => {
    const { left, top } = corners[i] ?? { left: 0, top: 0 };
    return row.cells.map((_, k) => ({ left: left + k * (size + cellGap), top: top + headHeight }));
  });
  const heads = rows.map((row, i) => head(row, corners[i] ?? { left: 0, top: 0 }, block.width));
  const captions = cells.map((cell, i) => caption(cell, texts[i] ?? [], places[i] ?? { left: 0, top: 0 }, size));
  return composeTiles(cells, places, {
    width: gap + across * (block.width + gap),
    height: gap + Math.ceil(rows.length / across) * (block.height + gap),
    size,
    overlay: [...heads, ...captions].join(""),
  });
}

/** Writes a grid; see {@link imageGrid}. @throws FileError when it cannot be written */
export async function writeImageGrid(path: string, rows: readonly GridRow[], options: GridOptions = {}): Promise<void> {
  writeFileAtomic(path, await imageGrid(rows, options));
}

function head({ label, name }: GridRow, { left, top }: Place, room: number): string {
  const y = top + headHeight - 9;
  const shown = fitText(label, room, fontSize + 1, 600);
  const used = measureText(`${shown}  `, fontSize + 1, 600);
  const parts = [textElement(shown, { x: left, y, size: fontSize + 1, weight: 600, fill: colors.ink })];
  // A name cut to a few letters tells nothing.
  if (room - used > 40) {
    const rest = fitText(name, room - used, fontSize);
    parts.push(textElement(rest, { x: left + used, y, size: fontSize, fill: colors.quiet }));
  }
  return parts.join("");
}

function caption({ title }: GridCell, lines: readonly string[], { left, top }: Place, size: number): string {
  const at = (line: number) => ({ x: left, y: top + size + lineHeight * (line + 1) - 1, size: fontSize });
  return [
    textElement(fitText(title, size, fontSize), { ...at(0), fill: colors.ink }),
    ...lines.map((line, i) => textElement(line, { ...at(i + 1), size: fontSize - 1, fill: colors.quiet })),
  ].join("");
}

/** Puts texts into lines, separated by commas; one that is wider than a line is broken between words, or cut. */
function wrap(texts: readonly string[], width: number): string[] {
  const fits = (line: string) => measureText(line, fontSize - 1) <= width;
  const words = texts.flatMap((text, i) => (i < texts.length - 1 ? `${text},` : text).split(" "));
  const lines: string[] = [];
  for (const word of words) {
    const longer = `${lines.at(-1) ?? ""} ${word}`.trimStart();
    if (lines.length > 0 && fits(longer)) lines[lines.length - 1] = longer;
    else lines.push(fitText(word, width, fontSize - 1));
  }
  if (lines.length <= mostLines) return lines;
  const last = `${lines[mostLines - 1] ?? ""} …`;
  return [...lines.slice(0, mostLines - 1), fits(last) ? last : fitText(last, width, fontSize - 1)];
}
