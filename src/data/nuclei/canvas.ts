/** The side of the field of view that positions and lengths are measured in, whatever the number of pixels. */
export const FIELD = 90;

/** How much of each stain the tissue has taken up, per pixel: `[S, S]`, as multiples of a typical amount. */
export interface Canvas {
  /** Pixels of a side. */
  readonly size: number;
  readonly haematoxylin: Float32Array;
  readonly eosin: Float32Array;
}

/** An empty canvas: bare glass. */
export function newCanvas(size: number): Canvas {
  return { size, haematoxylin: new Float32Array(size * size), eosin: new Float32Array(size * size) };
}
