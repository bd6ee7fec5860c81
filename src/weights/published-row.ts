import { IMAGENET_NORMALIZATION, type Normalization } from "../models/index.js";
import type { Preprocessing } from "../preprocessing.js";

/** What the table of published weights says of a file. */
export interface TableRow {
  /** Its name; the eight digits before the ending are how the file's SHA-256 begins. */
  readonly file: string;
  /** Size in MiB, to three digits after the point. */
  readonly mebibytes: number;
  /** Accuracy on ImageNet's validation images, in percent. */
  readonly top1: number;
  readonly top5: number;
  readonly preprocessing: Preprocessing;
}

/** Pixel values in [-1, 1]. */
export const HALF: Normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/** @param resize the shorter side @param crop the side of the square, both in pixels */
export function bilinear(resize: number, crop: number, normalization = IMAGENET_NORMALIZATION): Preprocessing {
  return { resize, crop, interpolation: "bilinear", antialias: true, ...normalization };
}

/** As {@link bilinear}. */
export function bicubic(resize: number, crop: number, normalization = IMAGENET_NORMALIZATION): Preprocessing {
  return { ...bilinear(resize, crop, normalization), interpolation: "bicubic" };
}
