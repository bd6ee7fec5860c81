import type { Random } from "../../random.js";
import type { Canvas } from "./canvas.js";
import { FIELD } from "./canvas.js";

/**
 * Optical density of haematoxylin and eosin in red, green and blue: Ruifrok & Johnston, "Quantification of
 * histochemical staining by color deconvolution", 2001.
 */
const HAEMATOXYLIN = [0.65, 0.7, 0.29] as const;
const EOSIN = [0.07, 0.99, 0.11] as const;

/** How a slide was stained and photographed. */
export interface Optics {
  /** Optical density per unit of stain in red, green and blue. */
  readonly haematoxylin: readonly number[];
  readonly eosin: readonly number[];
  /** Brightness of bare glass in red, green and blue, of 255. */
  readonly glass: readonly number[];
  /** Direction in which the light grows, and by how much of itself over the field. */
  readonly lightX: number;
  readonly lightY: number;
  /** Standard deviation of the blur, in units of the field. */
  readonly blur: number;
  /** Standard deviation of the sensor's noise, of 255. */
  readonly noise: number;
}

/** Draws stain hues, light, focus and noise. It knows nothing of what is seen. */
export function drawOptics(random: Random): Optics {
  const hue = random.uniform(-0.04, 0.16);
  const pink = random.uniform(0.1, 0.45);
  const warmth = random.uniform(-6, 6);
  const white = random.uniform(232, 250);
  const light = random.uniform(0, 0.08);
  const side = random.uniform(0, 2 * Math.PI);
  return {
    haematoxylin: unit([HAEMATOXYLIN[0] - hue, HAEMATOXYLIN[1] + 0.4 * hue, HAEMATOXYLIN[2] + 0.5 * hue]),
    eosin: unit([EOSIN[0] + 0.5 * pink, EOSIN[1] - 0.3 * pink, EOSIN[2] + pink]),
    glass: [Math.min(254, white + warmth), white, Math.min(254, white - warmth)],
    lightX: light * Math.cos(side),
    lightY: light * Math.sin(side),
    blur: 0.8 + 2.2 * random.uniform() ** 1.5,
    noise: random.uniform(1, 5),
  };
}

function unit(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/**
 * What a camera sees of the stained tissue: light absorbed by the law of Beer and Lambert, out of focus, unevenly lit,
 * with noise.
 *
 * @param gains factors of the haematoxylin and eosin on the canvas
 * @param out `[S, S, 3]` bytes
 */
export function photograph(
  { size, haematoxylin, eosin }: Canvas,
  optics: Optics,
  gains: readonly [number, number],
  random: Random,
  out: Uint8Array,
): void {
  const count = size * size;
  // Rounds and clamps as it is written to.
  const bytes = new Uint8ClampedArray(out.buffer, out.byteOffset, out.length);
  const weights = gaussian((optics.blur * size) / FIELD);
  const light = new Float32Array(count);
  const scratch = new Float32Array(count);
  for (let c = 0; c < 3; c++) {
    const h = gains[0] * (optics.haematoxylin[c] as number);
    const e = gains[1] * (optics.eosin[c] as number);
    for (let i = 0; i < count; i++) {
      light[i] = Math.exp(-h * (haematoxylin[i] as number) - e * (eosin[i] as number));
    }
    // Twice the same pass, each of which also swaps rows and columns.
    blurRows(light, scratch, size, weights);
    blurRows(scratch, light, size, weights);
    const glass = optics.glass[c] as number;
    for (let row = 0, i = 0; row < size; row++) {
      const lit = 1 + optics.lightY * (row / size - 0.5) - 0.5 * optics.lightX;
      for (let column = 0; column < size; column++, i++) {
        const value = (light[i] as number) * glass * (lit + (optics.lightX * column) / size);
        bytes[3 * i + c] = value + optics.noise * grain(random);
      }
    }
  }
}

/** Nearly normal with deviation 1: the sum of the four bytes of one random word. */
function grain(random: Random): number {
  const word = random.uint32();
  const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
  return (sum - 510) / 147.8;
}

/** Half of a Gaussian, from its middle, that sums to 1 with its mirror image; cut at 3 deviations. */
function gaussian(deviation: number): Float64Array {
  const radius = Math.max(1, Math.ceil(3 * deviation));
  const half = Float64Array.from({ length: radius + 1 }, (_, i) => Math.exp(-0.5 * (i / deviation) ** 2));
  const sum = half.reduce((total, weight, i) => total + (i ? 2 : 1) * weight, 0);
  return half.map((weight) => weight / sum);
}

/** Blurs each row, repeating its ends, and writes it as a column. */
function blurRows(from: Float32Array, to: Float32Array, size: number, weights: Float64Array): void {
  const radius = weights.length - 1;
  const padded = new Float32Array(size + 2 * radius);
  for (let row = 0; row < size; row++) {
    const line = from.subarray(row * size, (row + 1) * size);
    padded.fill(line[0] as number, 0, radius);
    padded.set(line, radius);
    padded.fill(line[size - 1] as number, radius + size);
    for (let column = 0; column < size; column++) {
      const middle = column + radius;
      let sum = (weights[0] as number) * (padded[middle] as number);
      for (let k = 1; k <= radius; k++) {
        sum += (weights[k] as number) * ((padded[middle - k] as number) + (padded[middle + k] as number));
      }
      to[column * size + row] = sum;
    }
  }
}
