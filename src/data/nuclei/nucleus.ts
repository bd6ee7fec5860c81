import type { Random } from "../../random.js";

/** The classes of the nuclei, in the order of their labels. */
export const NUCLEUS_CLASSES = ["tumor", "stromal", "til"] as const;
export type NucleusClass = (typeof NUCLEUS_CLASSES)[number];

/** A dark spot within a nucleus; `u` and `v` as parts of its half axes. */
export interface Nucleolus {
  readonly u: number;
  readonly v: number;
  readonly radius: number;
  readonly density: number;
}

/** Everything that decides what a nucleus looks like. Lengths in units of the field, densities of the canvas. */
export interface Nucleus {
  /** Half axes, before the outline is deformed. */
  readonly length: number;
  readonly width: number;
  /** Direction of the long axis in radians. */
  readonly angle: number;
  /** How far the ends bend away from the axis, as a part of the length. */
  readonly bend: number;
  /** Exponent of the superellipse: 2 is an ellipse, less is a spindle with pointed ends. */
  readonly roundness: number;
  /** Amplitudes of the 2nd to 5th harmonic of the outline, and their phases. */
  readonly waves: readonly (readonly [amplitude: number, phase: number])[];
  /** Width of the transition at the outline. */
  readonly softness: number;
  /** Mean amount of haematoxylin. */
  readonly density: number;
  /** Eosin of the nucleoplasm. */
  readonly eosin: number;
  /** Haematoxylin that the nuclear membrane adds, and how far in it reaches. */
  readonly rim: number;
  readonly rimWidth: number;
  /** Relative strength of chromatin clumps, and knots of texture per unit of length. */
  readonly clumps: number;
  readonly grain: number;
  readonly nucleoli: readonly Nucleolus[];
  /** Eosin of the cytoplasm around it, and how far that reaches. */
  readonly cytoplasm: number;
  readonly cytoplasmWidth: number;
  /** How much of the tissue around it has shrunk away, in [0, 1]. */
  readonly halo: number;
}

/** Draws a nucleus of a class. `scale` is the magnification of the image. */
export function drawNucleus(kind: NucleusClass, random: Random, scale: number): Nucleus {
  const size = scale * Math.exp(random.normal(0, 0.06));
  switch (kind) {
    case "tumor":
      return drawTumor(random, size);
    case "stromal":
      return drawStromal(random, size);
    case "til":
      return drawTil(random, size);
    default:
      return kind satisfies never;
  }
}

/** Large, oval, irregular; pale chromatin in clumps, a sharp membrane, nucleoli. One in seven is dark all over. */
function drawTumor(random: Random, size: number): Nucleus {
  const dark = random.chance(0.15);
  const length = size * random.uniform(16, 26);
  return {
    ...outline(random, 0.03, 0.075),
    length,
    width: length * random.uniform(0.62, 0.94),
    bend: random.uniform(-0.1, 0.1),
    roundness: random.uniform(1.9, 2.3),
    density: dark ? random.uniform(0.9, 1.25) : random.uniform(0.4, 0.8),
    eosin: random.uniform(0.25, 0.5),
    rim: dark ? random.uniform(0.1, 0.4) : random.uniform(0.45, 1),
    rimWidth: size * random.uniform(1.6, 2.6),
    clumps: random.uniform(0.5, 1.1),
    grain: random.uniform(0.13, 0.24) / size,
    nucleoli: drawNucleoli(random, random.chance(0.08) ? 0 : 1 + random.below(3), size, 2.2, 4.2),
    cytoplasm: random.uniform(0.3, 0.8),
    cytoplasmWidth: size * random.uniform(6, 18),
    halo: random.chance(0.2) ? random.uniform(0.2, 0.6) : 0,
  };
}

/** A spindle of even chromatin. One in six is plump and paler, at times with a small nucleolus. */
function drawStromal(random: Random, size: number): Nucleus {
  const plump = random.chance(0.18);
  const length = size * (plump ? random.uniform(15, 21) : random.uniform(19, 33));
  return {
    ...outline(random, 0.01, 0.05),
    length,
    width: plump ? length * random.uniform(0.42, 0.62) : size * random.uniform(4.2, 8),
    bend: random.uniform(-0.22, 0.22),
    roundness: random.uniform(1.35, 1.95),
    density: plump ? random.uniform(0.6, 1) : random.uniform(0.8, 1.35),
    eosin: random.uniform(0.3, 0.6),
    rim: random.uniform(0.1, 0.4),
    rimWidth: size * random.uniform(1.4, 2.2),
    clumps: random.uniform(0.15, 0.45),
    grain: random.uniform(0.16, 0.3) / size,
    nucleoli: drawNucleoli(random, plump && random.chance(0.4) ? 1 : 0, size, 1.6, 2.4),
    cytoplasm: random.uniform(0.3, 0.7),
    cytoplasmWidth: size * random.uniform(1, 4),
    halo: random.chance(0.25) ? random.uniform(0.2, 0.6) : 0,
  };
}

/** Small, round, dense, with coarse clumps and little cytoplasm. One in six is larger, oval and paler. */
function drawTil(random: Random, size: number): Nucleus {
  const active = random.chance(0.16);
  const length = size * (active ? random.uniform(13.5, 17) : random.uniform(10.5, 14.5));
  return {
    ...outline(random, 0.01, 0.045),
    length,
    width: length * (active ? random.uniform(0.7, 0.9) : random.uniform(0.82, 1)),
    bend: 0,
    roundness: random.uniform(1.9, 2.2),
    density: active ? random.uniform(0.9, 1.3) : random.uniform(1.15, 1.8),
    eosin: random.uniform(0.25, 0.55),
    rim: random.uniform(0.1, 0.4),
    rimWidth: size * random.uniform(1.4, 2.4),
    clumps: random.uniform(0.25, 0.55),
    grain: random.uniform(0.15, 0.22) / size,
    nucleoli: [],
    cytoplasm: random.uniform(0.2, 0.7),
    cytoplasmWidth: size * random.uniform(1.5, 4.5),
    halo: random.chance(0.35) ? random.uniform(0.3, 0.8) : 0,
  };
}

function outline(random: Random, low: number, high: number): Pick<Nucleus, "angle" | "waves" | "softness"> {
  const amplitude = random.uniform(low, high);
  const waves = [2, 3, 4, 5].map(
    (k) => [(amplitude * random.normal() * 2) / k, random.uniform(0, 2 * Math.PI)] as const,
  );
  return { angle: random.uniform(0, 2 * Math.PI), waves, softness: random.uniform(1, 2.2) };
}

function drawNucleoli(random: Random, count: number, size: number, low: number, high: number): Nucleolus[] {
  return Array.from({ length: count }, () => {
    const distance = 0.6 * Math.sqrt(random.uniform());
    const angle = random.uniform(0, 2 * Math.PI);
    return {
      u: distance * Math.cos(angle),
      v: distance * Math.sin(angle),
      radius: size * random.uniform(low, high),
      density: random.uniform(0.8, 1.5),
    };
  });
}
