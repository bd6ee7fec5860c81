import type { Random } from "../../random.js";
import { type Canvas, FIELD } from "./canvas.js";
import type { Nucleolus, Nucleus } from "./nucleus.js";
import { smoothstep, type Texture } from "./texture.js";

/** A nucleus at its place. */
export interface PlacedNucleus {
  readonly nucleus: Nucleus;
  /** The centre, in units of the field. */
  readonly x: number;
  readonly y: number;
  /** From where in the texture its chromatin is taken. */
  readonly grainX: number;
  readonly grainY: number;
  /** The outline: see {@link radiiOf}. */
  readonly radii: Float64Array;
}

/** Puts a nucleus at (x, y), in units of the field. */
export function placeNucleus(nucleus: Nucleus, x: number, y: number, random: Random): PlacedNucleus {
  return { nucleus, x, y, grainX: random.uniform(0, 64), grainY: random.uniform(0, 64), radii: radiiOf(nucleus) };
}

/** Knots of the outline; a multiple of four. */
const DIRECTIONS = 96;

/** Paints what surrounds a nucleus: the gap where tissue shrank away, and its cytoplasm. */
export function paintSurroundings(canvas: Canvas, placed: PlacedNucleus): void {
  const { haematoxylin, eosin } = canvas;
  const { halo, cytoplasm, cytoplasmWidth } = placed.nucleus;
  forEachPixel(canvas, placed, cytoplasmWidth + 6, (i, distance) => {
    const cell = 1 - smoothstep(0.6 * cytoplasmWidth, cytoplasmWidth + 1.5, distance);
    const gap = halo * (1 - cell) * (1 - smoothstep(cytoplasmWidth + 1, cytoplasmWidth + 6, distance));
    const background = (1 - gap) * (1 - 0.7 * cell);
    haematoxylin[i] = (haematoxylin[i] as number) * background + 0.14 * cell;
    eosin[i] = (eosin[i] as number) * background + 0.8 * cytoplasm * cell;
  });
}

/** Paints the nucleus itself over whatever lies there. */
export function paintNucleus(canvas: Canvas, placed: PlacedNucleus, texture: Texture): void {
  const { haematoxylin, eosin } = canvas;
  const { nucleus } = placed;
  const { softness, rimWidth, rim, density, clumps, grain, length, width, nucleoli } = nucleus;
  forEachPixel(canvas, placed, softness, (i, distance, u, v) => {
    const cover = smoothstep(-softness, softness, -distance);
    if (cover === 0) return;
    const x = placed.grainX + u * grain;
    const y = placed.grainY + v * grain;
    const coarse = smoothstep(0.3, 0.7, texture.at(x, y)) - 0.5;
    const fine = texture.at(2.3 * x + 17, 2.3 * y + 31) - 0.5;
    const depth = distance / rimWidth;
    const membrane = rim * Math.exp(-depth * depth);
    const chromatin = density * Math.max(0.25, 1 + clumps * (coarse + 0.7 * fine)) + membrane;
    const spot = spotAt(nucleoli, u, v, length, width);
    haematoxylin[i] = (haematoxylin[i] as number) * (1 - cover) + (chromatin + spot) * cover;
    eosin[i] = (eosin[i] as number) * (1 - cover) + (nucleus.eosin + 0.35 * spot) * cover;
  });
}

function spotAt(nucleoli: readonly Nucleolus[], u: number, v: number, length: number, width: number): number {
  let density = 0;
  for (const spot of nucleoli) {
    const distance = Math.sqrt((u - spot.u * length) ** 2 + (v - spot.v * width) ** 2);
    density = Math.max(density, spot.density * (1 - smoothstep(spot.radius - 1, spot.radius + 1, distance)));
  }
  return density;
}

/**
 * Calls `visit` for each pixel within `margin` of the nucleus with its index, its distance from the outline (negative
 * inside, to first order) and its position along and across the nucleus.
 */
function forEachPixel(
  canvas: Canvas,
  { nucleus, x, y, radii }: PlacedNucleus,
  margin: number,
  visit: (index: number, distance: number, u: number, v: number) => void,
): void {
  const { size } = canvas;
  const { length, width, bend } = nucleus;
  const unit = FIELD / size;
  const reach = 1.35 * length + margin;
  const widest = Math.max(...radii);
  const cos = Math.cos(nucleus.angle);
  const sin = Math.sin(nucleus.angle);
  const from = (centre: number): number => Math.max(0, Math.floor((centre - reach) / unit));
  const to = (centre: number): number => Math.min(size, Math.ceil((centre + reach) / unit));
  for (let row = from(y); row < to(y); row++) {
    const dy = (row + 0.5) * unit - y;
    for (let column = from(x); column < to(x); column++) {
      const dx = (column + 0.5) * unit - x;
      const u = dx * cos + dy * sin;
      const v = dy * cos - dx * sin - bend * ((u * u) / length - length / 4);
      if (Math.abs(v) > 1.35 * width + margin) continue;
      const p = u / length;
      const q = v / width;
      const radius = Math.sqrt(p * p + q * q) + 1e-6;
      const slope = Math.sqrt((p / length) ** 2 + (q / width) ** 2) / radius + 1e-6;
      if (radius - widest > margin * slope) continue;
      // Runs from 0 to 4 around the centre as the angle does, without an arctangent.
      const side = q / (Math.abs(p) + Math.abs(q) + 1e-9);
      const around = p < 0 ? 2 - side : q < 0 ? 4 + side : side;
      const slot = Math.min(DIRECTIONS - 1, Math.floor(around * (DIRECTIONS / 4)));
      const low = radii[slot] as number;
      const edge = low + (around * (DIRECTIONS / 4) - slot) * ((radii[slot + 1] as number) - low);
      const distance = (radius - edge) / slope;
      if (distance < margin) visit(row * size + column, distance, u, v);
    }
  }
}

/**
 * The outline as a part of the half axes, in 96 directions and the first again. They are equally spaced along the
 * square |p| + |q| = 1 rather than the circle, which makes them quick to look up.
 */
function radiiOf({ waves, roundness }: Nucleus): Float64Array {
  const radii = new Float64Array(DIRECTIONS + 1);
  for (let i = 0; i <= DIRECTIONS; i++) {
    const around = (4 * i) / DIRECTIONS;
    const q = around < 1 ? around : around < 3 ? 2 - around : around - 4;
    const p = around < 2 ? 1 - around : around - 3;
    const angle = Math.atan2(q, p);
    const corner = Math.abs(Math.cos(angle)) ** roundness + Math.abs(Math.sin(angle)) ** roundness;
    let factor = 1;
    for (const [k, [amplitude, phase]] of waves.entries()) factor += amplitude * Math.cos((k + 2) * angle + phase);
    radii[i] = factor * corner ** (-1 / roundness);
  }
  return radii;
}
