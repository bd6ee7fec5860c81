/**
 * What is done to an image before a network sees it: the shorter side is resized, the middle is cut out, and pixel values
 * in [0, 1] are normalised per channel. It belongs to the weights: with another one a network is less accurate.
 */
export interface Preprocessing {
  /** The shorter side after resizing, in pixels; the other one keeps the aspect. */
  readonly resize: number;
  /** The side of the square that is cut out of the middle, in pixels. */
  readonly crop: number;
  readonly interpolation: "bilinear" | "bicubic";
  /** The kernel widens as the image shrinks, as Pillow's does. */
  readonly antialias: true;
  /** Subtracted from pixel values in [0, 1]: red, green, blue. */
  readonly mean: readonly [number, number, number];
  /** Divides what is left. */
  readonly std: readonly [number, number, number];
}
