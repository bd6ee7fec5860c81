import { ArgumentError } from "../errors.js";
import { Random } from "../random.js";
import { ImageSet } from "./image-set.js";
import { type Canvas, FIELD, newCanvas } from "./nuclei/canvas.js";
import { drawNucleus, NUCLEUS_CLASSES, type NucleusClass } from "./nuclei/nucleus.js";
import { drawOptics, photograph } from "./nuclei/optics.js";
import { paintNucleus, paintSurroundings, placeNucleus } from "./nuclei/paint.js";
import { Texture } from "./nuclei/texture.js";
import { drawTissue, paintTissue, type Tissue } from "./nuclei/tissue.js";

export interface SyntheticNucleiOptions {
  /** The number of images. */
  readonly count: number;
  /** Pixels of a side; the field of view stays the same. Default 90. */
  readonly size?: number;
  /** Default 0. */
  readonly seed?: number;
  /** The number of the first image: sets of one seed whose numbers do not overlap have no image in common. Default 0. */
  readonly start?: number;
}

/**
 * Synthetic crops of cell nuclei as in tissue stained with haematoxylin and eosin, for trying things out without data.
 *
 * The nucleus in the middle decides the class: `tumor` is large and pale with clumped chromatin, a sharp membrane and
 * nucleoli; `stromal` a spindle, mostly among collagen fibres; `til` (a lymphocyte) small, round and dark. Around it lie
 * neighbours of any class. Stain, hue, light, focus, scale and orientation vary over the same ranges for all classes,
 * and the mean amounts of both stains are drawn apart from the class, so that mean colour says little about it.
 *
 * Image i depends on nothing but the seed, i and the size; its class is i modulo 3, so any run of images is balanced to
 * within one. The images are drawings: a network trained on them knows nothing about patients.
 *
 * @throws ArgumentError when a number is not whole or out of range
 */
export function syntheticNuclei({ count, size = 90, seed = 0, start = 0 }: SyntheticNucleiOptions): ImageSet {
  for (const [name, value, least, most] of [
    ["count", count, 0, 1e7],
    ["size", size, 8, 1024],
    ["start", start, 0, 2 ** 31],
    ["seed", seed, -(2 ** 53), 2 ** 53],
  ] as const) {
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new ArgumentError(
        `synthetic nuclei: ${name} must be a whole number from ${least} to ${most}, not ${value}`,
      );
    }
  }
  const bytes = size * size * 3;
  const pixels = new Uint8Array(count * bytes);
  const labels = new Uint8Array(count);
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const index = start + i;
    const label = index % NUCLEUS_CLASSES.length;
    drawImage(classOf(label), size, new Random(seed, "nuclei", index), pixels.subarray(i * bytes, (i + 1) * bytes));
    labels[i] = label;
    names.push(`synthetic/${index}`);
  }
  return new ImageSet({
    name: "synthetic nuclei",
    classes: NUCLEUS_CLASSES,
    sizes: { width: size, height: size },
    pixels,
    labels,
    names,
  });
}

const TISSUES: readonly Tissue[] = ["collagen", "epithelium", "loose"];

function classOf(label: number): NucleusClass {
  return NUCLEUS_CLASSES[label] ?? "tumor";
}

function drawImage(kind: NucleusClass, size: number, random: Random, out: Uint8Array): void {
  const canvas = newCanvas(size);
  const texture = new Texture(random);
  const scale = Math.exp(random.normal(0, 0.1));
  const nucleus = drawNucleus(kind, random, scale);
  const [x, y] = [FIELD / 2 + random.normal(0, 2), FIELD / 2 + random.normal(0, 2)];
  const placed = placeNucleus(nucleus, x, y, random);

  const tissue = drawTissue(kind, random);
  // Fibres run along spindle cells; other nuclei do not care, and their angle is random.
  const fibres = nucleus.angle + random.normal(0, 0.15);
  paintTissue(canvas, tissue, TISSUES[random.below(3)] ?? tissue, fibres, texture, random);

  paintSurroundings(canvas, placed);
  paintNeighbours(canvas, fibres, scale, texture, random);
  paintNucleus(canvas, placed, texture);
  photograph(canvas, drawOptics(random), drawGains(canvas, random), random, out);
}

/** Up to six nuclei of any class around the border, most of them cut by it. */
function paintNeighbours(canvas: Canvas, fibres: number, scale: number, texture: Texture, random: Random): void {
  const count = random.below(7);
  const from = random.uniform(0, 2 * Math.PI);
  for (let k = 0; k < count; k++) {
    const kind = classOf(random.below(3));
    const drawn = drawNucleus(kind, random, scale);
    const nucleus = kind === "stromal" ? { ...drawn, angle: fibres + random.normal(0, 0.3) } : drawn;
    const direction = from + ((k + random.uniform(-0.35, 0.35)) * 2 * Math.PI) / count;
    const distance = random.uniform(32, 44) + 0.45 * nucleus.width;
    const [x, y] = [distance * Math.cos(direction), distance * Math.sin(direction)];
    const placed = placeNucleus(nucleus, FIELD / 2 + x, FIELD / 2 + y, random);
    paintSurroundings(canvas, placed);
    paintNucleus(canvas, placed, texture);
  }
}

/** How strongly this slide is stained, such that the mean of each stain over the image says little about the class. */
function drawGains({ haematoxylin, eosin }: Canvas, random: Random): [number, number] {
  const gain = (amounts: Float32Array, low: number, high: number): number => {
    let sum = 0;
    for (let i = 0; i < amounts.length; i++) sum += amounts[i] as number;
    const wanted = random.uniform(low, high);
    const exact = wanted / (sum / amounts.length + 1e-6);
    return Math.min(1.6, Math.max(0.6, exact ** 0.75));
  };
  return [gain(haematoxylin, 0.3, 0.65), gain(eosin, 0.25, 0.55)];
}
