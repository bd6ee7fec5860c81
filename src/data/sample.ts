import type { AugmentationDraw } from "./augment.js";
import type { ChannelStatistics } from "./image-set.js";

/** Order of the axes of a batch in memory: channels first (as PyTorch writes shapes) or last. */
export type Layout = "nchw" | "nhwc";

/** Luma weights of torchvision's `rgb_to_grayscale` (ITU-R 601-2 to four digits). */
const RED = 0.2989;
const GREEN = 0.587;
const BLUE = 0.114;

/**
 * For each pixel of the turned image, the offset of its first byte in the original.
 *
 * The image is mirrored left and right first, then turned counter-clockwise, as `torch.rot90` does over (H, W).
 */
export function orientationTable(width: number, height: number, flip: boolean, turns: number): Int32Array {
  const odd = turns % 2 === 1;
  const [outWidth, outHeight] = odd ? [height, width] : [width, height];
  const table = new Int32Array(width * height);
  for (let y = 0, i = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++, i++) {
      const [row, column] = sourceOf(y, x, turns, width, height);
      table[i] = (row * width + (flip ? width - 1 - column : column)) * 3;
    }
  }
  return table;
}

function sourceOf(y: number, x: number, turns: number, width: number, height: number): [number, number] {
  switch (turns) {
    case 1:
      return [x, width - 1 - y];
    case 2:
      return [height - 1 - y, width - 1 - x];
    case 3:
      return [height - 1 - x, y];
    default:
      return [y, x];
  }
}

/**
 * Turns images of bytes into normalised floats, oriented and with changed colours, in one pass over the pixels.
 *
 * The colours change as torchvision's `adjust_brightness`, `adjust_contrast` and `adjust_saturation` change an image of
 * floats in [0, 1], one after the other, with values kept within [0, 1] after each. Brightness and contrast are a table
 * of 256 values, since they map every byte the same way; saturation mixes the channels and is computed per pixel.
 */
export class SampleWriter {
  readonly #scale: readonly [number, number, number];
  readonly #shift: readonly [number, number, number];
  readonly #layout: Layout;
  readonly #tables = [new Float32Array(256), new Float32Array(256), new Float32Array(256)] as const;
  readonly #tone = new Float64Array(256);

  constructor({ mean, std }: ChannelStatistics, layout: Layout) {
    this.#scale = [1 / std[0], 1 / std[1], 1 / std[2]];
    this.#shift = [-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]];
    this.#layout = layout;
  }

  /**
   * Writes one image to `out` from `offset`.
   *
   * @param pixels `[H, W, 3]`
   * @param order from {@link orientationTable}
   */
  write(pixels: Uint8Array, order: Int32Array, draw: AugmentationDraw, out: Float32Array, offset: number): void {
    this.#fillTone(pixels, draw);
    const count = order.length;
    // Between pixels and between channels of one pixel.
    const [step, plane] = this.#layout === "nchw" ? [1, count] : [3, 1];
    if (draw.saturation === 1) this.#writeByTable(pixels, order, out, offset, step, plane);
    else this.#writeSaturated(pixels, order, draw.saturation, out, offset, step, plane);
  }

  /** Brightness and contrast: what each byte becomes, in [0, 1]. */
  #fillTone(pixels: Uint8Array, { brightness, contrast }: AugmentationDraw): void {
    const tone = this.#tone;
    for (let v = 0; v < 256; v++) tone[v] = Math.min(1, (brightness * v) / 255);
    if (contrast === 1) return;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let i = 0; i < pixels.length; i += 3) {
      red += tone[pixels[i] as number] as number;
      green += tone[pixels[i + 1] as number] as number;
      blue += tone[pixels[i + 2] as number] as number;
    }
    const grey = (RED * red + GREEN * green + BLUE * blue) / (pixels.length / 3);
    for (let v = 0; v < 256; v++) {
      tone[v] = Math.min(1, Math.max(0, contrast * (tone[v] as number) + (1 - contrast) * grey));
    }
  }

  #writeByTable(
    pixels: Uint8Array,
    order: Int32Array,
    out: Float32Array,
    offset: number,
    step: number,
    plane: number,
  ): void {
    for (const [c, table] of this.#tables.entries()) {
      const scale = this.#scale[c] as number;
      const shift = this.#shift[c] as number;
      for (let v = 0; v < 256; v++) table[v] = (this.#tone[v] as number) * scale + shift;
    }
    const [red, green, blue] = this.#tables;
    for (let p = 0, o = offset; p < order.length; p++, o += step) {
      const i = order[p] as number;
      out[o] = red[pixels[i] as number] as number;
      out[o + plane] = green[pixels[i + 1] as number] as number;
      out[o + 2 * plane] = blue[pixels[i + 2] as number] as number;
    }
  }

  #writeSaturated(
    pixels: Uint8Array,
    order: Int32Array,
    saturation: number,
    out: Float32Array,
    offset: number,
    step: number,
    plane: number,
  ): void {
    const tone = this.#tone;
    const [redScale, greenScale, blueScale] = this.#scale;
    const [redShift, greenShift, blueShift] = this.#shift;
    for (let p = 0, o = offset; p < order.length; p++, o += step) {
      const i = order[p] as number;
      const r = tone[pixels[i] as number] as number;
      const g = tone[pixels[i + 1] as number] as number;
      const b = tone[pixels[i + 2] as number] as number;
      const grey = (1 - saturation) * (RED * r + GREEN * g + BLUE * b);
      const red = saturation * r + grey;
      const green = saturation * g + grey;
      const blue = saturation * b + grey;
      out[o] = Math.min(1, Math.max(0, red)) * redScale + redShift;
      out[o + plane] = Math.min(1, Math.max(0, green)) * greenScale + greenShift;
      out[o + 2 * plane] = Math.min(1, Math.max(0, blue)) * blueScale + blueShift;
    }
  }
}
