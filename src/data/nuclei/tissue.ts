import type { Random } from "../../random.js";
import { type Canvas, FIELD } from "./canvas.js";
import type { NucleusClass } from "./nucleus.js";
import { smoothstep, type Texture } from "./texture.js";

/** What lies between nuclei: wavy collagen, the granular cytoplasm of epithelium, or loose tissue that is mostly gaps. */
export type Tissue = "collagen" | "epithelium" | "loose";

/** In which tissue nuclei of a class lie, how often. They overlap: the surroundings alone do not give the class. */
const SURROUNDINGS: Record<NucleusClass, Record<Tissue, number>> = {
  tumor: { collagen: 0.2, epithelium: 0.55, loose: 0.25 },
  stromal: { collagen: 0.6, epithelium: 0.15, loose: 0.25 },
  til: { collagen: 0.33, epithelium: 0.32, loose: 0.35 },
};

/** Draws the tissue around a nucleus of a class. */
export function drawTissue(kind: NucleusClass, random: Random): Tissue {
  const { collagen, epithelium } = SURROUNDINGS[kind];
  const at = random.uniform();
  return at < collagen ? "collagen" : at < collagen + epithelium ? "epithelium" : "loose";
}

/** A function that adds the stain of tissue at (x, y), in units of the field, to the pixel `index`. */
type Layer = (index: number, x: number, y: number, weight: number) => void;

/**
 * Fills the canvas with tissue: all of one kind, or half of the time two that meet along a wavy border.
 *
 * @param main the tissue around the middle
 * @param direction of collagen fibres, in radians
 */
export function paintTissue(
  canvas: Canvas,
  main: Tissue,
  other: Tissue,
  direction: number,
  texture: Texture,
  random: Random,
): void {
  const { size } = canvas;
  const unit = FIELD / size;
  const first = layerOf(main, canvas, direction, texture, random);
  const second = layerOf(other, canvas, direction, texture, random);
  const mixed = main !== other && random.chance(0.5);
  const side = random.uniform(0, 2 * Math.PI);
  const [cos, sin] = [Math.cos(side), Math.sin(side)];
  const border = random.uniform(14, 40);
  const [wx, wy] = [random.uniform(0, 64), random.uniform(0, 64)];
  for (let row = 0, i = 0; row < size; row++) {
    const y = (row + 0.5) * unit;
    for (let column = 0; column < size; column++, i++) {
      const x = (column + 0.5) * unit;
      let beyond = 0;
      if (mixed) {
        const along = (x - FIELD / 2) * cos + (y - FIELD / 2) * sin + 22 * (texture.at(wx + x / 22, wy + y / 22) - 0.5);
        beyond = smoothstep(border - 1.5, border + 1.5, along);
      }
      if (beyond < 1) first(i, x, y, 1 - beyond);
      if (beyond > 0) second(i, x, y, beyond);
    }
  }
}

function layerOf(tissue: Tissue, canvas: Canvas, direction: number, texture: Texture, random: Random): Layer {
  switch (tissue) {
    case "collagen":
      return collagen(canvas, direction, texture, random);
    case "epithelium":
      return epithelium(canvas, texture, random);
    case "loose":
      return loose(canvas, texture, random);
    default:
      return tissue satisfies never;
  }
}

/** Bundles of fibres along a wavy direction, with clefts between some of them. */
function collagen({ haematoxylin, eosin }: Canvas, direction: number, texture: Texture, random: Random): Layer {
  const [ox, oy] = [random.uniform(0, 64), random.uniform(0, 64)];
  const cos = Math.cos(direction);
  const sin = Math.sin(direction);
  const waviness = random.uniform(3, 11);
  const density = random.uniform(0.55, 1);
  const fineness = random.uniform(0.16, 0.3);
  const clefts = random.uniform(0.6, 0.95);
  return (i, x, y, weight) => {
    const u = x * cos + y * sin;
    const v = y * cos - x * sin + waviness * texture.at(ox + u / 26, oy + (y * cos - x * sin) / 60);
    const bundle = texture.at(ox + u / 60, oy + v * fineness * 0.45);
    const fibre = texture.at(oy + u / 34, ox + v * fineness * 1.5);
    const cleft = smoothstep(clefts, clefts + 0.12, texture.at(ox + 31 + u / 45, oy + 11 + v * 0.13));
    const amount = weight * density * (1 - 0.9 * cleft);
    eosin[i] = (eosin[i] as number) + amount * (0.35 + 0.6 * bundle + 0.55 * fibre);
    haematoxylin[i] = (haematoxylin[i] as number) + amount * (0.05 + 0.16 * fibre);
  };
}

/** Granular cytoplasm, more or less purple, with pale lines where cells meet. */
function epithelium({ haematoxylin, eosin }: Canvas, texture: Texture, random: Random): Layer {
  const [ox, oy] = [random.uniform(0, 64), random.uniform(0, 64)];
  const density = random.uniform(0.5, 0.95);
  const purple = random.uniform(0.12, 0.5);
  const granules = random.uniform(0.2, 0.7);
  const borders = random.uniform(0, 0.7);
  return (i, x, y, weight) => {
    const cloud = texture.at(ox + x / 19, oy + y / 19);
    const grain = texture.at(oy + x / 3.1, ox + y / 3.1) - 0.5;
    const line = Math.abs(texture.at(ox + 23 + x / 27, oy + 41 + y / 27) - 0.5);
    const amount = weight * density * (1 - borders * (1 - smoothstep(0.01, 0.04, line)));
    const body = Math.max(0, 0.5 + 0.7 * cloud + granules * grain);
    eosin[i] = (eosin[i] as number) + amount * body;
    haematoxylin[i] = (haematoxylin[i] as number) + amount * purple * body;
  };
}

/** Thin strands and wisps with bare glass between them. */
function loose({ haematoxylin, eosin }: Canvas, texture: Texture, random: Random): Layer {
  const [ox, oy] = [random.uniform(0, 64), random.uniform(0, 64)];
  const reach = random.uniform(9, 16);
  const density = random.uniform(0.5, 1);
  const openness = random.uniform(0.4, 0.62);
  return (i, x, y, weight) => {
    const strand = Math.abs(texture.at(ox + x / reach, oy + y / reach) - 0.5);
    const patch = smoothstep(openness, openness + 0.22, texture.at(oy + x / 17, ox + y / 17));
    const wisp = 1 - smoothstep(0.015, 0.09, strand);
    const amount = weight * density * Math.max(0.06, 0.75 * wisp, patch);
    const grain = 0.7 + 0.6 * texture.at(oy + x / 4, ox + y / 4);
    eosin[i] = (eosin[i] as number) + amount * grain;
    haematoxylin[i] = (haematoxylin[i] as number) + amount * 0.16 * grain;
  };
}
