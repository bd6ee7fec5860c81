import type { Image } from "./image-set.js";

/**
 * The eight ways to turn and flip a picture: bit 0 flips left and right, bit 1 top and bottom, bit 2 swaps rows and columns
 * first. Number 0 leaves it as it is.
 */
export const ORIENTATIONS = 8;

/** What is kept of a picture to find it again when it was rescaled or recompressed. */
export interface Fingerprint {
  /** `[2 * orientations]`, two words for each: the 64 bits of the hash of the picture so turned. */
  readonly hashes: Uint32Array;
  /** `[8, 8]`, its brightness in large squares, less its mean, in 32nds of its standard deviation. */
  readonly outline: Int8Array;
}

const side = 32;
const outlineSide = 8;
/** A coefficient below it, either way, is noise of rounding and compression as likely as picture. */
const leastCoefficient = 2;
/** A picture whose brightness varies less is flat: its hash would be noise. In grey levels of 0 … 255. */
const leastDeviation = 0.5;
const outlineUnit = 32;

/** Of each bit its vertical and horizontal frequency. Symmetrical, so that a turned picture has the same ones. */
const frequencies: readonly (readonly [number, number])[] = Array.from({ length: 121 }, (_, i): [number, number] => [
  Math.floor(i / 11),
  i % 11,
]).filter(([u, v]) => u + v > 0 && u + v <= 10 && !(u === 5 && v === 5));

/** `[11, 32]`: the lowest frequencies of the orthonormal DCT-II. */
const cosines = Float64Array.from(
  { length: 11 * side },
  (_, i) =>
    Math.cos((Math.PI * (2 * (i % side) + 1) * Math.floor(i / side)) / (2 * side)) *
    Math.sqrt((i < side ? 1 : 2) / side),
);

/**
 * The perceptual hash (of the family of pHash: Zauner 2010) and the outline of a picture; undefined when it is flat.
 *
 * Brightness is averaged down, or spread, to 32x32, and transformed by the DCT. The hash has a bit for each of the 64 lowest
 * frequencies but the mean: whether its coefficient is greater than 2. Copies of a picture in another size or another
 * quality of JPEG differ in a few bits, other pictures in about half. Colour does not count.
 *
 * @param orientations 1: of the picture as it is; 8: also turned and flipped ({@link ORIENTATIONS})
 */
export function fingerprint(image: Image, orientations: 1 | 8 = 1): Fingerprint | undefined {
  const small = shrink(image);
  const outline = outlineOf(small);
  if (outline === undefined) return undefined;
  const coefficients = transform(small);
  const hashes = new Uint32Array(2 * orientations);
  for (let o = 0; o < orientations; o++) {
    for (const [bit, [u, v]] of frequencies.entries()) {
      const value = coefficients[(o & 4) === 0 ? 11 * u + v : 11 * v + u] as number;
      // A flipped picture has the odd frequencies of that direction with the other sign.
      const flipped = ((o & 1) * v + ((o >> 1) & 1) * u) % 2 === 1;
      if ((flipped ? -value : value) > leastCoefficient) {
        const word = 2 * o + (bit >> 5);
        hashes[word] = (hashes[word] as number) | (1 << (bit & 31));
      }
    }
  }
  return { hashes, outline };
}

/**
 * How much two outlines differ, the first of them turned: the root of their mean squared difference, in standard deviations
 * of the pictures. 0 for equal pictures, about 1.4 for unrelated ones.
 *
 * @param outlines `[N, 8, 8]`, in which both are, at `a` and `b`
 */
export function outlineDistance(outlines: Int8Array, a: number, b: number, orientation = 0): number {
  const cells = outlineSide * outlineSide;
  let sum = 0;
  for (let i = 0; i < cells; i++) {
    let y = i >> 3;
    let x = i & 7;
    if (orientation & 1) x = 7 - x;
    if (orientation & 2) y = 7 - y;
    const from = orientation & 4 ? 8 * x + y : 8 * y + x;
    const difference = (outlines[cells * a + from] as number) - (outlines[cells * b + i] as number);
    sum += difference * difference;
  }
  return Math.sqrt(sum / cells) / outlineUnit;
}

/** `[32, 32]`: the mean brightness of each part, on a scale of 0 … 255; parts of pixels count as such. */
function shrink({ width, height, pixels }: Image): Float64Array {
  // Of each row, then of each column, sums from its start: a mean is a difference of two, wherever the borders lie.
  const rows = new Float64Array(height * side);
  const sums = new Float64Array(width + 1);
  for (let y = 0, p = 0; y < height; y++) {
    let sum = 0;
    for (let x = 1; x <= width; x++, p += 3) {
      sum += 299 * (pixels[p] as number) + 587 * (pixels[p + 1] as number) + 114 * (pixels[p + 2] as number);
      sums[x] = sum;
    }
    means(sums, width, rows, side * y, 1);
  }
  const out = new Float64Array(side * side);
  const columnSums = new Float64Array(height + 1);
  for (let x = 0; x < side; x++) {
    for (let y = 0; y < height; y++) {
      columnSums[y + 1] = (columnSums[y] as number) + (rows[side * y + x] as number) / 1000;
    }
    means(columnSums, height, out, x, side);
  }
  return out;
}

/** The means of 32 equal parts of a line, out of its sums from the start. */
function means(sums: Float64Array, length: number, out: Float64Array, offset: number, step: number): void {
  let before = 0;
  for (let i = 1; i <= side; i++) {
    const end = (i * length) / side;
    const whole = Math.floor(end);
    const floor = sums[whole] as number;
    const after = whole === length ? floor : floor + (end - whole) * ((sums[whole + 1] as number) - floor);
    out[offset + (i - 1) * step] = ((after - before) * side) / length;
    before = after;
  }
}

function outlineOf(small: Float64Array): Int8Array | undefined {
  const cells = new Float64Array(outlineSide * outlineSide);
  const per = side / outlineSide;
  for (const [i, value] of small.entries()) {
    const cell = outlineSide * Math.floor(i / (side * per)) + Math.floor((i % side) / per);
    cells[cell] = (cells[cell] as number) + value / (per * per);
  }
  const mean = cells.reduce((sum, value) => sum + value, 0) / cells.length;
  const deviation = Math.sqrt(cells.reduce((sum, value) => sum + (value - mean) ** 2, 0) / cells.length);
  if (deviation < leastDeviation) return undefined;
  return Int8Array.from(cells, (value) => {
    return Math.round(Math.min(127, Math.max(-127, ((value - mean) / deviation) * outlineUnit)));
  });
}

/** `[11, 11]`: the lowest frequencies, vertical ones by row. */
function transform(small: Float64Array): Float64Array {
  const half = new Float64Array(11 * side);
  for (let u = 0; u < 11; u++) {
    for (let y = 0; y < side; y++) {
      const factor = cosines[side * u + y] as number;
      for (let x = 0; x < side; x++) {
        half[side * u + x] = (half[side * u + x] as number) + factor * (small[side * y + x] as number);
      }
    }
  }
  const out = new Float64Array(11 * 11);
  for (let u = 0; u < 11; u++) {
    for (let v = 0; v < 11; v++) {
      let sum = 0;
      for (let x = 0; x < side; x++) sum += (half[side * u + x] as number) * (cosines[side * v + x] as number);
      out[11 * u + v] = sum;
    }
  }
  return out;
}
