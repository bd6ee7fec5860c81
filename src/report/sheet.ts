import { ArgumentError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { fitText, measureText } from "./glyphs.js";
import { textElement } from "./outline.js";
import { colors } from "./theme.js";
import { composeTiles, mostTiles, type Picture, type Place, wholeOption } from "./tiles.js";

/** An image and what a network says about it. */
export interface Prediction extends Picture {
  /** The true class, where known. */
  truth?: string;
  /** The class predicted. */
  predicted: string;
  /** Of the predicted class, 0 … 1. */
  probability: number;
}

/** How a sheet is laid out. */
export interface SheetOptions {
  /** Images in a row. Default: as many as make the sheet about 3:2, at most 12. */
  columns?: number;
  /** Side of the square that each image is fitted into, pixels; 32 … 1024. Default 160. */
  size?: number;
}

const gap = 20;
const captionHeight = 44;
const fontSize = 14;

/**
 * A contact sheet of predictions as PNG: beneath each image the predicted class and its probability, and the true class
 * where known. Wrong ones have a red frame and a cross, which tells them apart without colour too.
 *
 * @throws ArgumentError without images, with more than 500, or when pixels do not fit their size
 */
export async function predictionSheet(items: readonly Prediction[], options: SheetOptions = {}): Promise<Uint8Array> {
  if (items.length === 0 || items.length > mostTiles) {
    throw new ArgumentError(`a sheet shows 1 to ${mostTiles} images, not ${items.length}: choose some of them`);
  }
  const size = wholeOption("size", options.size ?? 160, 32, 1024);
  const across = Math.min(items.length, 12, Math.ceil(Math.sqrt(items.length * 1.5 * (1 + captionHeight / size))));
  const columns = wholeOption("columns", options.columns ?? across, 1, mostTiles);
  const rows = Math.ceil(items.length / columns);
  const width = gap + columns * (size + gap);
  const height = gap + rows * (size + captionHeight + gap);

  const places = items.map((_, i) => ({
    left: gap + (i % columns) * (size + gap),
    top: gap + Math.floor(i / columns) * (size + captionHeight + gap),
  }));
  const overlay = items.map((item, i) => caption(item, places[i] ?? { left: 0, top: 0 }, size)).join("");
  return composeTiles(items, places, { width, height, size, overlay });
}

/** Writes a contact sheet; see `predictionSheet`. @throws FileError when it cannot be written */
export async function writePredictionSheet(
  path: string,
  items: readonly Prediction[],
  options: SheetOptions = {},
): Promise<void> {
  writeFileAtomic(path, await predictionSheet(items, options));
}

function caption(item: Prediction, { left, top }: Place, size: number): string {
  const wrong = item.truth !== undefined && item.truth !== item.predicted;
  const fill = wrong ? colors.wrong : colors.ink;
  const probability = `${(100 * item.probability).toFixed(0)} %`;
  const room = size - measureText(`  ${probability}`, fontSize);
  const name = fitText(item.predicted, room, fontSize, 600);
  const line = top + size + 19;
  const parts = [
    textElement(name, { x: left, y: line, size: fontSize, weight: 600, fill }),
    textElement(probability, {
      x: left + size - measureText(probability, fontSize),
      y: line,
      size: fontSize,
      fill,
    }),
  ];
  if (item.truth !== undefined) {
    const text = fitText(wrong ? `is ${item.truth}` : "right", size, fontSize - 1);
    parts.push(textElement(text, { x: left, y: line + 18, size: fontSize - 1, fill: wrong ? fill : colors.quiet }));
  }
  if (wrong) {
    const [x, y, r] = [left + size - 14, top + 14, 5];
    parts.push(
      `<rect x="${left - 2}" y="${top - 2}" width="${size + 4}" height="${size + 4}" fill="none" stroke="${fill}" stroke-width="4"/>`,
      `<circle cx="${x}" cy="${y}" r="11" fill="${fill}"/>`,
      `<path d="M${x - r} ${y - r}L${x + r} ${y + r}M${x + r} ${y - r}L${x - r} ${y + r}" stroke="#fff" stroke-width="2.5"/>`,
    );
  }
  return parts.join("");
}
