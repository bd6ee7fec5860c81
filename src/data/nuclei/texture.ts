import type { Random } from "../../random.js";

/** Knots of a side of the lattice; a power of two. */
const SIDE = 64;

/**
 * Smooth random texture: value noise on a lattice that repeats every 64 knots (Perlin 1985; Ebert et al. 2002).
 *
 * Layers of one image share a lattice and look at it from different places and scales.
 */
export class Texture {
  readonly #knots = new Float32Array(SIDE * SIDE);

  constructor(random: Random) {
    for (let i = 0; i < this.#knots.length; i++) this.#knots[i] = random.uniform();
  }

  /** The value at (x, y) in knots, in [0, 1]; mean 1/2, standard deviation about 0.2. */
  at(x: number, y: number): number {
    const knots = this.#knots;
    const column = Math.floor(x);
    const row = Math.floor(y);
    const fx = fade(x - column);
    const fy = fade(y - row);
    const left = column & (SIDE - 1);
    const right = (column + 1) & (SIDE - 1);
    const above = (row & (SIDE - 1)) * SIDE;
    const below = ((row + 1) & (SIDE - 1)) * SIDE;
    const top = (knots[above + left] as number) * (1 - fx) + (knots[above + right] as number) * fx;
    const bottom = (knots[below + left] as number) * (1 - fx) + (knots[below + right] as number) * fx;
    return top * (1 - fy) + bottom * fy;
  }
}

function fade(t: number): number {
  return t * t * (3 - 2 * t);
}

/** 0 below `low`, 1 above `high`, smooth between. */
export function smoothstep(low: number, high: number, x: number): number {
  return fade(Math.min(1, Math.max(0, (x - low) / (high - low))));
}
